//! `fas import`: writes the flows of a file, in chunks that are applied once, so that the same
//! import can be run again.

mod chunk;
mod csv_lines;
mod csv_records;
mod fault;
mod format;
mod json_array;
mod ledger;
mod ndjson;
mod progress;
mod record;
mod source;
mod spill;
mod upload;

use clap::Args;

use self::chunk::Chunks;
use self::format::InputFormat;
use self::progress::Progress;
use self::source::Source;
pub(super) use self::spill::Shortfall;
use self::upload::Upload;
use super::client::Client;
use super::connection::Connection;
use super::error::CliError;
use super::output::{Output, Style};
use crate::limits::MAX_PARALLEL_IMPORTS;

/// What `fas import` takes.
#[derive(Args, Debug)]
pub struct Import {
    /// The file, or - for standard input; with --spill, there may be several
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,

    /// What is in it [default: by the name's ending, or what it starts with]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<InputFormat>,

    /// It is a log of Envoy: replay the batches in it that nobody had confirmed
    #[arg(long, conflicts_with_all = ["format", "label", "parallel"])]
    spill: bool,

    /// With --spill: say what would be replayed, and send nothing
    #[arg(long, requires = "spill")]
    dry_run: bool,

    /// Tells this import from others of the same flows
    #[arg(long, value_name = "TEXT", default_value = "")]
    label: String,

    /// Requests in flight
    #[arg(long, value_name = "N", default_value_t = MAX_PARALLEL_IMPORTS,
          value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_PARALLEL_IMPORTS)))]
    parallel: u8,

    #[command(flatten)]
    connection: Connection,
}

impl Import {
    pub(super) fn run(&self) -> Result<(), CliError> {
        let client = Client::new(&self.connection)?;
        let mut sources = Vec::new();
        for file in &self.files {
            sources.push(Source::open(file)?);
        }
        if self.spill {
            let outcome = match self.dry_run {
                true => spill::rehearse(sources),
                false => spill::replay(&client, sources),
            };
            return tell(&outcome?);
        }
        let (Some(source), None) = (sources.pop(), sources.pop()) else {
            return Err(CliError::Usage("only one file can be imported at a time".to_owned()));
        };
        let progress = Progress::new(source.size);
        let (name, count) = (source.name.clone(), source.count());
        let records = source
            .records(self.format)
            .map_err(|error| CliError::Input(format!("{name}: cannot be read: {error}")))?;
        let upload = Upload {
            client: &client,
            label: &self.label,
            parallel: self.parallel,
            progress: &progress,
        };
        let (ledger, failure) = upload.run(Chunks::new(records, count));
        progress.end();
        if let Some(failure) = failure {
            return Err(failure.into_error(&name, &ledger));
        }
        tell(&ledger.closing_line())
    }
}

fn tell(text: &str) -> Result<(), CliError> {
    let mut output = Output::new();
    for line in text.lines() {
        output.line(Style::Plain, line)?;
    }
    output.flush()
}
