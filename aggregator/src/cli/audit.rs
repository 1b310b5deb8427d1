//! `fas audit`: flows whose two sides did not report the same, the largest difference first.

use clap::Args;

use super::client::Client;
use super::connection::Connection;
use super::error::CliError;
use super::listing;
use super::output::OutputOptions;
use super::pages::Listing;
use super::rows::AuditRow;
use super::selection::{FlowSelection, Without};

/// What `fas audit` takes.
#[derive(Args, Debug)]
pub struct Audit {
    /// Also list flows that one side alone has reported: its peer may have no filter
    #[arg(long)]
    one_sided: bool,

    /// The most flows to list
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: u64,

    #[command(flatten)]
    selection: FlowSelection,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    connection: Connection,
}

impl Audit {
    pub(super) fn run(&self) -> Result<(), CliError> {
        let scope = self.selection.scope(Without::CurrentHour)?;
        let client = Client::new(&self.connection)?;
        let mut query = scope.query;
        if self.one_sided {
            query.push("include", "one_sided");
        }
        let (query, format) = (query.with("limit", self.limit), self.output.output);
        let listing =
            Listing { client: &client, path: "/v1/audit", query, format, is_paged: false };
        let heading = format!("Flows whose sides disagree, of {}", scope.hours);
        listing::print::<AuditRow>(listing, None, &self.output, &heading)
    }
}
