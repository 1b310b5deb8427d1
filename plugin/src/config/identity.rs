//! `Names`: where the three names of a flow come from, on either side: a preset for a kind of
//! mesh, and what the operator gives in its place.

use flow_model::Reporter;

use super::Mode;
use super::error::ConfigError;
use super::json::Json;
use super::object::{Field, Object};
use super::source::{self, Source, Sources};
use super::template::Template;
use crate::identity::spiffe;

/// The presets.
pub const PRESETS: &[&str] = &["envoy", "spiffe", "istio"];

/// The fields of a flow's three names.
const NAMES: [&str; 3] = ["src_app", "dest_app", "vpc_id"];

/// The sources of `src_app`, `dest_app` and `vpc_id`.
#[derive(Debug)]
pub struct Names {
    source: [Sources; 3],
    destination: [Sources; 3],
}

/// Whose request headers are believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Trust {
    outbound: bool,
    inbound: bool,
}

/// What a preset says of this side's own app, of the other side's, and of the network.
struct Preset {
    local: Sources,
    /// The other side, where this side opened the connection.
    callee: Sources,
    /// The other side, where it opened the connection.
    caller: Sources,
    network: Sources,
}

impl Names {
    /// The sources of a stream's names, if this side reports it.
    pub fn of(&self, side: Reporter) -> &[Sources; 3] {
        match side {
            Reporter::Source => &self.source,
            Reporter::Destination => &self.destination,
        }
    }

    /// Reads `identity`, `trust_request_headers` and the three names. Streams of the sides in
    /// `counted` are what they are for.
    pub(super) fn read(
        object: &Object<'_>,
        mode: Mode,
        counted: &[Reporter],
    ) -> Result<Self, ConfigError> {
        let preset = object.optional("identity").map(|field| read_preset(&field)).transpose()?;
        let trust = object.optional("trust_request_headers");
        let trust = trust
            .map(|field| field.word(trust_of, "\"outbound\", \"inbound\" or \"both\""))
            .transpose()?;
        let mut given = [None, None, None];
        for (name, sources) in NAMES.iter().zip(&mut given) {
            let field = match preset {
                Some(_) => object.optional(name),
                None => Some(object.required(name)?),
            };
            *sources = field.map(|field| read_name(&field, mode, trust.is_some())).transpose()?;
        }
        let of = |side, believes_headers| {
            let names = preset.as_ref().map(|preset| preset.of(side)).unwrap_or_default();
            instead(names, &given, believes_headers)
        };
        let trust = trust.unwrap_or_default();
        let names = Self {
            source: of(Reporter::Source, trust.outbound),
            destination: of(Reporter::Destination, trust.inbound),
        };
        names.check(object, counted)?;
        Ok(names)
    }

    /// Refuses a name that no stream can have, since all its sources are headers that are not
    /// believed where streams are counted.
    fn check(&self, object: &Object<'_>, counted: &[Reporter]) -> Result<(), ConfigError> {
        for (name, (source, destination)) in
            NAMES.iter().zip(self.source.iter().zip(&self.destination))
        {
            let has_none = |side: &Reporter| match side {
                Reporter::Source => source.is_empty(),
                Reporter::Destination => destination.is_empty(),
            };
            if let Some(field) = object.optional(name)
                && !counted.is_empty()
                && counted.iter().all(has_none)
            {
                return Err(field.refuse(
                    "has request_headers only, which trust_request_headers does not believe on \
                     the listeners that report counts",
                ));
            }
        }
        Ok(())
    }
}

/// Reads the sources of a name, which may be headers only where somebody says whose.
fn read_name(field: &Field<'_>, mode: Mode, has_trust: bool) -> Result<Sources, ConfigError> {
    let sources = source::read(field, mode)?;
    if !has_trust && sources.iter().any(is_header) {
        return Err(field.refuse(
            "has a request_header, which any caller can forge: \
             say with trust_request_headers on which listeners it is to be believed",
        ));
    }
    Ok(sources)
}

