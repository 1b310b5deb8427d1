//! `Bounds`: how much the filter keeps, and how much it sends at once.

use super::error::ConfigError;
use super::object::Field;
use crate::limits;

/// The settings of `bounds`, as the configuration names them.
pub const FIELDS: &[&str] = &["max_flows", "max_batch_flows"];

/// How much the filter keeps, and how much it sends at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most rows of the table.
    pub max_flows: usize,
    /// The most rows of a batch.
    pub max_batch_flows: usize,
}

impl Bounds {
    pub(super) fn read(field: Option<Field<'_>>) -> Result<Self, ConfigError> {
        let object = field.map(|field| field.object(FIELDS)).transpose()?;
        let integer = |name, range, default| match &object {
            Some(object) => object.integer(name, range, default),
            None => Ok(default),
        };
        let max_flows = integer("max_flows", limits::MAX_FLOWS, limits::DEFAULT_MAX_FLOWS)?;
        let max_batch_flows =
            integer("max_batch_flows", limits::BATCH_FLOWS, limits::DEFAULT_BATCH_FLOWS)?;
        // Both ranges fit 32 bits, as does a Wasm usize.
        Ok(Self { max_flows: max_flows as usize, max_batch_flows: max_batch_flows as usize })
    }
}
