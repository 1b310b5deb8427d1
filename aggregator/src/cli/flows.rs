//! `fas flows`: flows with their figures, in order of hour and names.

use clap::Args;

use super::client::Client;
use super::connection::Connection;
use super::error::CliError;
use super::listing;
use super::output::OutputOptions;
use super::pages::Listing;
use super::rows::FlowRow;
use super::selection::{Selection, Without};

/// What `fas flows` takes.
#[derive(Args, Debug)]
pub struct Flows {
    /// The most flows to list [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    connection: Connection,
}

impl Flows {
    pub(super) fn run(&self) -> Result<(), CliError> {
        let scope = self.selection.scope(Without::CurrentHour)?;
        let client = Client::new(&self.connection)?;
        let format = self.output.output;
        let (path, query) = ("/v1/flows", scope.query);
        let listing = Listing { client: &client, path, query, format, is_paged: true };
        let heading = format!("Flows of {}", scope.hours);
        listing::print::<FlowRow>(listing, self.limit, &self.output, &heading)
    }
}
