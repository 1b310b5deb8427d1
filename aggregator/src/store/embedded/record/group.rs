//! The writes that one sync covers, as one value of the log: an entry by itself, or several.
//!
//! ```text
//! value = entry
//!       | format 3, (length, entry)...
//! ```

use super::{DecodeError, varint};

/// The format of a value with several entries.
const GROUP_FORMAT: u8 = 3;

/// The value of some entries.
pub(in crate::store::embedded) fn pack<'a>(
    entries: impl Iterator<Item = &'a [u8]> + Clone,
) -> Vec<u8> {
    let mut several = entries.clone();
    if let (Some(only), None) = (several.next(), several.next()) {
        return only.to_vec();
    }
    let size: usize = entries.clone().map(|entry| entry.len() + 5).sum();
    let mut out = Vec::with_capacity(1 + size);
    out.push(GROUP_FORMAT);
    for entry in entries {
        varint::push(entry.len() as u64, &mut out);
        out.extend_from_slice(entry);
    }
    out
}

/// The entries of a value.
pub(in crate::store::embedded) fn unpack(
    value: &[u8],
) -> impl Iterator<Item = Result<&[u8], DecodeError>> {
    let (mut rest, mut only) = match value {
        [GROUP_FORMAT, rest @ ..] => (rest, None),
        entry => (&[][..], Some(entry)),
    };
    std::iter::from_fn(move || {
        if let Some(entry) = only.take() {
            return Some(Ok(entry));
        }
        if rest.is_empty() {
            return None;
        }
        let entry = take_entry(&mut rest);
        if entry.is_none() {
            rest = &[];
        }
        Some(entry.ok_or_else(|| DecodeError::damaged("a group of writes breaks off")))
    })
}

fn take_entry<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(varint::take(rest)?).ok()?;
    let (entry, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_one_by_one() {
        for entries in [&[&b"\x02\x00"[..]][..], &[b"\x02a", b"\x02", b"\x02bc"], &[]] {
            let value = pack(entries.iter().copied());
            let found: Vec<_> = unpack(&value).map(Result::unwrap).collect();
            assert_eq!(found, entries);
        }
        let broken = pack([&b"\x02a"[..], b"\x02bc"].into_iter());
        assert!(unpack(&broken[..broken.len() - 1]).any(|entry| entry.is_err()));
    }
}
