//! `fas` with the environment that its unit for systemd gives it, on a directory and on a cluster.

use std::path::Path;
use std::process::Command;

use crate::fas::{Fas, command, directory};

const UNIT: &str = include_str!("../../../envoy/standalone/fas.service");

/// The unit's command and environment, where `state` stands for `/var/lib`.
fn service(state: &Path) -> Command {
    let of = |name: &'static str| UNIT.lines().filter_map(move |line| line.strip_prefix(name));
    let start = of("ExecStart=").next().unwrap();
    let arguments: Vec<&str> = start.split(' ').skip(1).collect();
    let mut command = command(&arguments);
    for set in of("Environment=") {
        let (name, value) = set.split_once('=').unwrap();
        command.env(name, value.replace("%S", state.to_str().unwrap()));
    }
    command
}

#[test]
fn the_units_data_is_in_its_state_directory() {
    let state = directory();
    let fas = Fas::launch(service(state.path()).env("FAS_LISTEN", "127.0.0.1:0"));
    assert_eq!(fas.get("/readyz").status, 200);
    assert!(state.path().join("fas/version").exists());
}

#[test]
fn the_unit_takes_a_cluster_by_a_setting_alone() {
    let state = directory();
    // Nobody is there: it gets as far as looking.
    let mut service = service(state.path());
    let (_, said) =
        Fas::try_launch(service.env("FAS_STORE", "redis://127.0.0.1:9/fas")).err().unwrap();
    assert!(said.contains("127.0.0.1:9"), "{said}");
    assert!(!state.path().join("fas").exists());
}
