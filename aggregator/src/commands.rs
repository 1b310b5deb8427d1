//! What `fas` does besides serving, on the machine of the service. The commands that ask a service
//! over HTTP are elsewhere.

pub mod migrate;
pub mod token;
