//! `fas migrate`: moves all that a store holds into an empty one, from a directory into a cluster
//! or back. It can be run again at any time, and goes on where it was.

mod bar;
mod census;
mod chunk;
mod mover;
mod note;
mod patience;
mod place;
mod report;

use std::time::Instant;

use clap::Args;

use self::bar::Bar;
use self::census::Census;
use self::mover::Mover;
use self::note::Note;
pub use self::place::refuse_half_moved;
use self::place::{Access, Place};
use crate::limits::MAX_NAMED_INSTANCES;
use crate::store::Movable;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

/// What `fas migrate` takes.
#[derive(Args, Debug)]
pub struct Migrate {
    /// What to move: a directory, or redis://[USER:PASSWORD@]HOST[:PORT][,...][/NAME], or
    /// rediss:// for TLS. Nothing may write to it meanwhile
    #[arg(long, value_name = "PLACE")]
    from: String,

    /// Where to: the same; empty, or left by the same move when it was interrupted
    #[arg(long, value_name = "PLACE")]
    to: String,

    #[command(flatten)]
    access: Access,
}

/// Does it.
///
/// # Errors
/// When not all was moved, or what is there in the end is not the same.
pub fn run(migrate: &Migrate) -> Result<(), AnyError> {
    let mut log = env_logger::Builder::new();
    // Who has set up a log before this has done so on purpose.
    let _ = log.filter_module("aggregator", log::LevelFilter::Warn).try_init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(migrate.run())
}

impl Migrate {
    async fn run(&self) -> Result<(), AnyError> {
        let from = Place::parse(&self.from, &self.access)
            .map_err(|error| format!("--from is {error}"))?
            .existing()?;
        let to =
            Place::parse(&self.to, &self.access).map_err(|error| format!("--to is {error}"))?;
        let source = from.open(&self.access).await?;
        let outcome = match check_source(&*source, &from).await {
            Ok(census) => match to.open(&self.access).await {
                Ok(target) => {
                    let outcome = self.fill((&*source, &from), (&target, &to), census).await;
                    target.close().await;
                    outcome
                }
                Err(error) => Err(error.into()),
            },
            Err(error) => Err(error),
        };
        source.close().await;
        outcome
    }

    async fn fill(
        &self,
        (source, from): (&dyn Movable, &Place),
        (target, to): (&std::sync::Arc<dyn Movable>, &Place),
        census: Census,
    ) -> Result<(), AnyError> {
        let note = match target.moving().await? {
            Some(bytes) => Note::read(&bytes)
                .and_then(|note| note.go_on(&from.to_string(), &census.digest()))
                .map_err(|error| format!("{to}: {error}"))?,
            None if is_empty(&**target).await? => Note::new(&from.to_string(), &census.digest())?,
            None => {
                return Err(format!("{to} is not empty: move into an empty store").into());
            }
        };
        let bar = Bar::new(census.flows());
        let started = Instant::now();
        let known = note.flows;
        let mut mover = Mover { source, target, note, bar: &bar };
        let outcome = mover.run().await;
        let flows = mover.note.flows;
        bar.end();
        outcome.map_err(|error| {
            format!("{error}. {flows} flows are there: run the same again to go on")
        })?;
        let elapsed = started.elapsed();
        if Census::of(source).await? != census {
            return Err(format!(
                "{from} has changed while it was moved: stop what writes to it, and move it anew \
                 into another, empty store"
            )
            .into());
        }
        report::compare(source, &**target).await?;
        target.set_moving(None).await?;
        report::tell_moved(&census, flows - known, elapsed)
    }
}

/// Whether a store holds nothing.
async fn is_empty(store: &dyn Movable) -> Result<bool, AnyError> {
    let hours = store.hours(crate::store::Selection::all()).await?;
    Ok(hours.is_empty() && store.instances(None, 1).await?.is_empty())
}

/// Looks whether a store can be moved away, and what it holds.
async fn check_source(source: &dyn Movable, from: &Place) -> Result<Census, AnyError> {
    refuse_half_moved(source).await.map_err(|error| format!("{from}: {error}"))?;
    let half = source.half_delivered().await?;
    if !half.is_empty() {
        let named: Vec<&str> = half.iter().map(String::as_str).take(MAX_NAMED_INSTANCES).collect();
        return Err(format!(
            "{from}: of {} instances a batch may be there in part ({}{}), and {from} alone can \
             tell its resend: let the front ends run until these have delivered it, stop them, and \
             try again",
            half.len(),
            named.join(", "),
            if half.len() > named.len() { ", ..." } else { "" },
        )
        .into());
    }
    let census = Census::of(source).await?;
    if census.is_empty() {
        return Err(format!("there is nothing in {from}").into());
    }
    Ok(census)
}
