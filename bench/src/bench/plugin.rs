//! What the filter costs in a real Envoy: CPU time per request and per TCP chunk, beside a bare
//! Envoy and one with an access log of its own, all in turns in one run.

use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Setting;
use crate::echo;
use crate::envoy::{Addition, Carries, Envoy, Programs};
use crate::failure::{Failure, Result};
use crate::fas::Fas;
use crate::load::{closed_loop, in_parallel, lanes};
use crate::report::{Figure, Report, micros_each};
use crate::usage;

const CONNECTIONS: usize = 16;

/// Requests, or chunks there and back, of one turn.
const TURN: u64 = 40_000;

/// Turns of everyone; the median of what each needs more than the bare Envoy counts.
const ROUNDS: usize = 7;

/// The largest filter, in kilobytes.
const MAX_FILTER_KB: f64 = 150.0;

/// Longer than the time between two pushes.
const DELIVERY: Duration = Duration::from_secs(15);

/// A request as small as they come.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: bench\r\n\r\n";

/// What a kind of traffic is measured with.
struct Contest {
    carries: Carries,
    /// How the figures are called: per what, and what bare Envoy does.
    unit: &'static str,
    /// How many units a turn has for each of its requests or chunks.
    units: u64,
    /// What is added, its name, and what it may cost, in microseconds.
    additions: &'static [(Addition, &'static str, Option<f64>)],
}

const HTTP: &[(Addition, &str, Option<f64>)] = &[
    (Addition::FileLog, "Envoy's file access log", None),
    (Addition::Filter, "the HTTP filter", Some(2.0)),
    (Addition::AccessLogger, "the access logger", Some(2.0)),
];

const TCP: &[(Addition, &str, Option<f64>)] = &[(Addition::Filter, "the TCP filter", Some(0.5))];

/// Measures both kinds of traffic, and the size of the filter.
pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let programs = Programs::find()?;
    let fas = Fas::start(&setting.fas)?;
    let size = programs.filter_bytes()? as f64 / 1e3;
    report.add(Figure::at_most("the filter's file", size, MAX_FILTER_KB, "kB"));
    let http = Contest { carries: Carries::Http, unit: "request", units: 1, additions: HTTP };
    let tcp = Carries::Tcp(echo::start()?);
    let tcp = Contest { carries: tcp, unit: "data callback", units: 2, additions: TCP };
    for contest in [http, tcp] {
        contest.run(setting, &programs, fas.address(), report)?;
    }
    Ok(())
}

impl Contest {
    fn run(
        &self,
        setting: &Setting,
        programs: &Programs,
        aggregator: SocketAddr,
        report: &mut Report,
    ) -> Result<()> {
        let start = |addition| Envoy::start(programs, self.carries, addition, aggregator);
        let bare = start(Addition::Bare)?;
        let others = self.additions.iter().map(|(addition, ..)| start(*addition));
        let others = others.collect::<Result<Vec<_>>>()?;
        let turn = setting.scale(TURN);
        for envoy in others.iter().chain([&bare]) {
            self.take_turn(envoy, turn / 10)?;
        }
        let mut bare_costs = Vec::new();
        let mut extra: Vec<Vec<f64>> = others.iter().map(|_| Vec::new()).collect();
        for _ in 0..ROUNDS {
            let cost = self.take_turn(&bare, turn)?;
            bare_costs.push(cost);
            for (envoy, extra) in others.iter().zip(&mut extra) {
                extra.push(self.take_turn(envoy, turn)? - cost);
            }
        }
        let how = format!(
            "CPU time of Envoy, one worker, {CONNECTIONS} connections; median of {ROUNDS} turns \
             of {turn}, everyone in turn"
        );
        let unit = self.unit;
        let name = format!("bare Envoy, per {unit}");
        report.add(Figure::of(name, median(bare_costs), "us").how(how));
        for ((_, name, goal), extra) in self.additions.iter().zip(extra) {
            let (name, cost) = (format!("{name} adds, per {unit}"), median(extra));
            report.add(match goal {
                Some(goal) => Figure::at_most(name, cost, *goal, "us"),
                None => Figure::of(name, cost, "us"),
            });
        }
        self.expect_deliveries(&others)
    }

    /// Microseconds of Envoy's CPU per unit.
    fn take_turn(&self, envoy: &Envoy, turn: u64) -> Result<f64> {
        let before = usage::run_time(envoy.pid())?;
        match self.carries {
            Carries::Http => {
                let requests = (0..turn).map(|_| REQUEST.to_vec());
                drop(closed_loop(envoy.address(), &lanes(requests, CONNECTIONS))?);
            }
            Carries::Tcp(_) => {
                let chunks = turn / CONNECTIONS as u64;
                let client = |start: &Barrier| echo::ping(envoy.address(), chunks, start);
                drop(in_parallel(vec![client; CONNECTIONS])?);
            }
        }
        let cpu = usage::run_time(envoy.pid())?.saturating_sub(before);
        Ok(micros_each(cpu, turn * self.units))
    }

    /// A filter that counts nothing would be cheap.
    fn expect_deliveries(&self, others: &[Envoy]) -> Result<()> {
        for ((addition, name, _), envoy) in self.additions.iter().zip(others) {
            if *addition == Addition::FileLog {
                continue;
            }
            let deadline = Instant::now() + DELIVERY;
            while envoy.stat("flow_filter_batches_delivered")? == 0 {
                if Instant::now() >= deadline {
                    return Err(Failure::new(format!("{name} has delivered nothing")));
                }
                sleep(Duration::from_millis(100));
            }
        }
        Ok(())
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
