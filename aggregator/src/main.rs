//! The command `fas`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aggregator::cli;
use aggregator::commands::migrate::{self, Migrate};
use aggregator::commands::token::{self, TokenCommand};
use aggregator::config::{Config, Settings, StoreConfig};
use aggregator::metrics::Metrics;
use aggregator::serve::{self, Entrance};
use aggregator::store::cluster::ClusterStore;
use aggregator::store::embedded::EmbeddedStore;
use aggregator::store::{Movable, Store};
use aggregator::text::one_line;
use clap::{CommandFactory, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Many small allocations on many threads are what it does most: this one is quicker at them than
/// the system's, and gives memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
        settings: Box<Settings>,

        /// Configuration file, TOML: keys as the flags are named, with _ for -
        #[arg(long, env = "FAS_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Makes, lists and revokes the tokens that clients must show
    #[command(subcommand)]
    Token(TokenCommand),
    /// Moves all data of a store into an empty one, from a directory into a cluster or back
    ///
    /// It can be interrupted and run again: it goes on where it was. In the end it compares both.
    Migrate(Migrate),
    #[command(flatten)]
    Client(Box<cli::Command>),
}

/// Whether the data directory is being opened.
static IS_OPENING: AtomicBool = AtomicBool::new(false);

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve { settings, config } => settings
            .complete(config.as_deref(), |name| std::env::var_os(name).map(PathBuf::from))
            .map_err(AnyError::from)
            .and_then(serve),
        Command::Token(command) => token::run(command),
        Command::Migrate(command) => migrate::run(&command),
        Command::Client(command) => return cli::run(&command, Cli::command()),
    };
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
    tell_panics_in_one_line(config.store.to_string());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(listen_and_serve(config))
}

/// What should never happen is told in one line, like everything else that the log says.
fn tell_panics_in_one_line(data: String) {
    std::panic::set_hook(Box::new(move |panic| {
        let text = one_line(panic.payload_as_str().unwrap_or("no reason"));
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        log::error!("internal error: {text} (at {place})");
        // The database does not expect every kind of damage, and panics at some. Unwinding would
        // have its destructors panic too, which ends the process without a word.
        if IS_OPENING.load(Ordering::Relaxed) {
            eprintln!("fas: cannot open {data}: it cannot be read: {text}. Restore a backup");
            std::process::exit(1);
        }
    }));
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
    let cannot_listen = |error| format!("cannot listen on {}: {error}", config.listen);
    let addresses: Vec<SocketAddr> =
        tokio::net::lookup_host(&config.listen).await.map_err(cannot_listen)?.collect();
    config.check_exposure(&addresses)?;
    let entrance = Entrance::load(&config.terms)?;
    let metrics = Arc::new(Metrics::new()?);
    config.store.announce(&metrics);
    let store = open(&config.store, &metrics).await?;
    let listener = TcpListener::bind(&*addresses).await.map_err(cannot_listen)?;
    let address = listener.local_addr()?;
    warn_about_plain_tokens(&config, address);
    let scheme = if config.terms.tls.is_some() { "https" } else { "http" };
    log::info!("listening on {scheme}://{address}, data in {}", config.store);
    serve::run(listener, store, metrics, entrance, shutdown).await;
    log::info!("ended");
    Ok(())
}

async fn open(store: &StoreConfig, metrics: &Arc<Metrics>) -> Result<Arc<dyn Store>, AnyError> {
    let metrics = Arc::clone(metrics);
    let opened: Arc<dyn Movable> = match store {
        StoreConfig::Directory(directory, options) => {
            IS_OPENING.store(true, Ordering::Relaxed);
            let opened = EmbeddedStore::open(directory, options, metrics);
            IS_OPENING.store(false, Ordering::Relaxed);
            Arc::new(opened.map_err(|error| format!("cannot open {store}: {error}"))?)
        }
        StoreConfig::Cluster(options) => {
            let opened = ClusterStore::open(options, metrics).await;
            Arc::new(opened.map_err(|error| format!("cannot open {store}: {error}"))?)
        }
    };
    let whole = migrate::refuse_half_moved(&*opened).await;
    whole.map_err(|error| format!("cannot open {store}: {error}"))?;
    Ok(opened)
}

fn warn_about_plain_tokens(config: &Config, address: SocketAddr) {
    let plain = config.terms.tokens.is_some() && config.terms.tls.is_none();
    if plain && !address.ip().to_canonical().is_loopback() {
        log::warn!("tokens pass the network in plain: use --tls-cert and --tls-key, or a proxy");
    }
}
