//! Where the programs are that the tests run. `cargo xtask` builds them and sets the variables.

use std::path::PathBuf;

/// The Envoy binary.
pub fn envoy() -> PathBuf {
    find("FLOW_ENVOY")
}

/// The filter that Envoy and the simulator load.
pub fn filter() -> PathBuf {
    find("FLOW_FILTER_WASM")
}

/// A plugin of `tests/guests`: `cpp` or `go`.
pub fn guest(language: &str) -> PathBuf {
    find("FLOW_GUESTS").join(language).with_extension("wasm")
}

/// The aggregator.
pub fn fas() -> PathBuf {
    find("FAS_BIN")
}

/// The proxy-wasm simulator.
pub fn host_sim() -> PathBuf {
    find("HOST_SIM_BIN")
}

/// The server of which Redis Clusters are made: what the variable says, or the one on the path.
pub fn redis_server() -> PathBuf {
    std::env::var_os("FLOW_REDIS_SERVER").map_or_else(|| "redis-server".into(), PathBuf::from)
}

/// What is preloaded into Envoy to move its wall clock.
pub fn clock_shim() -> PathBuf {
    find("FLOW_CLOCK_SHIM")
}

/// The directory of this crate.
pub fn tests_directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The configurations that operators copy.
pub fn standalone_samples() -> PathBuf {
    tests_directory().join("../envoy/standalone")
}

/// The resources that operators of Istio copy.
pub fn istio_samples() -> PathBuf {
    tests_directory().join("../envoy/istio")
}

fn find(variable: &str) -> PathBuf {
    let Some(path) = std::env::var_os(variable).map(PathBuf::from) else {
        panic!("{variable} is not set: run this by `cargo xtask test` or `cargo xtask demo`");
    };
    assert!(path.exists(), "{variable}={} does not exist", path.display());
    path
}
