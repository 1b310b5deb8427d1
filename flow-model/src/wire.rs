//! The wire format: JSON, version 1. One file per message, over typed fields whose errors name
//! the element and the field, and over a scanner for messages that are written as we write them.

mod answer;
mod batch;
mod error;
mod field;
mod flows;
mod groups;
mod row;
mod scanner;
mod spill;
mod write;

pub use answer::{decode_answer, encode_answer};
pub use batch::{VERSION, decode_batch, encode_batch};
pub use error::WireError;
pub use flows::{decode_flow_lines, decode_flows, encode_flow, encode_flows};
pub use spill::{SPILL_MARK, spilled};

#[cfg(test)]
mod tests;
