//! Keys of checkpoint parts: generation, hour, kind, chunk. They sort in this order, so that an
//! hour's names come before its records.

use flow_model::Hour;

pub(super) const KIND_NAMES: u8 = 0;
pub(super) const KIND_RECORDS: u8 = 1;

/// What the keys of an hour's parts start with.
pub(super) fn hour_prefix(generation: u64, hour: Hour) -> [u8; 12] {
    let mut key = [0; 12];
    let (first, last) = key.split_at_mut(8);
    first.copy_from_slice(&generation.to_be_bytes());
    last.copy_from_slice(&hour.to_be_bytes());
    key
}

/// What the keys of an hour's parts of one kind start with.
pub(super) fn kind_prefix(generation: u64, hour: Hour, kind: u8) -> Vec<u8> {
    let mut key = hour_prefix(generation, hour).to_vec();
    key.push(kind);
    key
}

pub(super) fn part_key(generation: u64, hour: Hour, kind: u8, chunk: u32) -> Vec<u8> {
    let mut key = kind_prefix(generation, hour, kind);
    key.extend_from_slice(&chunk.to_be_bytes());
    key
}

/// The kind of a part, from its key.
pub(super) fn kind_of(key: &[u8]) -> Option<u8> {
    key.get(12).copied()
}
