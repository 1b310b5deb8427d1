//! Reads one source: which Envoy attributes it stands for on which side, and which of them may
//! come up only after a stream's first bytes.

use flow_model::{Name, Reporter};

use super::{Attributes, View};
use crate::config::{Mode, Source, Sources};

/// The first steps of attributes that are there from a stream's start, or never.
const THERE_FROM_THE_START: &[&str] = &["connection", "destination", "request", "source"];

/// Reads those sources that are the same for every stream; what can never be reached is left out.
pub(super) fn settle(sources: Sources, node: &dyn Attributes) -> Sources {
    let mut settled = Sources::new();
    for source in sources {
        let source = match source {
            Source::NodeMetadata(path) => match node_metadata(&path, node) {
                Some(name) => Source::Literal(name),
                None => continue,
            },
            other => other,
        };
        let is_last = matches!(source, Source::Literal(_));
        settled.push(source);
        if is_last {
            break;
        }
    }
    settled
}

/// Reads a source of a stream.
pub(super) fn read(source: &Source, view: &View<'_>) -> Option<Name<'static>> {
    let property = |path: &[&str]| name_of(&view.attributes.property(path)?);
    match source {
        Source::Literal(name) => Some(name.clone()),
        Source::ClusterName => property(&["xds", "cluster_name"]),
        Source::PeerUriSan => match view.side {
            Reporter::Source => property(&["upstream", "uri_san_peer_certificate"]),
            Reporter::Destination => property(&["connection", "uri_san_peer_certificate"]),
        },
        Source::NodeMetadata(path) => node_metadata(path, view.attributes),
        Source::RequestHeader(header) => {
            view.headers.iter().find(|(name, _)| name == header).map(|(_, value)| value.clone())
        }
        // https://istio.io: filter state of the metadata exchange, from Istio 1.24 on.
        Source::IstioPeer(field) => match view.side {
            Reporter::Source => property(&["upstream_filter_state", "upstream_peer", field])
                .or_else(|| property(&["filter_state", "upstream_peer", field])),
            Reporter::Destination => property(&["filter_state", "downstream_peer", field]),
        },
        Source::Attribute(path) => property(&steps(path)),
    }
}

/// Whether a source that has nothing now may have something later in the stream.
pub(super) fn may_come_later(source: &Source, mode: Mode, side: Reporter) -> bool {
    match source {
        Source::Literal(_) | Source::NodeMetadata(_) | Source::RequestHeader(_) => false,
        Source::ClusterName => true,
        // The caller's certificate is there before its first byte; the callee's comes when the
        // filter's own side connects.
        Source::PeerUriSan => side == Reporter::Source,
        // Over HTTP, the caller's metadata comes with the request's headers.
        Source::IstioPeer(_) => side == Reporter::Source || mode == Mode::Tcp,
        Source::Attribute(path) => match steps(path).as_slice() {
            ["xds", "node", ..] => false,
            [first, ..] => !THERE_FROM_THE_START.contains(first),
            [] => false,
        },
    }
}

/// What was found as a name. Envoy's text is UTF-8 by rule, but headers may hold any bytes.
pub(super) fn name_of(value: &[u8]) -> Option<Name<'static>> {
    Name::bounded(&String::from_utf8_lossy(value))
}

fn node_metadata(path: &[String], attributes: &dyn Attributes) -> Option<Name<'static>> {
    let mut full = vec!["xds", "node", "metadata"];
    full.extend(steps(path));
    name_of(&attributes.property(&full)?)
}

fn steps(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}
