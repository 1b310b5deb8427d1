//! The bytes that apps and clients exchange: a pattern, so that a byte that is lost, doubled or
//! moved on the way is seen, and not only a wrong length.

/// `size` bytes of the pattern.
pub fn payload(size: usize) -> Vec<u8> {
    // A prime period falls in step with no buffer size.
    (0..size).map(|place| (place % 251) as u8).collect()
}

/// Panics unless `received` is [`payload`] of `size`.
pub fn check(received: &[u8], size: usize) {
    assert_eq!(received.len(), size, "a body of another length arrived");
    assert!(received == payload(size), "a body of {size} bytes arrived with other bytes");
}
