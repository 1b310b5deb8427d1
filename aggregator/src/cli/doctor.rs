//! `fas doctor`: whether a running installation is well, and if not, what to do. It knows what the HTTP
//! interface says, and nothing else; it changes nothing.
//!
//! [`server`] asks. Each of the other files judges one thing, by plain functions over what was answered.

mod access;
mod census;
mod clock;
mod completeness;
mod figures;
mod finding;
mod health;
mod server;

use clap::{Args, ValueEnum};

use self::finding::{Finding, Report};
use self::server::{Contact, Server};
use super::client::Client;
use super::connection::Connection;
use super::error::CliError;
use super::output::{Output, Style};
use crate::limits::MAX_DOCTOR_HOURS;

/// The checks that read what is stored.
const OF_DATA: [&str; 7] =
    ["instances", "instance clocks", "losses", "completeness", "retention", "store", "limits"];

/// What `fas doctor` takes.
#[derive(Args, Debug)]
pub struct Doctor {
    /// How many of the last hours are looked at
    #[arg(long, value_name = "N", default_value_t = 24,
          value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_DOCTOR_HOURS)))]
    hours: u32,

    /// The form of the output
    #[arg(long, short, value_enum, value_name = "FORM", default_value_t = Form::Table)]
    output: Form,

    #[command(flatten)]
    connection: Connection,
}

/// A form of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A line a finding, for people
    Table,
    /// One JSON document
    Json,
}

impl Doctor {
    pub(super) fn run(&self) -> Result<(), CliError> {
        let server = Server::new(Client::new(&self.connection)?, self.connection.url.clone());
        let report = Report::of(self.examine(&server));
        self.print(&report)?;
        match report.verdict.exit_code() {
            0 => Ok(()),
            code => Err(CliError::Unwell(code)),
        }
    }

    /// All checks, in the order in which one trusts the next.
    fn examine(&self, server: &Server) -> Vec<Finding> {
        let (contact, mut findings) = health::contact(server);
        let Some(contact) = contact else { return findings };
        let described = server.description();
        findings.push(health::version(&described));
        // Somebody else's answers say nothing about `fas`.
        if !health::may_be_fas(&described) {
            return findings;
        }
        // First, since a read that fails has had the server notice what is away.
        let admission = server.admission();
        findings.push(health::ready(&server.readiness()));
        findings.extend(access::judge(&admission));
        findings.push(clock::judge(&contact));
        match admission {
            Ok(_) => findings.extend(self.examine_data(server, contact)),
            // Each of them would wait for the store, and say the same.
            Err(_) => findings.extend(OF_DATA.map(Finding::unanswered)),
        }
        findings
    }

    fn examine_data(&self, server: &Server, contact: Contact) -> Vec<Finding> {
        let mut findings = census::judge(server.census(contact.server_ms, self.hours));
        findings.push(completeness::judge(server.last_hours(contact.server_ms, self.hours)));
        findings.extend(figures::judge(server.figures()));
        findings
    }

    fn print(&self, report: &Report) -> Result<(), CliError> {
        let mut output = Output::new();
        match self.output {
            Form::Json => {
                let document = serde_json::to_string_pretty(report)
                    .map_err(|error| CliError::Unexpected(error.to_string()))?;
                output.write(document.as_bytes())?;
                output.write(b"\n")?;
            }
            Form::Table => {
                for finding in &report.findings {
                    let style = if finding.is_good() { Style::Plain } else { Style::Bold };
                    output.line(style, &finding.to_string())?;
                }
            }
        }
        output.flush()
    }
}
