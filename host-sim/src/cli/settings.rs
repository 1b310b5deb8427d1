//! What is said on the command line about scenarios, the same for every command that runs them.

use std::path::PathBuf;

use host_sim::{runner::Options, scenario::Settings};

/// How scenarios are run.
#[derive(clap::Args)]
pub(super) struct ScenarioSettings {
    /// A real server for a cluster; may be given several times
    #[arg(long = "upstream", value_name = "CLUSTER=URL", value_parser = parse_upstream)]
    upstreams: Vec<(String, String)>,
    /// The value of a parameter; may be given several times
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_setting)]
    set: Vec<(String, String)>,
    /// The seed of what chance decides, in place of the scenario's
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Write golden files in place of comparing with them
    #[arg(long)]
    update: bool,
}

impl ScenarioSettings {
    /// With a plugin in place of the scenarios'.
    pub(super) fn split(self, plugin: Option<PathBuf>) -> (Settings, Options) {
        let (mut settings, mut options) = (Settings::default(), Options::default());
        settings.set = self.set;
        settings.seed = self.seed;
        options.plugin = plugin;
        options.upstreams = self.upstreams.into_iter().collect();
        options.update = self.update;
        (settings, options)
    }
}

fn parse_upstream(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((cluster, url)) if !cluster.is_empty() && url.starts_with("http://") => {
            Ok((cluster.to_owned(), url.to_owned()))
        }
        _ => Err("not of the form CLUSTER=http://host:port".to_owned()),
    }
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("not of the form NAME=VALUE".to_owned()),
    }
}
