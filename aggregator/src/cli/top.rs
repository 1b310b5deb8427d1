//! `fas top`: the groups of flows that moved the most, and what all the others moved.

mod ranking;
mod summary;

use clap::{Args, ValueEnum};

use self::ranking::Ranking;
use self::summary::Summary;
use super::client::Client;
use super::connection::Connection;
use super::error::CliError;
use super::listing::Copy;
use super::output::{Format, Output, OutputOptions, Style};
use super::query::Query;
use super::selection::{Scope, Selection, Without};

const PATH: &str = "/v1/summary";

/// What `fas top` takes.
#[derive(Args, Debug)]
pub struct Top {
    /// What flows are grouped by
    #[arg(
        long,
        value_enum,
        value_name = "FIELDS",
        value_delimiter = ',',
        default_value = "src_app,dest_app"
    )]
    by: Vec<Field>,

    /// What groups are ordered by, the largest first
    #[arg(long, value_enum, value_name = "FIGURE", default_value_t = Order::BytesTotal)]
    order: Order,

    /// The most groups to show; the others are one row
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: u64,

    #[command(flatten)]
    selection: Selection,

    #[command(flatten)]
    output: OutputOptions,

    #[command(flatten)]
    connection: Connection,
}

/// A field to group by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Field {
    SrcApp,
    DestApp,
    VpcId,
    Hour,
}

impl Field {
    fn as_str(self) -> &'static str {
        match self {
            Self::SrcApp => "src_app",
            Self::DestApp => "dest_app",
            Self::VpcId => "vpc_id",
            Self::Hour => "hour",
        }
    }
}

/// A figure to order by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Order {
    BytesTotal,
    BytesTx,
    BytesRx,
    Flows,
}

impl Order {
    fn as_str(self) -> &'static str {
        match self {
            Self::BytesTotal => "bytes_total",
            Self::BytesTx => "bytes_tx",
            Self::BytesRx => "bytes_rx",
            Self::Flows => "flows",
        }
    }
}

impl Top {
    pub(super) fn run(&self) -> Result<(), CliError> {
        let Scope { query, hours } = self.selection.scope(Without::CurrentHour)?;
        let client = Client::new(&self.connection)?;
        let query = self.parameters(query);
        let mut output = Output::new();
        if self.output.output == Format::Table {
            let answer = client.get(PATH, &query, "application/json")?;
            let summary: Summary = serde_json::from_slice(&answer.body)
                .map_err(|error| CliError::Unexpected(error.to_string()))?;
            output.line(Style::Bold, &format!("Top of {hours}, by {}", self.order.as_str()))?;
            let ranking = Ranking { by: &self.by, order: self.order, units: self.output.units() };
            ranking.print(&summary, &mut output)?;
        } else {
            let answer = client.get(PATH, &query, self.output.output.media_type())?;
            let mut copy = Copy::new(self.output.output);
            output.write(&copy.page(&answer.body))?;
            output.write(copy.end())?;
        }
        output.flush()
    }

    fn parameters(&self, query: Query) -> Query {
        let fields: Vec<&str> = self.by.iter().map(|field| field.as_str()).collect();
        query
            .with("group_by", fields.join(","))
            .with("order_by", self.order.as_str())
            .with("limit", self.limit)
    }
}
