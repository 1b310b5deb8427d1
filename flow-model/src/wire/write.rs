//! Writing JSON text and integers into a buffer.

/// Appends a JSON string.
pub(super) fn push_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    // Names have no control characters, so these two are all that JSON wants escaped.
    if text.bytes().any(|byte| byte == b'"' || byte == b'\\') {
        for byte in text.bytes() {
            if byte == b'"' || byte == b'\\' {
                out.push(b'\\');
            }
            out.push(byte);
        }
    } else {
        out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
}

/// Appends a JSON integer.
pub(super) fn push_integer(mut value: u64, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        // A remainder of ten always fits a byte.
        out.push(b'0' + (value % 10) as u8);
        value /= 10;
        if value == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}
