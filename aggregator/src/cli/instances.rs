//! `fas instances`: who reports, how far each has come, and when it was last heard of.

use clap::Args;

use super::client::Client;
use super::connection::Connection;
use super::error::CliError;
use super::listing;
use super::output::OutputOptions;
use super::pages::Listing;
use super::query::Query;
use super::rows::InstanceRow;

/// What `fas instances` takes.
#[derive(Args, Debug)]
pub struct Instances {
    /// The most instances to list [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    connection: Connection,
}

impl Instances {
    pub(super) fn run(&self) -> Result<(), CliError> {
        let client = Client::new(&self.connection)?;
        let (path, query, format) = ("/v1/instances", Query::default(), self.output.output);
        let listing = Listing { client: &client, path, query, format, is_paged: true };
        listing::print::<InstanceRow>(listing, self.limit, &self.output, "Instances that report")
    }
}
