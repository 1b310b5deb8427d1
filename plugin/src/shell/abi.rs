//! The host's functions, as proxy-wasm 0.2.1 has them, and safe ways to call them.
//! <https://github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1>
//!
//! A host that returns data asks this module for memory first, by `malloc`. All of it goes into
//! one buffer, which is copied or read before the next call: reading an attribute allocates
//! nothing that stays.

#![allow(unsafe_code, reason = "a foreign function interface is made of it")]

use std::cell::UnsafeCell;

/// What went wrong in a call of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status(u32);

impl Status {
    /// Somebody else has written meanwhile.
    pub const CAS_MISMATCH: Self = Self(8);
    const OK: u32 = 0;
}

/// Buffers, by the numbers that the ABI gives them.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(super) enum Buffer {
    DownstreamData = 2,
    HttpCallResponseBody = 4,
    PluginConfiguration = 7,
}

/// Header maps, by the numbers that the ABI gives them.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(super) enum Map {
    RequestHeaders = 0,
    HttpCallResponseHeaders = 6,
}

/// Kinds of metrics, by the numbers that the ABI gives them.
#[derive(Clone, Copy, Debug)]
#[repr(u32)]
pub(super) enum Metric {
    Counter = 0,
    Gauge = 1,
    Histogram = 2,
}

mod host {
    unsafe extern "C" {
        pub fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
        pub fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
        pub fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
        pub fn proxy_done() -> u32;
        pub fn proxy_get_property(
            path: *const u8,
            path_size: usize,
            data: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub fn proxy_get_buffer_bytes(
            buffer: u32,
            start: usize,
            max_size: usize,
            data: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub fn proxy_get_header_map_value(
            map: u32,
            name: *const u8,
            name_size: usize,
            data: *mut *mut u8,
            size: *mut usize,
        ) -> u32;
        pub fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
        pub fn proxy_get_shared_data(
            key: *const u8,
            key_size: usize,
            data: *mut *mut u8,
            size: *mut usize,
            version: *mut u32,
        ) -> u32;
        pub fn proxy_set_shared_data(
            key: *const u8,
            key_size: usize,
            data: *const u8,
            size: usize,
            version: u32,
        ) -> u32;
        pub fn proxy_define_metric(kind: u32, name: *const u8, size: usize, id: *mut u32) -> u32;
        pub fn proxy_increment_metric(id: u32, step: i64) -> u32;
        pub fn proxy_record_metric(id: u32, value: u64) -> u32;
        pub fn proxy_http_call(
            cluster: *const u8,
            cluster_size: usize,
            headers: *const u8,
            headers_size: usize,
            body: *const u8,
            body_size: usize,
            trailers: *const u8,
            trailers_size: usize,
            timeout_ms: u32,
            token: *mut u32,
        ) -> u32;
    }
}

/// Where the host puts what it returns. A module has one thread.
struct Returned(UnsafeCell<Vec<u8>>);

// SAFETY: there is one thread, and `take` never runs while `allocate` does: the host calls
// `malloc` only while this module waits for it.
unsafe impl Sync for Returned {}

static RETURNED: Returned = Returned(UnsafeCell::new(Vec::new()));

/// The host's `malloc`: the memory for what a running call returns.
// Elsewhere, that name is taken.
#[cfg_attr(target_arch = "wasm32", unsafe(export_name = "malloc"))]
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code))]
pub extern "C" fn allocate(size: usize) -> *mut u8 {
    // SAFETY: see `Returned`; nobody else has a reference now.
    let buffer = unsafe { &mut *RETURNED.0.get() };
    buffer.clear();
    buffer.resize(size, 0);
    buffer.as_mut_ptr()
}

/// Runs a call that returns data, and copies it; none where there is nothing.
fn take(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Option<Vec<u8>>, Status> {
    let (mut data, mut size) = (std::ptr::null_mut(), 0);
    check(call(&raw mut data, &raw mut size))?;
    if data.is_null() {
        return Ok(None);
    }
    // SAFETY: see `Returned`; the call is over.
    let buffer = unsafe { &*RETURNED.0.get() };
    Ok(buffer.get(..size).map(<[u8]>::to_vec))
}

fn check(status: u32) -> Result<(), Status> {
    if status == Status::OK { Ok(()) } else { Err(Status(status)) }
}

/// Writes a line to the host's log.
pub(super) fn log(level: log::Level, text: &str) {
    let level = match level {
        log::Level::Error => 4,
        log::Level::Warn => 3,
        log::Level::Info => 2,
        log::Level::Debug => 1,
        log::Level::Trace => 0,
    };
    // SAFETY: the pointer and the size are those of a text that lives on. A log that cannot be
    // written cannot be complained about.
    unsafe { host::proxy_log(level, text.as_ptr(), text.len()) };
}

/// The wall time, in nanoseconds since the Unix epoch; 0 if the host does not tell.
pub(super) fn now_ns() -> u64 {
    let mut time = 0;
    // SAFETY: the host writes 8 bytes.
    unsafe { host::proxy_get_current_time_nanoseconds(&raw mut time) };
    time
}

/// Sets the time between two ticks of the running root.
pub(super) fn set_tick_ms(period: u32) {
    // SAFETY: no pointers. Without ticks nothing is pushed, and nothing else can be done.
    unsafe { host::proxy_set_tick_period_milliseconds(period) };
}

/// Lets the host go on that waits for the running root's end.
pub(super) fn done() {
    // SAFETY: no pointers. A host that did not wait refuses, which changes nothing.
    unsafe { host::proxy_done() };
}

/// An attribute, by its path: its steps with NUL between them.
pub(super) fn property(path: &[u8]) -> Option<Vec<u8>> {
    // SAFETY: the path lives on, and `take` brings places to write to.
    take(|data, size| unsafe { host::proxy_get_property(path.as_ptr(), path.len(), data, size) })
        .ok()
        .flatten()
}

/// A part of a buffer.
pub(super) fn buffer(buffer: Buffer, start: usize, max_size: usize) -> Option<Vec<u8>> {
    // SAFETY: `take` brings places to write to.
    take(|data, size| unsafe {
        host::proxy_get_buffer_bytes(buffer as u32, start, max_size, data, size)
    })
    .ok()
    .flatten()
}

/// A header's value. The map must be there: the host ends the module otherwise.
pub(super) fn header(map: Map, name: &str) -> Option<Vec<u8>> {
    // SAFETY: the name lives on, and `take` brings places to write to.
    take(|data, size| unsafe {
        host::proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), data, size)
    })
    .ok()
    .flatten()
}

