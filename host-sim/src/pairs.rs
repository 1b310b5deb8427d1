//! The serialised form of header maps: `u32 count`, then per pair `u32 key length, u32 value
//! length`, then per pair key NUL value NUL, all little-endian (proxy-wasm spec, cpp-host
//! `pairs_util.cc`). Reading is strict: a guest that writes anything else is told so.

use crate::limits::{MAX_PAIRS, MAX_PAIRS_BYTES};

/// A key and its value, as bytes: Envoy does not insist on UTF-8.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Pairs from texts, as for headers: `pairs([(":method", "GET"), (":path", "/")])`.
#[must_use]
pub fn pairs<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Pair> {
    texts.into_iter().map(|(key, value)| (key.into(), value.into())).collect()
}

/// Why pairs cannot be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PairsError {
    /// More than [`MAX_PAIRS`].
    #[error("{0} pairs are more than {MAX_PAIRS}")]
    TooMany(usize),
    /// More than [`MAX_PAIRS_BYTES`].
    #[error("{0} bytes of pairs are more than {MAX_PAIRS_BYTES}")]
    TooLarge(usize),
    /// The bytes end before what their lengths say.
    #[error("the pairs end too early")]
    Truncated,
    /// A key or a value is not followed by a NUL.
    #[error("a key or value does not end with NUL")]
    Unterminated,
    /// Bytes are left after the last pair.
    #[error("{0} bytes follow the last pair")]
    Trailing(usize),
}

/// How many bytes `pairs` take when serialised.
#[must_use]
pub fn serialized_len(pairs: &[Pair]) -> usize {
    pairs.iter().fold(4, |sum, (key, value)| sum + 8 + key.len() + 1 + value.len() + 1)
}

/// Serialises `pairs`. No pairs give a count of zero.
pub fn serialize(pairs: &[Pair]) -> Result<Vec<u8>, PairsError> {
    let size = serialized_len(pairs);
    if pairs.len() > MAX_PAIRS {
        return Err(PairsError::TooMany(pairs.len()));
    }
    if size > MAX_PAIRS_BYTES {
        return Err(PairsError::TooLarge(size));
    }
    let mut out = Vec::with_capacity(size);
    push_len(&mut out, pairs.len())?;
    for (key, value) in pairs {
        push_len(&mut out, key.len())?;
        push_len(&mut out, value.len())?;
    }
    for (key, value) in pairs {
        out.extend_from_slice(key);
        out.push(0);
        out.extend_from_slice(value);
        out.push(0);
    }
    Ok(out)
}

/// Reads serialised pairs. No bytes at all mean no pairs, as the guest of an empty map has none.
pub fn deserialize(bytes: &[u8]) -> Result<Vec<Pair>, PairsError> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    if bytes.len() > MAX_PAIRS_BYTES {
        return Err(PairsError::TooLarge(bytes.len()));
    }
    let mut reader = Reader(bytes);
    let count = reader.len()?;
    if count > MAX_PAIRS {
        return Err(PairsError::TooMany(count));
    }
    let sizes = (0..count)
        .map(|_| Ok((reader.len()?, reader.len()?)))
        .collect::<Result<Vec<_>, PairsError>>()?;
    let pairs = sizes
        .into_iter()
        .map(|(key, value)| Ok((reader.terminated(key)?, reader.terminated(value)?)))
        .collect::<Result<Vec<_>, PairsError>>()?;
    match reader.0.len() {
        0 => Ok(pairs),
        left => Err(PairsError::Trailing(left)),
    }
}

fn push_len(out: &mut Vec<u8>, len: usize) -> Result<(), PairsError> {
    let len = u32::try_from(len).map_err(|_| PairsError::TooLarge(len))?;
    out.extend_from_slice(&len.to_le_bytes());
    Ok(())
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn len(&mut self) -> Result<usize, PairsError> {
        let (head, rest) = self.0.split_first_chunk::<4>().ok_or(PairsError::Truncated)?;
        self.0 = rest;
        usize::try_from(u32::from_le_bytes(*head)).map_err(|_| PairsError::Truncated)
    }

    fn terminated(&mut self, size: usize) -> Result<Vec<u8>, PairsError> {
        let (head, rest) = self.0.split_at_checked(size).ok_or(PairsError::Truncated)?;
        let (end, rest) = rest.split_first().ok_or(PairsError::Truncated)?;
        if *end != 0 {
            return Err(PairsError::Unterminated);
        }
        self.0 = rest;
        Ok(head.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: &str) -> Pair {
        (key.into(), value.into())
    }

    #[test]
    fn the_layout_is_that_of_the_specification() {
        let bytes = serialize(&[pair("a", "bc"), pair("d", "")]).unwrap();
        let expected = [
            &[2, 0, 0, 0][..],
            &[1, 0, 0, 0, 2, 0, 0, 0],
            &[1, 0, 0, 0, 0, 0, 0, 0],
            b"a\0bc\0d\0\0",
        ]
        .concat();
        assert_eq!(bytes, expected);
        assert_eq!(bytes.len(), serialized_len(&[pair("a", "bc"), pair("d", "")]));
        assert_eq!(deserialize(&bytes).unwrap(), [pair("a", "bc"), pair("d", "")]);
    }

    #[test]
    fn the_count_is_bounded_both_ways() {
        let full = vec![pair("k", "v"); MAX_PAIRS];
        let bytes = serialize(&full).unwrap();
        assert_eq!(deserialize(&bytes).unwrap(), full);

        let over = vec![pair("k", "v"); MAX_PAIRS + 1];
        assert_eq!(serialize(&over), Err(PairsError::TooMany(MAX_PAIRS + 1)));
        let mut claimed = bytes;
        claimed[..4].copy_from_slice(&(MAX_PAIRS as u32 + 1).to_le_bytes());
        assert_eq!(deserialize(&claimed), Err(PairsError::TooMany(MAX_PAIRS + 1)));
    }

    #[test]
    fn the_size_is_bounded_both_ways() {
        let full = pair("k", &"v".repeat(MAX_PAIRS_BYTES - 4 - 8 - 3));
        assert_eq!(serialize(std::slice::from_ref(&full)).unwrap().len(), MAX_PAIRS_BYTES);
        let over = pair("k", &"v".repeat(MAX_PAIRS_BYTES - 4 - 8 - 2));
        assert_eq!(serialize(&[over]), Err(PairsError::TooLarge(MAX_PAIRS_BYTES + 1)));
        let bytes = vec![0; MAX_PAIRS_BYTES + 1];
        assert_eq!(deserialize(&bytes), Err(PairsError::TooLarge(MAX_PAIRS_BYTES + 1)));
    }

    #[test]
    fn damaged_pairs_are_refused() {
        let bytes = serialize(&[pair("key", "value")]).unwrap();
        for end in 1..bytes.len() {
            assert_eq!(deserialize(&bytes[..end]), Err(PairsError::Truncated), "cut at {end}");
        }
        let trailing = [&bytes[..], b"x"].concat();
        assert_eq!(deserialize(&trailing), Err(PairsError::Trailing(1)));
        let mut unterminated = bytes;
        *unterminated.last_mut().unwrap() = b'!';
        assert_eq!(deserialize(&unterminated), Err(PairsError::Unterminated));
        assert_eq!(deserialize(&[]), Ok(vec![]));
    }
}
