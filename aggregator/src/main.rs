//! The command `fas`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use aggregator::cli;
use aggregator::config::{Config, Settings};
use aggregator::metrics::Metrics;
use aggregator::serve;
use aggregator::store::embedded::{EmbeddedStore, Options};
use clap::{CommandFactory, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// The Flow Aggregation Service: which app moved how many bytes to which app, hour by hour.
#[derive(Parser)]
#[command(name = "fas", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Takes flows over HTTP and serves the aggregates
    Serve {
        #[command(flatten)]
        settings: Settings,

        /// Configuration file, TOML: listen, data, log, checkpoint_bytes
        #[arg(long, env = "FAS_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
    #[command(flatten)]
    Client(Box<cli::Command>),
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let (settings, config) = match Cli::parse().command {
        Command::Serve { settings, config } => (settings, config),
        Command::Client(command) => return cli::run(&command, Cli::command()),
    };
    let outcome = settings
        .complete(config.as_deref(), |name| std::env::var_os(name).map(PathBuf::from))
        .map_err(AnyError::from)
        .and_then(serve);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fas: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config) -> Result<(), AnyError> {
    env_logger::Builder::new()
        .filter_level(config.log.min(log::LevelFilter::Warn))
        .filter_module("aggregator", config.log)
        .filter_module("fas", config.log)
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(listen_and_serve(config))
}

async fn listen_and_serve(config: Config) -> Result<(), AnyError> {
    // Take signals before the long part of the start, so that none kills it half-way.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        log::info!("finishing what is in flight");
    };
    let metrics = Arc::new(Metrics::new()?);
    let options = Options { checkpoint_bytes: config.checkpoint_bytes, ..Options::default() };
    let store = EmbeddedStore::open(&config.data, &options, Arc::clone(&metrics))
        .map_err(|error| format!("cannot open {}: {error}", config.data.display()))?;
    let listener = TcpListener::bind(&config.listen)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
    let address = listener.local_addr()?;
    log::info!("listening on http://{address}, data in {}", config.data.display());
    serve::run(listener, Arc::new(store), metrics, shutdown).await?;
    log::info!("ended");
    Ok(())
}
