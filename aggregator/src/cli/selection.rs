//! `Selection`: the flags that say which flows a command is about, as parameters of the
//! interface.

use clap::{Args, ValueEnum};

use super::error::CliError;
use super::query::Query;
use super::time::{self, When};

/// Which flows, and whose figures of them.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub(super) struct Selection {
    #[command(flatten)]
    flows: FlowSelection,

    /// Only what this side reported [default: the larger of both sides]
    #[arg(long, value_enum, value_name = "SIDE")]
    reporter: Option<Side>,
}

/// A side of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Side {
    Source,
    Destination,
}

/// Which flows.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Selection")]
pub(super) struct FlowSelection {
    /// One hour: its number, a time in it (2026-11-24T08:00:00Z), now, or as long ago as -24h,
    /// -90m or -7d
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true,
          conflicts_with_all = ["from", "to"])]
    hour: Option<When>,

    /// The first hour of a range
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    from: Option<When>,

    /// The end of a range: the number of the hour after it, or a time in its last hour
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    to: Option<When>,

    /// Only this source app, or those that start so if it ends with *; repeatable
    #[arg(long, value_name = "NAME")]
    src_app: Vec<String>,

    /// Only this destination app, likewise
    #[arg(long, value_name = "NAME")]
    dest_app: Vec<String>,

    /// Only this VPC, likewise
    #[arg(long, value_name = "NAME")]
    vpc_id: Vec<String>,
}

/// The hours that are meant when none are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Without {
    /// The one that it is.
    CurrentHour,
    /// All that there are.
    AllHours,
}

/// A selection for the server and for people.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scope {
    /// The parameters.
    pub query: Query,
    /// The hours in words.
    pub hours: String,
}

impl Selection {
    /// What is selected, as of now.
    ///
    /// # Errors
    /// When a time is not in an hour that there is.
    pub fn scope(&self, without: Without) -> Result<Scope, CliError> {
        let mut scope = self.flows.scope(without)?;
        if let Some(side) = self.reporter {
            let word = match side {
                Side::Source => "source",
                Side::Destination => "destination",
            };
            scope.query.push("reporter", word);
            scope.hours.push_str(&format!(", as the {word} reported"));
        }
        Ok(scope)
    }
}

impl FlowSelection {
    /// What is selected, as of now.
    ///
    /// # Errors
    /// When a time is not in an hour that there is.
    pub fn scope(&self, without: Without) -> Result<Scope, CliError> {
        self.scope_at(time::now(), without)
    }

    fn scope_at(&self, now: i128, without: Without) -> Result<Scope, CliError> {
        let mut scope = self.hours(now, without)?;
        let names =
            [("src_app", &self.src_app), ("dest_app", &self.dest_app), ("vpc_id", &self.vpc_id)];
        for (field, values) in names {
            values.iter().for_each(|value| scope.query.push(field, value));
        }
        Ok(scope)
    }

    fn hours(&self, now: i128, without: Without) -> Result<Scope, CliError> {
        let from = self.from.map(|from| from.hour(now).map_err(wrong("--from"))).transpose()?;
        let to = self.to.map(|to| to.end(now).map_err(wrong("--to"))).transpose()?;
        if let Some(when) = self.hour {
            let hour = when.hour(now).map_err(wrong("--hour"))?;
            return Ok(Scope { query: one_hour(hour), hours: format!("hour {hour}") });
        }
        match (from, to) {
            (None, None) if without == Without::AllHours => {
                Ok(Scope { query: Query::default(), hours: "all hours".to_owned() })
            }
            (None, None) => {
                let hour = When::Ago(0).hour(now).map_err(wrong("the clock"))?;
                let start = time::start_of(hour).unwrap_or_default();
                let hours = format!("hour {hour}, the current one (from {start} UTC)");
                Ok(Scope { query: one_hour(hour), hours })
            }
            // The interface wants a start where it would otherwise read everything.
            (from, to) => Ok(range(from.unwrap_or(0), to)),
        }
    }
}

fn one_hour(hour: u64) -> Query {
    Query::default().with("hour", hour)
}

fn range(from: u64, to: Option<u64>) -> Scope {
    let query = Query::default().with("from", from);
    match to {
        None => Scope { query, hours: format!("hours from {from} on") },
        Some(to) => Scope {
            query: query.with("to", to),
            hours: format!("hours from {from} to before {to}"),
        },
    }
}

fn wrong(what: &'static str) -> impl Fn(String) -> CliError {
    move |reason| CliError::Usage(format!("{what}: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i128 = (498_723 * 3_600 + 61) * 1_000_000_000;

    fn encoded(selection: &FlowSelection, without: Without) -> String {
        selection.scope_at(NOW, without).unwrap().query.encode()
    }

    #[test]
    fn without_hours_it_is_the_current_one_or_all() {
        let nothing = FlowSelection::default();
        assert_eq!(encoded(&nothing, Without::CurrentHour), "hour=498723");
        assert_eq!(encoded(&nothing, Without::AllHours), "");
        let heading = nothing.scope_at(NOW, Without::CurrentHour).unwrap().hours;
        assert_eq!(heading, "hour 498723, the current one (from 2026-11-23 03:00 UTC)");
    }

    #[test]
    fn hours_and_names_become_parameters() {
        let selection = FlowSelection {
            from: Some(When::Ago(24 * 3_600)),
            to: Some(When::Ago(0)),
            src_app: vec!["a*".to_owned(), "b".to_owned()],
            vpc_id: vec!["v".to_owned()],
            ..FlowSelection::default()
        };
        let expected = "from=498699&to=498724&src_app=a*&src_app=b&vpc_id=v";
        assert_eq!(encoded(&selection, Without::CurrentHour), expected);
        let to_only = FlowSelection { to: Some(When::Hour(5)), ..FlowSelection::default() };
        assert_eq!(encoded(&to_only, Without::AllHours), "from=0&to=5");
        let one = FlowSelection { hour: Some(When::Hour(5)), ..FlowSelection::default() };
        assert_eq!(encoded(&one, Without::AllHours), "hour=5");
    }

    #[test]
    fn a_side_is_a_parameter_and_is_named() {
        let flows = FlowSelection { hour: Some(When::Hour(5)), ..FlowSelection::default() };
        let selection = Selection { flows, reporter: Some(Side::Destination) };
        let scope = selection.scope(Without::CurrentHour).unwrap();
        assert_eq!(scope.query.encode(), "hour=5&reporter=destination");
        assert_eq!(scope.hours, "hour 5, as the destination reported");
    }

    #[test]
    fn an_hour_that_is_none_names_its_flag() {
        let selection = FlowSelection { to: Some(When::Hour(1 << 40)), ..FlowSelection::default() };
        let error = selection.scope_at(NOW, Without::AllHours).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().starts_with("--to: hours go"), "{error}");
    }
}
