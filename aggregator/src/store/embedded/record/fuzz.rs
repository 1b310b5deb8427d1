//! Any bytes as any stored value, for the fuzz target.

use super::checkpoint::StoredCheckpoint;
use super::dedupe::{StoredKey, decode_progress, encode_progress};
use super::entry::{EntryReader, EntryWriter};
use super::{group, part};

/// Checks that bytes are read or refused, and that what is read can be written and read again.
#[expect(clippy::unwrap_used, reason = "a fuzz target fails by panicking")]
pub(crate) fn check(bytes: &[u8]) {
    for entry in group::unpack(bytes).flatten() {
        check_entry(entry);
    }
    if let Ok(checkpoint) = StoredCheckpoint::decode(bytes) {
        assert_eq!(StoredCheckpoint::decode(&checkpoint.encode().unwrap()).unwrap(), checkpoint);
    }
    if let Ok(key) = StoredKey::decode(bytes) {
        assert_eq!(StoredKey::decode(&key.encode().unwrap()).unwrap(), key);
    }
    if let Ok(progress) = decode_progress(bytes) {
        assert_eq!(decode_progress(&encode_progress(&progress).unwrap()).unwrap(), progress);
    }
    if let Ok(records) = part::decode_records(bytes) {
        let again = part::decode_records(&part::encode_records(&records).unwrap()).unwrap();
        assert_eq!(again, records);
    }
    if let Ok(names) = part::decode_names(bytes) {
        let texts: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        assert_eq!(part::decode_names(&part::encode_names(&texts).unwrap()).unwrap(), names);
    }
}

#[expect(clippy::unwrap_used, reason = "a fuzz target fails by panicking")]
fn check_entry(entry: &[u8]) {
    let Ok(reader) = EntryReader::new(entry) else { return };
    let reporter = reader.reporter();
    let Ok(flows) = reader.collect::<Result<Vec<_>, _>>() else { return };
    let mut writer = EntryWriter::new(reporter, flows.len());
    for flow in &flows {
        writer.push(flow.hour, flow.names, flow.counters);
    }
    let written = writer.finish();
    let again = EntryReader::new(&written).unwrap().map(Result::unwrap);
    for (again, flow) in again.zip(&flows) {
        assert_eq!(
            (again.hour, again.names, again.counters),
            (flow.hour, flow.names, flow.counters)
        );
    }
}
