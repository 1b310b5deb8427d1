//! Envoy's own foreign functions, as far as they make sense without Envoy: compression, and
//! properties that the guest declares or sets. Those for CEL expressions and signatures are not
//! there.

use std::rc::Rc;

use std::io::{Read, Write};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};

use crate::{abi::Status, limits::MAX_UNCOMPRESSED_BYTES, vm::state::VmState};

/// With what the names of Envoy's own filter state begin.
const OWN_STATE: &str = "envoy.";

/// Calls one of them; `NOT_FOUND` if there is none of this name.
pub(super) fn call(state: &mut VmState, name: &str, arguments: &[u8]) -> Result<Vec<u8>, Status> {
    match name {
        "compress" => compress(arguments),
        "uncompress" => uncompress(arguments),
        // There are no routes here, so nothing is remembered of them.
        "clear_route_cache" => Ok(Vec::new()),
        "declare_property" => declare_property(state, arguments),
        "set_envoy_filter_state" => set_filter_state(state, arguments),
        _ => Err(Status::NotFound),
    }
}

fn compress(data: &[u8]) -> Result<Vec<u8>, Status> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).map_err(|_| Status::SerializationFailure)?;
    encoder.finish().map_err(|_| Status::SerializationFailure)
}

fn uncompress(data: &[u8]) -> Result<Vec<u8>, Status> {
    let mut bytes = Vec::new();
    let limit = MAX_UNCOMPRESSED_BYTES as u64 + 1;
    let read = ZlibDecoder::new(data).take(limit).read_to_end(&mut bytes);
    match read {
        Err(_) => Err(Status::SerializationFailure),
        Ok(_) if bytes.len() > MAX_UNCOMPRESSED_BYTES => Err(Status::InternalFailure),
        Ok(_) => Ok(bytes),
    }
}

/// Envoy remembers the type of a property that the guest will set; here all are bytes. To declare
/// one twice is an error.
fn declare_property(state: &mut VmState, arguments: &[u8]) -> Result<Vec<u8>, Status> {
    let fields = fields(arguments).ok_or(Status::BadArgument)?;
    let name = text(&fields, 1)?;
    state.process.kept.add(name.len());
    if state.declared.insert((state.root(), name)) {
        Ok(Vec::new())
    } else {
        Err(Status::BadArgument)
    }
}

/// Sets a property of the stream, readable below `filter_state`. Envoy takes only names for which it
/// has a factory, all of which begin so.
fn set_filter_state(state: &mut VmState, arguments: &[u8]) -> Result<Vec<u8>, Status> {
    let fields = fields(arguments).ok_or(Status::BadArgument)?;
    let (path, value) = (text(&fields, 1)?, text(&fields, 2)?);
    let stream = state.own_stream().filter(|_| path.starts_with(OWN_STATE));
    let stream = stream.ok_or(Status::NotFound)?;
    stream.share.add(path.len().saturating_add(value.len()));
    Rc::make_mut(&mut stream.properties).insert(&["filter_state", &path], value.as_str().into());
    Ok(Vec::new())
}

/// The text of a field of a protobuf message; one that is not there is empty.
fn text(fields: &[(u64, Vec<u8>)], number: u64) -> Result<String, Status> {
    let found = fields.iter().rfind(|(field, _)| *field == number);
    let bytes = found.map(|(_, bytes)| bytes.clone()).unwrap_or_default();
    String::from_utf8(bytes).map_err(|_| Status::BadArgument)
}

/// The fields of a protobuf message that hold bytes; numbers are passed over.
pub(crate) fn fields(mut message: &[u8]) -> Option<Vec<(u64, Vec<u8>)>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        match tag & 7 {
            0 => drop(varint(&mut message)?),
            1 => message = message.get(8..)?,
            2 => {
                let size = usize::try_from(varint(&mut message)?).ok()?;
                let (bytes, rest) = message.split_at_checked(size)?;
                fields.push((tag >> 3, bytes.to_vec()));
                message = rest;
            }
            5 => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(fields)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compressed_can_be_had_back() {
        let text = b"the same, the same, the same".repeat(100);
        let packed = compress(&text).unwrap();
        assert!(packed.len() < text.len() / 10);
        assert_eq!(uncompress(&packed).unwrap(), text);
        assert_eq!(uncompress(&packed[..9]), Err(Status::SerializationFailure));
        assert_eq!(uncompress(b"no zlib"), Err(Status::SerializationFailure));
    }

    #[test]
    fn a_small_lump_that_becomes_a_large_one_is_refused() {
        let fits = compress(&vec![0; MAX_UNCOMPRESSED_BYTES]).unwrap();
        assert_eq!(uncompress(&fits).unwrap().len(), MAX_UNCOMPRESSED_BYTES);
        let over = compress(&vec![0; MAX_UNCOMPRESSED_BYTES + 1]).unwrap();
        assert_eq!(uncompress(&over), Err(Status::InternalFailure));
    }

    #[test]
    fn messages_are_read_field_by_field() {
        // Field 1 is "ab", field 3 the number 300, field 2 empty.
        let message = [0x0a, 2, b'a', b'b', 0x18, 0xac, 2, 0x12, 0];
        assert_eq!(fields(&message), Some(vec![(1, b"ab".to_vec()), (2, vec![])]));
        assert_eq!(fields(&message[..3]), None);
        assert_eq!(fields(&[0x0b]), None);
        assert_eq!(fields(&[0xff; 11]), None);
    }
}
