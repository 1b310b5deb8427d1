//! `Attributes` of a stream that tests set and change.

use std::cell::RefCell;
use std::collections::BTreeMap;

use flow_filter::identity::Attributes;

/// Attributes by their path, joined with dots; request headers as `header.NAME`.
#[derive(Default)]
pub struct Fake(RefCell<BTreeMap<String, Vec<u8>>>, RefCell<usize>);

impl Fake {
    /// Attributes of a stream of an outbound listener.
    pub fn outbound() -> Self {
        Self::default().direction(2)
    }

    /// Attributes of a stream of an inbound listener.
    pub fn inbound() -> Self {
        Self::default().direction(1)
    }

    fn direction(self, direction: i64) -> Self {
        self.with_integer("xds.listener_direction", direction)
    }

    /// The same with one more attribute.
    pub fn with(self, path: &str, value: &str) -> Self {
        self.set(path, value);
        self
    }

    /// The same with an attribute that is an integer.
    pub fn with_integer(self, path: &str, value: i64) -> Self {
        self.0.borrow_mut().insert(path.to_owned(), value.to_le_bytes().to_vec());
        self
    }

    /// Sets an attribute.
    pub fn set(&self, path: &str, value: &str) {
        self.0.borrow_mut().insert(path.to_owned(), value.as_bytes().to_vec());
    }

    /// Takes an attribute away.
    pub fn unset(&self, path: &str) {
        self.0.borrow_mut().remove(path);
    }

    /// How often an attribute was read.
    pub fn reads(&self) -> usize {
        *self.1.borrow()
    }
}

impl Attributes for Fake {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        *self.1.borrow_mut() += 1;
        self.0.borrow().get(&path.join(".")).cloned()
    }

    fn request_header(&self, name: &str) -> Option<Vec<u8>> {
        self.property(&["header", name])
    }

    fn request_headers_bytes(&self) -> u64 {
        let headers = self.0.borrow();
        let bytes = |(path, value): (&String, &Vec<u8>)| {
            path.strip_prefix("header.").map_or(0, |name| name.len() + value.len())
        };
        headers.iter().map(bytes).sum::<usize>() as u64
    }
}
