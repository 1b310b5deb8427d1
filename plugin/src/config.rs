//! `Config`: what the operator wants of the filter, read strictly from JSON: an unknown field or
//! a bad value is an error that names the field by its path.

pub mod bounds;
mod error;
pub mod identity;
mod json;
mod object;
pub mod push;
pub mod source;
pub mod template;

use flow_model::Reporter;

pub use bounds::Bounds;
pub use error::ConfigError;
pub use identity::Names;
use json::Json;
use object::Field;
pub use push::{BearerToken, PushConfig};
pub use source::{Source, Sources};
pub use template::Template;

/// The settings, as the configuration names them.
pub const FIELDS: &[&str] = &[
    "mode",
    "report",
    "direction",
    "identity",
    "trust_request_headers",
    "src_app",
    "dest_app",
    "vpc_id",
    "push",
    "bounds",
];

/// Where in Envoy the module stands. One module serves everywhere, and cannot tell by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A network filter: it counts the bytes of connections.
    Tcp,
    /// An HTTP filter: it counts the bytes of bodies.
    Http,
    /// An access logger: it counts the bytes of connections, or of bodies, when they end.
    AccessLog,
}

impl Mode {
    const ALL: [Self; 3] = [Self::Tcp, Self::Http, Self::AccessLog];

    /// The mode as the configuration writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::AccessLog => "access_log",
        }
    }
}

/// Which streams the filter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// Those of outbound listeners.
    Source,
    /// Those of inbound listeners.
    Destination,
    /// All, each under its side.
    Both,
}

impl Report {
    /// Whether this side's streams are counted.
    pub fn includes(self, side: Reporter) -> bool {
        match self {
            Self::Source => side == Reporter::Source,
            Self::Destination => side == Reporter::Destination,
            Self::Both => true,
        }
    }

    /// The side as which a stream counts whose listener has no direction.
    pub fn default_side(self) -> Reporter {
        match self {
            Self::Source | Self::Both => Reporter::Source,
            Self::Destination => Reporter::Destination,
        }
    }
}

/// What the operator wants of the filter.
pub struct Config {
    /// Network filter or HTTP filter.
    pub mode: Mode,
    /// Which streams are counted.
    pub report: Report,
    /// The side of all streams; none if each listener's direction says it.
    pub side: Option<Reporter>,
    /// Where the names of apps and networks come from.
    pub names: Names,
    /// Where batches go.
    pub push: PushConfig,
    /// How much is kept.
    pub bounds: Bounds,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// When it is not JSON, or a field is unknown, missing, given twice, or not what it must be.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        let json = Json::parse(bytes).map_err(|error| malformed(bytes, &error))?;
        let object = Field::root(&json).object(FIELDS)?;
        let mode = object.required("mode")?.word(mode_of, "\"tcp\", \"http\" or \"access_log\"")?;
        let report = match object.optional("report") {
            Some(field) => field.word(report_of, "\"source\", \"destination\" or \"both\"")?,
            None => Report::Source,
        };
        let side = object.optional("direction");
        let side =
            side.map(|field| field.word(side_of, "\"outbound\" or \"inbound\"")).transpose()?;
        let is_counted =
            |of: &Reporter| report.includes(*of) && side.is_none_or(|side| side == *of);
        let counted: Vec<Reporter> = Reporter::ALL.into_iter().filter(is_counted).collect();
        Ok(Self {
            mode,
            report,
            side,
            names: Names::read(&object, mode, &counted)?,
            push: PushConfig::read(&object.required("push")?)?,
            bounds: Bounds::read(object.optional("bounds"))?,
        })
    }
}

fn malformed(bytes: &[u8], error: &serde_json::Error) -> ConfigError {
    // Envoy 1.40 hands a `Struct` on as binary protobuf, whatever its documentation says.
    let is_text =
        !bytes.is_empty() && bytes.iter().all(|b| !matches!(b, 0..=8 | 11 | 12 | 14..=31));
    let hint = if is_text { "" } else { ": give it as a google.protobuf.StringValue" };
    ConfigError::Malformed(format!("{error}{hint}"))
}

fn mode_of(word: &str) -> Option<Mode> {
    Mode::ALL.into_iter().find(|mode| mode.word() == word)
}

fn side_of(word: &str) -> Option<Reporter> {
    match word {
        "outbound" => Some(Reporter::Source),
        "inbound" => Some(Reporter::Destination),
        _ => None,
    }
}

fn report_of(word: &str) -> Option<Report> {
    match word {
        "source" => Some(Report::Source),
        "destination" => Some(Report::Destination),
        "both" => Some(Report::Both),
        _ => None,
    }
}
