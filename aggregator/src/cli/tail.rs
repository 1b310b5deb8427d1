//! `fas tail`: follows the stream of changes, through broken connections, until it is told to
//! end.

mod figures;
mod printer;

use std::io::BufReader;
use std::thread;
use std::time::Instant;

use clap::Args;
use serde::Deserialize;

use self::printer::Printer;
use super::client::Client;
use super::connection::Connection;
use super::error::CliError;
use super::output::{Format, OutputOptions};
use super::query::Query;
use super::retry::Backoff;
use super::rows::FlowRow;
use super::say;
use super::selection::{Selection, Without};
use super::sse::{Event, Events};
use crate::limits::MAX_RETRY_PAUSE;

/// What `fas tail` takes.
#[derive(Args, Debug)]
pub struct Tail {
    /// End after so many changes [default: never]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    connection: Connection,
}

/// The data of an event `flows`.
#[derive(Deserialize)]
struct Changed {
    flows: Vec<FlowRow>,
}

/// The data of an event `reset`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Reset {
    reason: String,
}

/// Why a connection has come to its end.
enum End {
    /// All that was asked for is printed.
    Enough,
    /// It broke, or the server closed it.
    Broken(CliError),
}

/// A stream that is followed over connections.
struct Follower<'a> {
    client: &'a Client,
    query: Query,
    printer: Printer,
    last_id: Option<String>,
    backoff: Backoff,
    /// Whether there ever was a connection.
    is_known: bool,
}

impl Tail {
    pub(super) fn run(&self) -> Result<(), CliError> {
        if self.output.output == Format::Json {
            let reason = "a stream has no end, and so no JSON array: use --output ndjson";
            return Err(CliError::Usage(reason.to_owned()));
        }
        let scope = self.selection.scope(Without::AllHours)?;
        let client = Client::new(&self.connection)?;
        let mut follower = Follower {
            client: &client,
            query: scope.query,
            printer: Printer::new(&self.output, self.limit),
            last_id: None,
            backoff: Backoff::default(),
            is_known: false,
        };
        follower.printer.begin(&format!("Changes in {}", scope.hours))?;
        follower.follow()
    }
}

impl Follower<'_> {
    fn follow(&mut self) -> Result<(), CliError> {
        loop {
            let error = match self.connect()? {
                End::Enough => return Ok(()),
                End::Broken(error) => error,
            };
            let pause = self.backoff.after_failure(error.retry_after());
            say(&format!("{error}; trying again in {:.1} s", pause.as_secs_f64()));
            thread::sleep(pause);
        }
    }

    /// Follows one connection to its end. A server that was never reached, or that will not say
    /// anything else, is an error.
    fn connect(&mut self) -> Result<End, CliError> {
        let opened = self.client.stream("/v1/stream", &self.query, self.last_id.as_deref());
        let reader = match opened {
            Ok(reader) => BufReader::new(reader),
            Err(error @ CliError::Unreachable(_)) if !self.is_known => return Err(error),
            Err(error) if error.is_transient() => return Ok(End::Broken(error)),
            Err(error) => return Err(error),
        };
        self.is_known = true;
        let since = Instant::now();
        let mut events = Events::new(reader, self.last_id.take());
        let end = self.events(&mut events);
        if since.elapsed() > MAX_RETRY_PAUSE {
            // This one was well; the next failure is not one of a row.
            self.backoff = Backoff::default();
        }
        self.last_id = events.last_id().map(str::to_owned);
        end
    }

    fn events(&mut self, events: &mut Events<impl std::io::BufRead>) -> Result<End, CliError> {
        let broken = |reason: String| Ok(End::Broken(CliError::Unreachable(reason)));
        while !self.printer.is_done() {
            let event = match events.next() {
                Ok(Some(event)) => event,
                Ok(None) => return broken("the stream has ended".to_owned()),
                Err(error) => return broken(format!("the stream has broken off: {error}")),
            };
            self.take(&event)?;
        }
        Ok(End::Enough)
    }

    fn take(&mut self, event: &Event) -> Result<(), CliError> {
        match event.name.as_str() {
            "flows" => {
                let changed: Changed = serde_json::from_str(&event.data)
                    .map_err(|error| CliError::Unexpected(error.to_string()))?;
                self.printer.flows(&changed.flows)
            }
            "reset" => {
                let reset: Reset = serde_json::from_str(&event.data).unwrap_or_default();
                say(&format!("reset: changes were missed: {}", reset.reason));
                Ok(())
            }
            "dropped" => {
                say("the server dropped this stream, because it was not read fast enough");
                Ok(())
            }
            // `hello`, and what a later version may add.
            _ => Ok(()),
        }
    }
}
