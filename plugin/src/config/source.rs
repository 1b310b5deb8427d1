//! `Source`: where a name may come from, as it is configured. Reading it is left to `identity`.

use std::rc::Rc;

use flow_model::Name;

use super::Mode;
use super::error::ConfigError;
use super::json::Json;
use super::object::Field;
use super::template::Template;
use crate::identity::{SharedName, istio, spiffe};

/// The sources that are written as an object with one field.
pub const KINDS: &[&str] = &[
    "literal",
    "node_metadata",
    "request_header",
    "peer_spiffe",
    "local_spiffe",
    "istio_peer",
    "istio_node",
    "istio_endpoint",
    "istio_cluster",
    "endpoint_metadata",
    "cluster_metadata",
    "attribute",
];

/// The sources that are written as a word.
pub const WORDS: &[&str] = &["cluster_name", "peer_uri_san", "local_uri_san"];

/// One place from which a name may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// This very name.
    Literal(SharedName),
    /// The Envoy cluster to which the stream is routed.
    ClusterName,
    /// The URI in the certificate of the other side.
    PeerUriSan,
    /// The URI in this side's own certificate.
    LocalUriSan,
    /// Put together from the SPIFFE id in the certificate of the other side.
    PeerSpiffe(Template),
    /// Put together from the SPIFFE id in this side's own certificate.
    LocalSpiffe(Template),
    /// A value of this node's metadata, by its path.
    NodeMetadata(Vec<String>),
    /// A header of the request, in lower case.
    RequestHeader(String),
    /// Put together from what Istio's metadata exchange knows of the other side.
    IstioPeer(Template),
    /// Put together from what Istio has written into this node's metadata.
    IstioNode(Template),
    /// Put together from what Istio's discovery says of the endpoint.
    IstioEndpoint(Template),
    /// Put together from the name that Istio gives to a cluster.
    IstioCluster(Template),
    /// A value of the endpoint's metadata, by its path.
    EndpointMetadata(Vec<String>),
    /// A value of the cluster's metadata, by its path.
    ClusterMetadata(Vec<String>),
    /// Any Envoy attribute, by its path.
    Attribute(Vec<String>),
}

/// The sources of one name, in the order in which they are tried.
pub type Sources = Vec<Source>;

/// Reads the sources of a name: a text, or an array of sources.
pub(super) fn read(field: &Field<'_>, mode: Mode) -> Result<Sources, ConfigError> {
    if matches!(field.value(), Json::Text(_)) {
        return Ok(vec![Source::Literal(read_name(field)?)]);
    }
    match field.elements() {
        Some(elements) => elements.map(|element| read_source(&element, mode)).collect(),
        None => Err(field.expected("a string or a non-empty array of sources")),
    }
}

fn read_source(field: &Field<'_>, mode: Mode) -> Result<Source, ConfigError> {
    let expected = || {
        let (words, kinds) = (WORDS.join("\", \""), KINDS.join(", "));
        field.expected(format_args!("\"{words}\" or an object with one of: {kinds}"))
    };
    if let Json::Text(word) = field.value() {
        return match word.as_str() {
            "cluster_name" => Ok(Source::ClusterName),
            "peer_uri_san" => Ok(Source::PeerUriSan),
            "local_uri_san" => Ok(Source::LocalUriSan),
            _ => Err(expected()),
        };
    }
    if !matches!(field.value(), Json::Object(_)) {
        return Err(expected());
    }
    let object = field.object(KINDS)?;
    let mut kinds = object.names();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return Err(field.refuse(format_args!("must have exactly one of: {}", KINDS.join(", "))));
    };
    let value = object.required(kind)?;
    match kind {
        "literal" => read_name(&value).map(Source::Literal),
        "node_metadata" => read_path(&value).map(Source::NodeMetadata),
        "request_header" => read_header(&value, mode).map(Source::RequestHeader),
        "peer_spiffe" => Template::read(&value, spiffe::FIELDS).map(Source::PeerSpiffe),
        "local_spiffe" => Template::read(&value, spiffe::FIELDS).map(Source::LocalSpiffe),
        "istio_peer" => Template::read(&value, istio::PEER_FIELDS).map(Source::IstioPeer),
        "istio_node" => Template::read(&value, istio::NODE_FIELDS).map(Source::IstioNode),
        "istio_endpoint" => {
            Template::read(&value, istio::ENDPOINT_FIELDS).map(Source::IstioEndpoint)
        }
        "istio_cluster" => Template::read(&value, istio::CLUSTER_FIELDS).map(Source::IstioCluster),
        "endpoint_metadata" => read_path(&value).map(Source::EndpointMetadata),
        "cluster_metadata" => read_path(&value).map(Source::ClusterMetadata),
        _ => read_attribute(&value).map(Source::Attribute),
    }
}

fn read_name(field: &Field<'_>) -> Result<SharedName, ConfigError> {
    let Json::Text(text) = field.value() else {
        return Err(field.expected("a string"));
    };
    Name::new(text.clone()).map(Rc::new).map_err(|error| field.refuse(error))
}

fn read_header(field: &Field<'_>, mode: Mode) -> Result<String, ConfigError> {
    if mode == Mode::Tcp {
        return Err(
            field.refuse("is not for mode \"tcp\": a TCP connection has no request headers")
        );
    }
    Ok(field.header_text()?.to_ascii_lowercase())
}

fn read_path(field: &Field<'_>) -> Result<Vec<String>, ConfigError> {
    if matches!(field.value(), Json::Text(_)) {
        return Ok(vec![read_segment(field)?]);
    }
    match field.elements() {
        Some(elements) => elements.map(|element| read_segment(&element)).collect(),
        None => Err(field.expected("a non-empty string or a non-empty array of them")),
    }
}

/// Reads the path of an attribute. Those of the request are what its headers say.
fn read_attribute(field: &Field<'_>) -> Result<Vec<String>, ConfigError> {
    let path = read_path(field)?;
    if path.first().is_some_and(|first| first == "request") {
        return Err(field.refuse(
            "is of the request, which any caller can forge: use request_header, \
             such as \":authority\", and trust_request_headers",
        ));
    }
    Ok(path)
}

/// Reads a step of a path. Envoy joins the steps with NUL, so none may have one.
fn read_segment(field: &Field<'_>) -> Result<String, ConfigError> {
    let segment = field.text()?;
    if segment.contains('\0') {
        return Err(field.refuse("must not contain NUL"));
    }
    Ok(segment.to_owned())
}
