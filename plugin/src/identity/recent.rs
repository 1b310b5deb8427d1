//! `Recent`: the names and keys that were found lately. What is found again, as it is for nearly
//! every stream, is not made again.

use std::rc::Rc;

use flow_model::{FlowKey, Name};

use super::SharedName;
use crate::limits::RECENT;
use crate::table::SharedKey;

/// Names and keys, each at a place that follows from what it is; who comes later takes it.
#[derive(Debug)]
pub struct Recent {
    names: Vec<Option<SharedName>>,
    keys: Vec<Option<([SharedName; 3], SharedKey)>>,
    unknown: SharedName,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            names: vec![None; RECENT],
            keys: vec![None; RECENT],
            unknown: Rc::new(Name::unknown()),
        }
    }
}

impl Recent {
    /// The name that is made of this text; see [`Name::bounded`].
    pub fn name(&mut self, text: &str) -> Option<SharedName> {
        let place = self.names.get_mut(place(text.bytes().map(usize::from)))?;
        // A name's text makes this very name again.
        if let Some(name) = place
            && name.as_str() == text
        {
            return Some(Rc::clone(name));
        }
        let name = Rc::new(Name::bounded(text)?);
        *place = Some(Rc::clone(&name));
        Some(name)
    }

    /// The key of three names: `src_app`, `dest_app`, `vpc_id`; of one that is not known,
    /// `_unknown`, never a guess.
    pub fn key(&mut self, names: [Option<&SharedName>; 3]) -> SharedKey {
        let names = names.map(|name| Rc::clone(name.unwrap_or(&self.unknown)));
        let addresses = names.each_ref().map(|name| Rc::as_ptr(name).addr());
        let place = self.keys.get_mut(place(addresses));
        if let Some(Some((known, key))) = &place
            && known.iter().zip(&names).all(|(known, name)| Rc::ptr_eq(known, name))
        {
            return Rc::clone(key);
        }
        let [src_app, dest_app, vpc_id] = names.each_ref().map(|name| Name::clone(name));
        let key = Rc::new(FlowKey { src_app, dest_app, vpc_id });
        if let Some(place) = place {
            *place = Some((names, Rc::clone(&key)));
        }
        key
    }
}

/// A place below [`RECENT`], by FNV-1a, <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>.
fn place(parts: impl IntoIterator<Item = usize>) -> usize {
    let fold = |hash: u32, part: usize| (hash ^ part as u32).wrapping_mul(0x0100_0193);
    let hash = parts.into_iter().fold(0x811c_9dc5, fold);
    (hash ^ (hash >> 16)) as usize % RECENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_again_is_the_same() {
        let mut recent = Recent::default();
        let (a, b) = (recent.name("a").unwrap(), recent.name("b").unwrap());
        assert!(Rc::ptr_eq(&a, &recent.name("a").unwrap()));
        let key = recent.key([Some(&a), Some(&b), None]);
        assert!(Rc::ptr_eq(&key, &recent.key([Some(&a), Some(&b), None])));
        assert_eq!((key.src_app.as_str(), key.vpc_id.as_str()), ("a", "_unknown"));
        assert_eq!(recent.key([Some(&b), Some(&a), None]).src_app.as_str(), "b");
    }

    #[test]
    fn however_many_there_are_each_is_itself() {
        let mut recent = Recent::default();
        for round in 0..2 {
            for number in 0..20 * RECENT {
                let text = format!("{number}\u{1}{}", "x".repeat(number));
                let name = recent.name(&text).unwrap();
                assert_eq!(*name, Name::bounded(&text).unwrap(), "round {round}");
                let key = recent.key([Some(&name), None, Some(&name)]);
                assert_eq!((&key.src_app, &key.vpc_id), (&*name, &*name));
            }
        }
        assert_eq!(recent.name(""), None);
    }
}
