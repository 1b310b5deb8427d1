//! `Identity`: who talks to whom. Reads the configured sources of a flow's three names by way of
//! [`Attributes`], and says which names may still change because a source is not there yet.

mod finding;
pub mod istio;
mod recent;
mod sources;
pub mod spiffe;

use std::rc::Rc;

use flow_model::{Name, Reporter};

use crate::config::{Mode, Names, Source, Sources};
use crate::table::SharedKey;
pub use finding::Finding;
use recent::Recent;
use sources::{may_come_later, read};

/// A name that many share: to copy it allocates nothing.
pub type SharedName = Rc<Name<'static>>;

/// What the host knows of a stream, or of the node. An attribute that is not there, or is empty,
/// is none.
pub trait Attributes {
    /// The value of an Envoy attribute: text as it is, integers as 8 bytes, little-endian.
    fn property(&self, path: &[&str]) -> Option<Vec<u8>>;

    /// A request header; only while the request's headers pass, or once all is over.
    fn request_header(&self, name: &str) -> Option<Vec<u8>>;

    /// The bytes of the names and values of all request headers; 0 of a connection.
    fn request_headers_bytes(&self) -> u64;
}

/// What is known of a stream while it is read: its side, and the headers that passed before.
pub struct View<'a> {
    /// Where attributes are read.
    pub attributes: &'a dyn Attributes,
    /// The stream's side.
    pub side: Reporter,
    /// Whether bytes come back: then it is settled to which endpoint the stream went.
    pub is_answered: bool,
    /// What [`Identity::headers`] found.
    pub headers: &'a [(String, SharedName)],
}

/// Where the three names of a flow come from, on either side.
#[derive(Debug)]
pub struct Identity {
    mode: Mode,
    source: [Sources; 3],
    destination: [Sources; 3],
    header_names: Vec<String>,
    recent: Recent,
}

/// What is known of a flow's three names: `src_app`, `dest_app`, `vpc_id`.
pub type Findings = [Finding; 3];

impl Identity {
    /// Takes the configured sources. Those that are the same for every stream, as the node's
    /// metadata is, are read here, once.
    pub fn new(mode: Mode, names: &Names, node: &dyn Attributes) -> Self {
        let mut recent = Recent::default();
        let mut settle = |side| {
            names.of(side).clone().map(|sources| sources::settle(sources, node, &mut recent))
        };
        let (source, destination) = (settle(Reporter::Source), settle(Reporter::Destination));
        let mut header_names: Vec<String> = Vec::new();
        for source in source.iter().chain(&destination).flatten() {
            if let Source::RequestHeader(name) = source
                && !header_names.contains(name)
            {
                header_names.push(name.clone());
            }
        }
        Self { mode, source, destination, header_names, recent }
    }

    /// Whether request headers must be looked at when they pass.
    pub fn wants_headers(&self) -> bool {
        !self.header_names.is_empty()
    }

    /// The request headers that sources name, as far as they are there.
    pub fn headers(&mut self, attributes: &dyn Attributes) -> Vec<(String, SharedName)> {
        let recent = &mut self.recent;
        let read = |name: &String| {
            let value = attributes.request_header(name)?;
            Some((name.clone(), sources::name_of_header(&value, recent)?))
        };
        self.header_names.iter().filter_map(read).collect()
    }

    /// Looks for the names that `findings` does not have for certain.
    pub fn find(&mut self, findings: &mut Findings, view: &View<'_>) {
        let names = match view.side {
            Reporter::Source => &self.source,
            Reporter::Destination => &self.destination,
        };
        for (finding, sources) in findings.iter_mut().zip(names) {
            if !finding.is_certain() {
                let Finding { name, certain } =
                    find_name(sources, self.mode, view, &mut self.recent);
                // What was there once and is gone at the stream's end was right, too.
                *finding = Finding { name: name.or(finding.name.take()), certain };
            }
        }
    }

    /// The key of what is known, with `_unknown` for what is not.
    pub fn key_of(&mut self, findings: &Findings) -> SharedKey {
        self.recent.key(findings.each_ref().map(|finding| finding.name.as_ref()))
    }
}

fn find_name(sources: &[Source], mode: Mode, view: &View<'_>, recent: &mut Recent) -> Finding {
    let mut certain = true;
    for source in sources {
        if let Some(name) = read(source, view, recent) {
            return Finding { name: Some(name), certain };
        }
        certain &= !may_come_later(source, mode, view);
    }
    Finding { name: None, certain }
}
