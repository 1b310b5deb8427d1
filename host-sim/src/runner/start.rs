//! Makes the host of a scenario: its plugins, its clusters, its node.

use std::path::Path;

use super::{Options, RunError};
use crate::{
    host::{Host, builder::PluginSettings},
    scenario::{ForeignAnswer, Scenario, configuration_text},
    vm::plugin::Plugin,
};

pub(super) fn load(path: &Path) -> Result<Plugin, RunError> {
    let bytes = std::fs::read(path)
        .map_err(|error| RunError::ReadPlugin { path: path.to_owned(), error })?;
    Ok(Plugin::load(&bytes)?)
}

/// Each cluster draws from its own sequence, so that one more call to one changes no other.
fn seed_of(seed: u64, cluster: &str) -> u64 {
    // FNV-1a: simple, and the same everywhere.
    cluster.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

pub(super) fn start(
    scenario: &Scenario,
    options: &Options,
    plugin: Plugin,
) -> Result<Host, RunError> {
    let unknown = options.upstreams.keys().find(|name| !scenario.callouts.contains_key(*name));
    if let Some(name) = unknown {
        return Err(RunError::NoCluster(name.clone()));
    }
    let node = &scenario.node;
    let mut builder = Host::builder(plugin)
        .workers(scenario.workers)
        .start_time(scenario.start.0)
        .failure_policy(scenario.failure_policy)
        .configuration(configuration_text(&scenario.configuration))
        .vm_configuration(configuration_text(&scenario.vm_configuration))
        .vm_id(&scenario.vm_id)
        .plugin_name(&scenario.plugin_name)
        .root_id(&scenario.root_id)
        .seed(scenario.seed)
        .node(&node.id, &node.cluster, node.metadata.clone());
    for (name, value) in &scenario.environment {
        builder = builder.environment(name, value);
    }
    for plugin in &scenario.other_plugins {
        builder = builder.another_plugin(PluginSettings {
            name: plugin.plugin_name.clone(),
            root_id: plugin.root_id.clone(),
            configuration: configuration_text(&plugin.configuration),
        });
    }
    for (name, answer) in &scenario.foreign_functions {
        let answer = match answer {
            ForeignAnswer::Text(text) => Ok(text.clone().into_bytes()),
            ForeignAnswer::Status(status) => Err(*status),
        };
        builder = builder.foreign_function(name, move |_, _| answer.clone());
    }
    for (name, target) in &scenario.callouts {
        let cluster = target.cluster(options.upstreams.get(name), seed_of(scenario.seed, name));
        builder = builder.cluster(name, cluster.ok_or_else(|| RunError::NoBackend(name.clone()))?);
    }
    Ok(builder.start()?)
}
