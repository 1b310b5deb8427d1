//! `fas hours`: the hours that have flows, with their totals.

use clap::Args;

use super::client::Client;
use super::connection::Connection;
use super::error::CliError;
use super::listing;
use super::output::OutputOptions;
use super::pages::Listing;
use super::rows::HourRow;
use super::selection::{Selection, Without};

/// What `fas hours` takes.
#[derive(Args, Debug)]
pub struct Hours {
    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    connection: Connection,
}

impl Hours {
    pub(super) fn run(&self) -> Result<(), CliError> {
        let scope = self.selection.scope(Without::AllHours)?;
        let client = Client::new(&self.connection)?;
        let (path, query, format) = ("/v1/hours", scope.query, self.output.output);
        let listing = Listing { client: &client, path, query, format, is_paged: false };
        let heading = format!("Hours with flows, of {}", scope.hours);
        listing::print::<HourRow>(listing, None, &self.output, &heading)
    }
}
