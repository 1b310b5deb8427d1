//! The vocabulary that the filter and the aggregator share: flows, their keys and counters,
//! batches, the wire format and the limits.
//!
//! Everything here is a value or a plain function over values. There is no I/O, no clock and no
//! host call, so both ends of the protocol mean the same thing by the same word.

pub mod batch;
pub mod counters;
pub mod flow;
pub mod limits;
pub mod name;
pub mod reporter;
pub mod wire;

pub use batch::{Answer, Batch, Status};
pub use counters::{CounterError, Counters};
pub use flow::{Flow, FlowKey, Hour};
pub use name::{Name, NameError};
pub use reporter::Reporter;
