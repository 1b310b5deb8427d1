//! The shell: the only part that Envoy calls, and that calls Envoy. It decides nothing; whatever
//! goes wrong here, the bytes pass.
//!
//! It speaks the proxy-wasm ABI 0.2.1 itself. A module built on the SDK exports every callback
//! that there is, and Envoy makes each of them for every request; docs/performance.md has what
//! that costs.

mod abi;
mod call;
mod contexts;
mod exports;
mod host;
mod metrics;
mod root;
