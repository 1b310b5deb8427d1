//! `Note`: what is left in a store while another one is moved into it: which move it is, and how
//! far it has come for certain.

use std::time::Duration;

use flow_model::{FlowKey, Hour, Name};
use serde::{Deserialize, Serialize};

use crate::clock::now_ms;
use crate::limits::MAX_MOVE_REST;
use crate::store::Position;

const VERSION: u8 = 1;

/// How far a move has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    version: u8,
    /// Tells this move from all others.
    pub id: String,
    /// What is moved.
    source: String,
    /// What it holds, as a hash.
    census: String,
    /// How many flows have been moved.
    pub flows: u64,
    /// The last of them.
    after: Option<After>,
    /// When this was written, in milliseconds since the Unix epoch.
    noted_ms: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct After {
    hour: Hour,
    src_app: String,
    dest_app: String,
    vpc_id: String,
}

/// Why a move cannot go on.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoteError {
    #[error("what is noted there of a move cannot be read: {0}")]
    Unreadable(String),
    #[error("{0} is being moved into it: go on with that, or move into an empty store")]
    OtherSource(String),
    #[error(
        "the move into it began when {0} held something else: move into another, empty store, and \
         let nothing write to {0} meanwhile"
    )]
    OtherContents(String),
    #[error(
        "the move into it has rested for more than {} hours, so that it cannot be told any more \
         what has arrived: move into another, empty store",
        MAX_MOVE_REST.as_secs() / 3_600
    )]
    TooLate,
}

impl Note {
    /// A new move of a source that holds this.
    pub fn new(source: &str, census: &str) -> Result<Self, String> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| format!("no random numbers: {error}"))?;
        Ok(Self {
            version: VERSION,
            id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
            source: source.to_owned(),
            census: census.to_owned(),
            flows: 0,
            after: None,
            noted_ms: now_ms(),
        })
    }

    /// Reads what was noted.
    pub fn read(bytes: &[u8]) -> Result<Self, NoteError> {
        let unreadable = |reason: String| NoteError::Unreadable(reason);
        let note: Self =
            serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
        if note.version != VERSION {
            return Err(unreadable(format!("version {}", note.version)));
        }
        note.position().map_err(unreadable)?;
        Ok(note)
    }

    /// The bytes to leave.
    pub fn bytes(&self) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }

    /// The same move, to go on with, if it is of this source and that holds the same.
    pub fn go_on(self, source: &str, census: &str) -> Result<Self, NoteError> {
        let rest = Duration::from_millis(now_ms().abs_diff(self.noted_ms));
        if self.source != source {
            Err(NoteError::OtherSource(self.source))
        } else if self.census != census {
            Err(NoteError::OtherContents(self.source))
        } else if rest > MAX_MOVE_REST {
            Err(NoteError::TooLate)
        } else {
            Ok(self)
        }
    }

    /// The last flow that has been moved, with all before it.
    pub fn position(&self) -> Result<Option<Position>, String> {
        let Some(after) = &self.after else { return Ok(None) };
        let name = |text: &str| Name::new(text.to_owned()).map_err(|error| error.to_string());
        let key = FlowKey {
            src_app: name(&after.src_app)?,
            dest_app: name(&after.dest_app)?,
            vpc_id: name(&after.vpc_id)?,
        };
        Ok(Some(Position { hour: after.hour, key }))
    }

    /// So many more flows are there, up to this one.
    pub fn advance(&mut self, flows: u64, last: &Position) {
        let FlowKey { src_app, dest_app, vpc_id } = &last.key;
        self.flows += flows;
        self.after = Some(After {
            hour: last.hour,
            src_app: src_app.to_string(),
            dest_app: dest_app.to_string(),
            vpc_id: vpc_id.to_string(),
        });
    }

    /// The time of the note is now.
    pub fn touch(&mut self) {
        self.noted_ms = now_ms();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_comes_back_as_it_was() {
        let mut note = Note::new("/d", "c").unwrap();
        assert_eq!(note.position().unwrap(), None);
        let name = |text: &'static str| Name::new(text).unwrap();
        let key = FlowKey { src_app: name("a\"b"), dest_app: name("d"), vpc_id: name("v") };
        let last = Position { hour: 7, key };
        note.advance(1_000, &last);
        let read = Note::read(&note.bytes().unwrap()).unwrap();
        assert_eq!(read.position().unwrap(), Some(last));
        assert_eq!((&read, read.flows), (&note, 1_000));
        assert!(Note::read(b"{}").is_err() && Note::read(b"").is_err());
        let newer = Note { version: 2, ..note };
        let error = Note::read(&newer.bytes().unwrap()).unwrap_err();
        assert!(error.to_string().contains("version 2"), "{error}");
    }

    #[test]
    fn only_the_same_move_goes_on_and_in_time() {
        let note = Note::new("/d", "c").unwrap();
        assert_eq!(note.clone().go_on("/d", "c"), Ok(note.clone()));
        assert_eq!(note.clone().go_on("/e", "c"), Err(NoteError::OtherSource("/d".to_owned())));
        assert_eq!(note.clone().go_on("/d", "d"), Err(NoteError::OtherContents("/d".to_owned())));
        let rest_ms = MAX_MOVE_REST.as_millis() as u64;
        let old = Note { noted_ms: note.noted_ms - rest_ms - 1, ..note.clone() };
        assert_eq!(old.go_on("/d", "c"), Err(NoteError::TooLate));
        let fresh = Note { noted_ms: now_ms() - rest_ms + 60_000, ..note };
        assert!(fresh.go_on("/d", "c").is_ok());
    }
}
