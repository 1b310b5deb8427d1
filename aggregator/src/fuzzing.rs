//! What the fuzz targets look at from inside: functions over bytes that panic when something is
//! wrong. Not for programs.

/// A query string of a read.
///
/// # Panics
/// When what was taken is not what a naive reading says.
pub fn query(text: &str) {
    crate::http::fuzz_query(text);
}

/// Bytes as any stored value.
///
/// # Panics
/// When what was read cannot be written and read again.
pub fn stored(bytes: &[u8]) {
    crate::store::embedded::fuzz_stored(bytes);
}
