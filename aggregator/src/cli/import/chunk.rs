//! `Chunk`: the flows of one request, and the key by which the server applies it once.

use sha2::{Digest, Sha256};

use super::fault::{self, Fault};
use super::record::Records;
use super::source::Count;
use crate::limits::CHUNK_RECORDS;

/// Names this way of making keys. Another way must have another name.
const KEY_PREFIX: &str = "fas-import-1-";

/// The flows of one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Its position among the chunks of the input, from 0.
    pub index: u64,
    /// Its flows, as lines of JSON in their standard form.
    pub body: Vec<u8>,
    /// How many there are.
    pub flows: u64,
    /// The bytes of the input that were read for it.
    pub input_bytes: u64,
    /// The lines of the flows in the input, where it has lines.
    pub lines: Vec<Option<u64>>,
}

impl Chunk {
    /// The key of the write: of the label, the position and the flows, and of nothing else. The
    /// same input makes the same keys in any format, under any name and from any machine, and so
    /// does the part of a corrected input before the correction.
    pub fn key(&self, label: &str) -> String {
        let mut hash = Sha256::new();
        // Lengths keep label and flows apart.
        hash.update((label.len() as u64).to_le_bytes());
        hash.update(label);
        hash.update(self.index.to_le_bytes());
        hash.update(&self.body);
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{KEY_PREFIX}{hex}")
    }

    /// Where in the input the flow at `index` of this chunk is, or the chunk when none is given.
    pub fn place(&self, index: Option<u64>, field: Option<&str>) -> String {
        let first = self.index * CHUNK_RECORDS as u64;
        let Some(index) = index else {
            let last = first + self.flows.saturating_sub(1);
            return format!("chunk {} (indexes {first} to {last})", self.index);
        };
        let position = usize::try_from(index).ok();
        let line = position.and_then(|position| self.lines.get(position).copied().flatten());
        fault::place(Some(first + index), line, field)
    }
}

/// The chunks of an input.
pub(super) struct Chunks {
    records: Box<dyn Records>,
    count: Count,
    /// Bytes of the input that were read for earlier chunks.
    counted: u64,
    index: u64,
    is_done: bool,
}

impl Chunks {
    /// The chunks of these flows, which are read from an input of which `count` bytes are read.
    pub fn new(records: Box<dyn Records>, count: Count) -> Self {
        Self { records, count, counted: 0, index: 0, is_done: false }
    }

    fn fill(&mut self, chunk: &mut Chunk) -> Result<(), Fault> {
        while chunk.flows < CHUNK_RECORDS as u64 {
            let Some(place) = self.records.append_next(&mut chunk.body)? else {
                self.is_done = true;
                break;
            };
            chunk.lines.push(place.line);
            chunk.flows += 1;
        }
        Ok(())
    }
}

impl Iterator for Chunks {
    type Item = Result<Chunk, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let mut chunk = Chunk { index: self.index, ..Chunk::default() };
        if let Err(fault) = self.fill(&mut chunk) {
            self.is_done = true;
            return Some(Err(fault));
        }
        self.index += 1;
        chunk.input_bytes = self.count.get() - self.counted;
        self.counted = self.count.get();
        (chunk.flows > 0).then_some(Ok(chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::ndjson::Ndjson;

    fn line(hour: u64) -> String {
        format!(
            "{{\"src_app\":\"a\",\"dest_app\":\"b\",\"vpc_id\":\"v\",\"bytes_tx\":1,\"bytes_rx\":2,\"hour\":{hour}}}\n"
        )
    }

    fn chunks(text: String) -> Vec<Result<Chunk, Fault>> {
        let records = Box::new(Ndjson::new(std::io::Cursor::new(text.into_bytes())));
        Chunks::new(records, Count::default()).collect()
    }

    #[test]
    fn an_input_is_cut_at_every_thousandth_flow() {
        let size = CHUNK_RECORDS as u64;
        let sizes = |flows: u64| -> Vec<u64> {
            let text = (0..flows).map(line).collect();
            chunks(text).into_iter().map(|chunk| chunk.unwrap().flows).collect()
        };
        assert_eq!(sizes(0), [] as [u64; 0]);
        assert_eq!(sizes(size), [size]);
        assert_eq!(sizes(size + 1), [size, 1]);
    }

    #[test]
    fn after_a_fault_there_is_nothing_more() {
        let mut text: String = (0..CHUNK_RECORDS as u64).map(line).collect();
        text.push_str("{}\n");
        text.push_str(&line(1));
        let chunks = chunks(text);
        assert_eq!(chunks.len(), 2);
        assert!(chunks[0].is_ok());
        assert_eq!(chunks[1].as_ref().unwrap_err().index, Some(CHUNK_RECORDS as u64));
    }

    #[test]
    fn keys_are_for_ever() {
        let chunk = Chunk { index: 1, body: b"x".to_vec(), ..Chunk::default() };
        // The SHA-256 of 0x0500000000000000, "label", 0x0100000000000000 and "x".
        let key = chunk.key("label");
        assert_eq!(key, GOLDEN_KEY);
        assert!(key.len() <= 255 && key.bytes().all(|byte| byte.is_ascii_graphic()));
        let other_index = Chunk { index: 2, body: b"x".to_vec(), ..Chunk::default() };
        let other_body = Chunk { index: 1, body: b"y".to_vec(), ..Chunk::default() };
        for other in [chunk.key(""), other_index.key("label"), other_body.key("label")] {
            assert_ne!(other, key);
        }
    }

    const GOLDEN_KEY: &str =
        "fas-import-1-fcfcf94996e939abb35047acdcae3c2d1bd9bc0147038e8c2ee68b6c555c7f4a";

    #[test]
    fn a_flow_is_found_in_the_whole_input() {
        let text = format!("\n{}", (0..1_500).map(line).collect::<String>());
        let chunks = chunks(text);
        let second = chunks[1].as_ref().unwrap();
        assert_eq!(second.place(Some(3), Some("hour")), "index 1003 (line 1005), field hour");
        assert_eq!(second.place(None, None), "chunk 1 (indexes 1000 to 1499)");
    }
}