/// The names with what is given in place of the preset's, and without headers that are not
/// believed.
fn instead(
    names: [Sources; 3],
    given: &[Option<Sources>; 3],
    believes_headers: bool,
) -> [Sources; 3] {
    let mut names = names;
    for (sources, given) in names.iter_mut().zip(given) {
        if let Some(given) = given {
            sources.clone_from(given);
        }
        sources.retain(|source| believes_headers || !is_header(source));
    }
    names
}

impl Preset {
    fn of(&self, side: Reporter) -> [Sources; 3] {
        let (source, destination) = match side {
            Reporter::Source => (&self.local, &self.callee),
            Reporter::Destination => (&self.caller, &self.local),
        };
        [source.clone(), destination.clone(), self.network.clone()]
    }

    /// Envoys that were set up by hand: their node's metadata says whose they are.
    fn envoy() -> Self {
        Self {
            local: vec![node_metadata("app"), attribute(&["xds", "node", "cluster"])],
            callee: vec![
                Source::EndpointMetadata(path(&["flow", "app"])),
                Source::ClusterMetadata(path(&["flow", "app"])),
                Source::ClusterName,
            ],
            caller: vec![Source::PeerUriSan],
            network: vec![node_metadata("vpc_id")],
        }
    }

    /// A mesh with mutual TLS: certificates say who is who.
    fn spiffe(app: Option<Template>) -> Self {
        let templates = match app {
            Some(app) => vec![app],
            None => vec![spiffe_app(), Template::field("path")],
        };
        let local = templates.iter().cloned().map(Source::LocalSpiffe);
        let peer = templates.iter().cloned().map(Source::PeerSpiffe);
        Self {
            local: local.chain([node_metadata("app")]).collect(),
            callee: peer.clone().chain([Source::ClusterName]).collect(),
            caller: peer.collect(),
            network: vec![
                node_metadata("vpc_id"),
                Source::LocalSpiffe(Template::field("trust_domain")),
            ],
        }
    }

    /// Istio, with or without mutual TLS.
    fn istio() -> Self {
        // An app and its namespace: two apps of one name are two.
        let app = || Template::dotted("service", "namespace");
        Self {
            local: vec![Source::IstioNode(app()), Source::IstioNode(Template::field("service"))],
            callee: vec![
                Source::IstioPeer(app()),
                Source::IstioEndpoint(app()),
                Source::IstioCluster(app()),
                Source::IstioCluster(Template::field("host")),
                Source::ClusterName,
            ],
            caller: vec![Source::IstioPeer(app()), Source::PeerSpiffe(spiffe_app())],
            network: vec![
                Source::IstioNode(Template::field("network")),
                Source::IstioNode(Template::field("cluster")),
            ],
        }
    }
}

/// The app as Kubernetes meshes write it into certificates.
fn spiffe_app() -> Template {
    Template::dotted("service_account", "namespace")
}

fn read_preset(field: &Field<'_>) -> Result<Preset, ConfigError> {
    if matches!(field.value(), Json::Object(_)) {
        let template = field.object(&["spiffe"])?.required("spiffe")?;
        return Ok(Preset::spiffe(Some(Template::read(&template, spiffe::FIELDS)?)));
    }
    field.word(
        |word| match word {
            "envoy" => Some(Preset::envoy()),
            "spiffe" => Some(Preset::spiffe(None)),
            "istio" => Some(Preset::istio()),
            _ => None,
        },
        "\"envoy\", \"spiffe\", \"istio\" or an object with spiffe and a template",
    )
}

fn trust_of(word: &str) -> Option<Trust> {
    match word {
        "outbound" => Some(Trust { outbound: true, inbound: false }),
        "inbound" => Some(Trust { outbound: false, inbound: true }),
        "both" => Some(Trust { outbound: true, inbound: true }),
        _ => None,
    }
}

fn is_header(source: &Source) -> bool {
    matches!(source, Source::RequestHeader(_))
}

fn node_metadata(name: &str) -> Source {
    Source::NodeMetadata(path(&[name]))
}

fn attribute(steps: &[&str]) -> Source {
    Source::Attribute(path(steps))
}

fn path(steps: &[&str]) -> Vec<String> {
    steps.iter().map(|step| (*step).to_owned()).collect()
}
