//! The parts of an hour on disk: consecutive names, and consecutive records.

use flow_model::Name;

use super::entry::counters;
use super::{DecodeError, FORMAT, decode, encode};
use crate::store::Sides;
use crate::store::embedded::hour_table::Record;

/// The bytes of consecutive names of an hour.
pub(in crate::store::embedded) fn encode_names(names: &[&str]) -> Result<Vec<u8>, DecodeError> {
    encode(FORMAT, &names, names.len() * 16)
}

/// The names of a part.
pub(in crate::store::embedded) fn decode_names(bytes: &[u8]) -> Result<Vec<Name<'_>>, DecodeError> {
    let names: Vec<&str> = decode(FORMAT, bytes)?;
    names.into_iter().map(|name| Name::new(name).map_err(DecodeError::damaged)).collect()
}

type StoredRecord = ([u32; 3], [u64; 4]);

/// The bytes of consecutive records of an hour.
pub(in crate::store::embedded) fn encode_records(
    records: &[Record],
) -> Result<Vec<u8>, DecodeError> {
    let stored = records.iter().map(|Record { key, sides }| {
        let Sides { source: s, destination: d } = sides;
        (*key, [s.bytes_tx(), s.bytes_rx(), d.bytes_tx(), d.bytes_rx()])
    });
    encode(FORMAT, &stored.collect::<Vec<StoredRecord>>(), records.len() * 24)
}

/// The records of a part.
pub(in crate::store::embedded) fn decode_records(bytes: &[u8]) -> Result<Vec<Record>, DecodeError> {
    let stored: Vec<StoredRecord> = decode(FORMAT, bytes)?;
    let records = stored.into_iter().map(|(key, [source_tx, source_rx, dest_tx, dest_rx])| {
        let source = counters(source_tx, source_rx)?;
        let destination = counters(dest_tx, dest_rx)?;
        Ok(Record { key, sides: Sides { source, destination } })
    });
    records.collect()
}
