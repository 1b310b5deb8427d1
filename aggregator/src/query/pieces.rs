//! `Pieces`: an answer of any length, made a piece at a time, no faster than it is taken.

use flow_model::Flow;

use super::Format;
use super::encode::{Encoder, encoder};
use crate::limits::STREAM_CHUNK_BYTES;
use crate::store::{ReadError, Scan};

/// The bytes that a piece may be longer than [`STREAM_CHUNK_BYTES`] without growing.
const SLACK_BYTES: usize = 1_024;

/// The flows of a scan in a format, as pieces of about [`STREAM_CHUNK_BYTES`]. After an error
/// there is nothing more.
pub(crate) struct Pieces {
    scan: Box<dyn Scan>,
    encoder: Box<dyn Encoder>,
    state: State,
}

#[derive(PartialEq)]
enum State {
    Start,
    Rows,
    End,
}

impl Pieces {
    /// All flows of the scan.
    ///
    /// # Errors
    /// When the format cannot be written.
    pub fn new(scan: Box<dyn Scan>, format: Format) -> Result<Self, ReadError> {
        Ok(Self { scan, encoder: encoder(format)?, state: State::Start })
    }

    /// Makes the next piece on a thread that may block, and holds none between two pieces.
    pub async fn pull(self) -> (Option<Result<Vec<u8>, ReadError>>, Option<Self>) {
        let mut pieces = self;
        let pulled = tokio::task::spawn_blocking(move || (pieces.next(), Some(pieces))).await;
        pulled.unwrap_or_else(|error| (Some(Err(ReadError(error.to_string()))), None))
    }

    fn piece(&mut self) -> Result<Vec<u8>, ReadError> {
        let mut piece = Vec::with_capacity(STREAM_CHUNK_BYTES + SLACK_BYTES);
        if self.state == State::Start {
            self.encoder.begin(&mut piece)?;
            self.state = State::Rows;
        }
        while piece.len() < STREAM_CHUNK_BYTES {
            let Some(row) = self.scan.next()? else {
                self.encoder.end(&mut piece)?;
                self.state = State::End;
                break;
            };
            let flow = Flow { key: row.key, hour: row.hour, counters: row.sides.reconciled() };
            self.encoder.flow(&flow, &mut piece)?;
        }
        Ok(piece)
    }
}

impl Iterator for Pieces {
    type Item = Result<Vec<u8>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::End {
            return None;
        }
        let piece = self.piece();
        if piece.is_err() {
            self.state = State::End;
        }
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use flow_model::{Counters, FlowKey, Name};

    use super::*;
    use crate::store::{Row, Sides};

    /// So many equal rows, and then the end or an error.
    struct Rows {
        left: usize,
        fails: bool,
    }

    impl Scan for Rows {
        fn next(&mut self) -> Result<Option<Row<'_>>, ReadError> {
            if self.left == 0 {
                return if self.fails { Err(ReadError("disk".to_owned())) } else { Ok(None) };
            }
            self.left -= 1;
            let name = |text| Name::new(text).unwrap();
            let key = FlowKey { src_app: name("a,\"b"), dest_app: name("c"), vpc_id: name("v") };
            let sides = Sides { source: Counters::new(1, 2).unwrap(), ..Sides::default() };
            Ok(Some(Row { hour: 3, key, sides }))
        }
    }

    fn pieces(left: usize, fails: bool, format: Format) -> Vec<Result<Vec<u8>, ReadError>> {
        Pieces::new(Box::new(Rows { left, fails }), format).unwrap().collect()
    }

    #[test]
    fn a_long_answer_comes_in_pieces_and_is_whole() {
        let rows = 10_000;
        for (format, start, row, end) in [
            (Format::Ndjson, "", NDJSON_ROW, ""),
            (Format::Csv, "src_app,dest_app,vpc_id,bytes_tx,bytes_rx,hour\r\n", CSV_ROW, ""),
            (Format::Json, "[", NDJSON_ROW.trim_end(), "]"),
        ] {
            let pieces: Vec<_> =
                pieces(rows, false, format).into_iter().map(Result::unwrap).collect();
            assert!(pieces.len() > 2, "{format:?}");
            assert!(pieces.iter().all(|piece| piece.len() <= STREAM_CHUNK_BYTES + SLACK_BYTES));
            let separator = if format == Format::Json { "," } else { "" };
            let expected = format!("{start}{}{end}", vec![row; rows].join(separator));
            assert_eq!(String::from_utf8(pieces.concat()).unwrap(), expected, "{format:?}");
        }
    }

    const NDJSON_ROW: &str = "{\"src_app\":\"a,\\\"b\",\"dest_app\":\"c\",\"vpc_id\":\"v\",\
                              \"bytes_tx\":1,\"bytes_rx\":2,\"hour\":3}\n";

    const CSV_ROW: &str = "\"a,\"\"b\",c,v,1,2,3\r\n";

    #[test]
    fn nothing_is_an_answer_too() {
        assert_eq!(pieces(0, false, Format::Json), [Ok(b"[]".to_vec())]);
        assert_eq!(pieces(0, false, Format::Ndjson), [Ok(Vec::new())]);
    }

    #[test]
    fn an_error_ends_it_without_the_end() {
        for format in [Format::Json, Format::Ndjson, Format::Csv] {
            let pieces = pieces(5_000, true, format);
            let (last, before) = pieces.split_last().unwrap();
            assert!(last.is_err() && before.iter().all(Result::is_ok));
            let text: Vec<u8> = before.iter().flatten().flatten().copied().collect();
            assert!(!text.ends_with(b"]"));
        }
    }
}
