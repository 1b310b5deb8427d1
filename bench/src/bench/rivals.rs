//! The same records into fas, into Redis and into PostgreSQL, in turns.

use std::time::Duration;

use super::Setting;
use crate::failure::Result;
use crate::fas::Fas;
use crate::record::{Keys, NAME_LENGTH, Record, random_records};
use crate::report::{Figure, Report, micros_each, rate, short};
use crate::rival::{CONNECTIONS, Contender, RECORDS_PER_REQUEST, Sync, postgres, redis};
use crate::tally::Tally;
use crate::usage;

const KEYS: Keys = Keys { sources: 100, destinations: 100 };
const RECORDS: u64 = 300_000;

/// Turns of everyone; the median counts. Each turn is an hour of its own.
const ROUNDS: u32 = 3;
const FIRST_HOUR: u32 = 490_000;

/// What a contender needed for a turn.
#[derive(Clone, Copy)]
struct Turn {
    cpu: Duration,
    wall: Duration,
}

/// Everyone's turns, and how many times more than fas the others need.
pub fn run(setting: &Setting, report: &mut Report) -> Result<()> {
    let count = setting.scale(RECORDS);
    let records: Vec<Record> = random_records(KEYS, count).collect();
    let expected = Tally::after(records.iter().map(|record| (record, 1)));

    let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(Fas::start(&setting.fas)?)];
    if redis::is_installed() {
        contenders.push(Box::new(redis::start(Sync::Always)?));
        contenders.push(Box::new(redis::start(Sync::EverySecond)?));
    } else {
        report.add(Figure::new("Redis", "not installed"));
    }
    match postgres::programs() {
        Some(programs) => contenders.push(Box::new(postgres::start(&programs)?)),
        None => report.add(Figure::new("PostgreSQL", "not installed")),
    }
    let mut turns: Vec<Vec<Turn>> = contenders.iter().map(|_| Vec::new()).collect();
    for hour in FIRST_HOUR..FIRST_HOUR + ROUNDS {
        for (contender, turns) in contenders.iter_mut().zip(&mut turns) {
            turns.push(take_turn(contender.as_mut(), hour, &records)?);
            contender.expect(hour, &expected)?;
        }
    }
    let medians = turns.into_iter().map(median);
    tell(&contenders.iter().map(|c| c.name()).zip(medians).collect::<Vec<_>>(), count, report);
    Ok(())
}

fn take_turn(contender: &mut dyn Contender, hour: u32, records: &[Record]) -> Result<Turn> {
    let before = usage::settled_cpu(contender.pid())?;
    let load = contender.add(hour, records)?;
    let cpu = usage::settled_cpu(contender.pid())?.saturating_sub(before);
    Ok(Turn { cpu, wall: load.wall })
}

/// The median of CPU and of wall time, each by itself.
fn median(turns: Vec<Turn>) -> Turn {
    let middle = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    };
    Turn {
        cpu: middle(turns.iter().map(|turn| turn.cpu).collect()),
        wall: middle(turns.iter().map(|turn| turn.wall).collect()),
    }
}

fn tell(medians: &[(String, Turn)], count: u64, report: &mut Report) {
    let Some((_, own)) = medians.first() else { return };
    let how = format!(
        "over {}, names of {NAME_LENGTH} characters, {RECORDS_PER_REQUEST} a request, \
         {CONNECTIONS} connections; everyone in turn, median of {ROUNDS} turns",
        KEYS.describe()
    );
    report.add(Figure::new("records given to each", short(count)).how(how));
    for (name, turn) in medians {
        let times = turn.cpu.as_secs_f64() / own.cpu.as_secs_f64();
        let each =
            Figure::of(format!("CPU per record: {name}"), micros_each(turn.cpu, count), "us");
        report.add(each.how(format!("{times:.1} times that of fas")));
    }
    for (name, turn) in medians {
        let times = own.wall.as_secs_f64() / turn.wall.as_secs_f64();
        let speed = Figure::of(format!("records: {name}"), rate(count, turn.wall), "/s");
        report.add(speed.how(format!("{times:.2} times those of fas")));
    }
}
