//! The options of `host-sim mesh` that say which aggregators there are, and how they are reached.

use std::{path::PathBuf, time::Duration};

use host_sim::{mesh::tls::Tls, parse_duration_ns};

use super::{CliError, read, usage};

#[derive(clap::Args)]
pub(super) struct AggregatorArguments {
    /// The aggregators, which must be fresh ones; each push goes to the next of them
    #[arg(long = "aggregator", value_name = "URL", required = true, value_delimiter = ',')]
    pub(super) urls: Vec<String>,
    /// A file with the token for pushes and reads
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A PEM file with the certificates of whom to trust, for https
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// A PEM file with the certificate to show to aggregators
    #[arg(long, value_name = "FILE", requires = "key_file", requires = "ca_file")]
    cert_file: Option<PathBuf>,
    /// A PEM file with its key
    #[arg(long, value_name = "FILE", requires = "cert_file")]
    key_file: Option<PathBuf>,
    /// Connections that carry pushes, to each aggregator
    #[arg(long, value_name = "NUMBER", default_value_t = 32)]
    pub(super) connections: usize,
    /// At most so many pushes a second of real time; without it, as fast as it will go
    #[arg(long, value_name = "PUSHES")]
    pub(super) rate: Option<f64>,
    /// How long, in real time, to wait for the answer to a push
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_real)]
    pub(super) push_timeout: Duration,
    /// How long, in real time, to try again in the end: what logs have left behind, and reads
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_real)]
    pub(super) patience: Duration,
    /// The aggregators' processes, to tell the processor time that they use
    #[arg(long = "aggregator-pid", value_name = "PID", value_delimiter = ',')]
    pids: Vec<u32>,
}

impl AggregatorArguments {
    pub(super) fn token(&self) -> Result<Option<String>, CliError> {
        let Some(path) = &self.token_file else { return Ok(None) };
        Ok(Some(String::from_utf8_lossy(&read(path)?).trim().to_owned()))
    }

    pub(super) fn tls(&self) -> Result<Option<Tls>, CliError> {
        let Some(authorities) = &self.ca_file else { return Ok(None) };
        let identity = match (&self.cert_file, &self.key_file) {
            (Some(chain), Some(key)) => Some((read(chain)?, read(key)?)),
            _ => None,
        };
        Ok(Some(Tls { authorities: read(authorities)?, identity }))
    }

    /// A look at the processor time of the aggregators: in seconds since their starts, if it is to be
    /// told.
    pub(super) fn stopwatch(&self) -> impl Fn() -> Option<f64> + use<> {
        let pids: Vec<String> = self.pids.iter().map(ToString::to_string).collect();
        move || {
            let times: Option<Vec<f64>> = pids.iter().map(|pid| usage::cpu_s(pid)).collect();
            times.filter(|times| !times.is_empty()).map(|times| times.iter().sum())
        }
    }
}

fn parse_real(text: &str) -> Result<Duration, String> {
    let nanoseconds = parse_duration_ns(text).map_err(|error| error.to_string())?;
    Ok(Duration::from_nanos(nanoseconds))
}
