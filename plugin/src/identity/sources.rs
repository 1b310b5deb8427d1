//! Reads one source: which Envoy attributes it stands for on which side, and which of them may
//! come up only after a stream's first bytes.

use flow_model::Reporter;

use super::istio::text_of;
use super::recent::Recent;
use super::{Attributes, SharedName, View, istio, spiffe};
use crate::config::{Mode, Source, Sources, Template};

/// The first steps of attributes that are there from a stream's start, or never.
const THERE_FROM_THE_START: &[&str] = &["connection", "destination", "source"];

/// Reads those sources that are the same for every stream; what can never be reached is left out.
pub(super) fn settle(sources: Sources, node: &dyn Attributes, recent: &mut Recent) -> Sources {
    let mut settled = Sources::new();
    for source in sources {
        let source = match of_node(&source, node, recent) {
            Some(Some(name)) => Source::Literal(name),
            Some(None) => continue,
            None => source,
        };
        let is_last = matches!(source, Source::Literal(_));
        settled.push(source);
        if is_last {
            break;
        }
    }
    settled
}

/// Reads a source that is the same for every stream, if it is one.
fn of_node(
    source: &Source,
    node: &dyn Attributes,
    recent: &mut Recent,
) -> Option<Option<SharedName>> {
    let path = match source {
        Source::IstioNode(template) => {
            return Some(filled(template, |name| istio::node(node, name), recent));
        }
        Source::NodeMetadata(path) => [&["xds", "node", "metadata"], &*steps(path)].concat(),
        Source::Attribute(path) if path.starts_with(&["xds".to_owned(), "node".to_owned()]) => {
            steps(path)
        }
        _ => return None,
    };
    Some(node.property(&path).and_then(|value| name_of(&value, recent)))
}

/// Reads a source of a stream.
pub(super) fn read(source: &Source, view: &View<'_>, recent: &mut Recent) -> Option<SharedName> {
    let property = |path: &[&str], recent| name_of(&view.attributes.property(path)?, recent);
    let text = |path: &[&str]| istio::text(view.attributes, path);
    match source {
        Source::Literal(name) => Some(name.clone()),
        Source::ClusterName => property(&CLUSTER_NAME, recent),
        Source::PeerUriSan => property(&peer_uri(view.side), recent),
        Source::LocalUriSan => property(&local_uri(view.side), recent),
        Source::PeerSpiffe(template) => of_spiffe(template, &text(&peer_uri(view.side))?, recent),
        Source::LocalSpiffe(template) => of_spiffe(template, &text(&local_uri(view.side))?, recent),
        Source::RequestHeader(header) => {
            view.headers.iter().find(|(name, _)| name == header).map(|(_, value)| value.clone())
        }
        Source::IstioPeer(template) => {
            filled(template, |name| istio::peer(view.attributes, view.side, name), recent)
        }
        Source::IstioEndpoint(template) => {
            filled(template, |name| istio::endpoint(view.attributes, name), recent)
        }
        Source::IstioCluster(template) => {
            let cluster = text(&CLUSTER_NAME)?;
            if istio::is_pseudo_cluster(&cluster) {
                return recent.name(&cluster);
            }
            filled(template, |name| istio::cluster(&cluster, name), recent)
        }
        Source::EndpointMetadata(path) => property(
            &[&["xds", "upstream_host_metadata", "filter_metadata"], &*steps(path)].concat(),
            recent,
        ),
        Source::ClusterMetadata(path) => {
            let path = [&["xds", "cluster_metadata", "filter_metadata"], &*steps(path)].concat();
            property(&path, recent)
        }
        Source::Attribute(path) => property(&steps(path), recent),
        // They have become literals, or are gone.
        Source::NodeMetadata(_) | Source::IstioNode(_) => None,
    }
}

/// Whether a source that has nothing now may have something later in the stream.
pub(super) fn may_come_later(source: &Source, mode: Mode, view: &View<'_>) -> bool {
    let side = view.side;
    match source {
        Source::Literal(_)
        | Source::NodeMetadata(_)
        | Source::IstioNode(_)
        | Source::RequestHeader(_) => false,
        // Where to is known once the stream is routed, and to which endpoint once that is chosen.
        Source::ClusterName
        | Source::IstioCluster(_)
        | Source::IstioEndpoint(_)
        | Source::EndpointMetadata(_)
        | Source::ClusterMetadata(_) => !view.is_answered,
        // The caller's connection is secured before its first byte; the callee's when the
        // filter's own side connects.
        Source::PeerUriSan
        | Source::LocalUriSan
        | Source::PeerSpiffe(_)
        | Source::LocalSpiffe(_) => side == Reporter::Source && !view.is_answered,
        // Over HTTP, the caller's metadata comes with the request's headers.
        Source::IstioPeer(_) => side == Reporter::Source || mode == Mode::Tcp,
        Source::Attribute(path) => match steps(path).as_slice() {
            ["xds", "node", ..] => false,
            [first, ..] => !THERE_FROM_THE_START.contains(first),
            [] => false,
        },
    }
}

const CLUSTER_NAME: [&str; 2] = ["xds", "cluster_name"];

/// The attribute with the other side's URI: upstream where this side opened the connection.
fn peer_uri(side: Reporter) -> [&'static str; 2] {
    [connection_of(side), "uri_san_peer_certificate"]
}

/// The attribute with this side's own URI, on the same connection.
fn local_uri(side: Reporter) -> [&'static str; 2] {
    [connection_of(side), "uri_san_local_certificate"]
}

fn connection_of(side: Reporter) -> &'static str {
    match side {
        Reporter::Source => "upstream",
        Reporter::Destination => "connection",
    }
}

fn of_spiffe(template: &Template, uri: &str, recent: &mut Recent) -> Option<SharedName> {
    filled(template, |name| spiffe::field(uri, name), recent)
}

fn filled(
    template: &Template,
    value: impl FnMut(&str) -> Option<String>,
    recent: &mut Recent,
) -> Option<SharedName> {
    recent.name(&template.fill(value)?)
}

/// What was found in a header as a name. Headers may hold any bytes.
pub(super) fn name_of_header(value: &[u8], recent: &mut Recent) -> Option<SharedName> {
    recent.name(&String::from_utf8_lossy(value))
}

/// The value of an attribute as a name, if it is text.
fn name_of(value: &[u8], recent: &mut Recent) -> Option<SharedName> {
    recent.name(text_of(value)?)
}

fn steps(path: &[String]) -> Vec<&str> {
    path.iter().map(String::as_str).collect()
}
