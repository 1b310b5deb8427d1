//! Flows as bytes: an encoder for each format.

#[cfg(feature = "arrow")]
mod arrow;
mod csv;
mod json;

use flow_model::Flow;

use super::Format;
use crate::store::ReadError;

/// Turns flows into bytes, one after the other.
pub(super) trait Encoder: Send {
    /// Appends what comes before the first flow.
    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), ReadError>;

    /// Takes a flow. It is appended now or with a later one.
    fn flow(&mut self, flow: &Flow<'_>, out: &mut Vec<u8>) -> Result<(), ReadError>;

    /// Appends what is left, and what comes after the last flow.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), ReadError>;
}

/// The encoder of a format; for JSON that of an array.
pub(super) fn encoder(format: Format) -> Result<Box<dyn Encoder>, ReadError> {
    Ok(match format {
        Format::Json => Box::new(json::Array::default()),
        Format::Ndjson => Box::new(json::Lines),
        Format::Csv => Box::new(csv::Csv),
        #[cfg(feature = "arrow")]
        Format::Arrow => Box::new(arrow::Arrow::new()?),
    })
}