/// The bytes of all names and values of a map; 0 if there is no such map.
pub(super) fn map_bytes(map: Map) -> u64 {
    // SAFETY: `take` brings places to write to.
    let pairs =
        take(|data, size| unsafe { host::proxy_get_header_map_pairs(map as u32, data, size) });
    pairs.ok().flatten().map_or(0, |pairs| bytes_of_pairs(&pairs))
}

/// A shared value and its version; none if it was never written.
pub(super) fn shared(key: &str) -> Option<(Vec<u8>, u32)> {
    let mut version = 0;
    // SAFETY: the key lives on, `take` brings places to write to, and so is `version`.
    let found = take(|data, size| unsafe {
        host::proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut version)
    });
    // A host that has the value but no version for it says 0.
    let value = found.ok().filter(|_| version != 0)?;
    Some((value.unwrap_or_default(), version))
}

/// Writes a shared value if it still has this version; 0 for whatever version.
pub(super) fn set_shared(key: &str, value: &[u8], version: u32) -> Result<(), Status> {
    // SAFETY: key and value live on.
    check(unsafe {
        host::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version)
    })
}

/// Makes a metric known, and returns its number.
pub(super) fn define_metric(kind: Metric, name: &str) -> Result<u32, Status> {
    let mut id = 0;
    // SAFETY: the name lives on, and the host writes 4 bytes.
    check(unsafe {
        host::proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id)
    })?;
    Ok(id)
}

/// Records a value of a histogram.
pub(super) fn record_metric(id: u32, value: u64) -> Result<(), Status> {
    // SAFETY: no pointers.
    check(unsafe { host::proxy_record_metric(id, value) })
}

/// Adds to a counter, which refuses steps of 0 and less, or to a gauge, which refuses none.
pub(super) fn increment_metric(id: u32, step: i64) -> Result<(), Status> {
    // SAFETY: no pointers.
    check(unsafe { host::proxy_increment_metric(id, step) })
}

/// Sends a request without trailers, and returns the call's token.
pub(super) fn http_call(
    cluster: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    timeout_ms: u32,
) -> Result<u32, Status> {
    let headers = pairs(headers);
    let trailers = pairs(&[]);
    let mut token = 0;
    // SAFETY: all of these live on, and the host writes 4 bytes.
    check(unsafe {
        host::proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            timeout_ms,
            &raw mut token,
        )
    })?;
    Ok(token)
}

/// Pairs as the ABI has them: their number, all sizes, and all texts with NUL after each.
fn pairs(pairs: &[(&str, &str)]) -> Vec<u8> {
    let size = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut out = Vec::from(u32::try_from(pairs.len()).unwrap_or(u32::MAX).to_le_bytes());
    for (name, value) in pairs {
        out.extend_from_slice(&size(name));
        out.extend_from_slice(&size(value));
    }
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        out.extend_from_slice(text.as_bytes());
        out.push(0);
    }
    out
}

/// The bytes of the texts in such pairs: all but their number, and each one's size and NUL.
fn bytes_of_pairs(pairs: &[u8]) -> u64 {
    let count = pairs.first_chunk().map_or(0, |count| u32::from_le_bytes(*count));
    (pairs.len() as u64).saturating_sub(4 + 10 * u64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_counted_sized_and_ended() {
        assert_eq!(pairs(&[]), [0, 0, 0, 0]);
        let expected = b"\x02\0\0\0\x01\0\0\0\x02\0\0\0\x01\0\0\0\0\0\0\0a\0bc\0d\0\0";
        assert_eq!(pairs(&[("a", "bc"), ("d", "")]), expected);
        assert_eq!([pairs(&[]).as_slice(), &expected[..], &[]].map(bytes_of_pairs), [0, 4, 0]);
    }
}
