//! Metrics: counters, gauges and histograms, process-wide by name. Ids belong to a VM.

use std::collections::BTreeMap;

use wasmtime::Linker;

use crate::{
    abi::Status,
    vm::{
        guest::{CallResult, Guest, answer, read_text, write},
        state::VmState,
    },
};

/// Ids go up by this much: Envoy keeps the kind in the lowest two bits.
const ID_INCREMENT: u32 = 4;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricKind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Many values; its value here is how many were recorded.
    Histogram,
}

/// A metric and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Metric {
    /// What it is.
    pub kind: MetricKind,
    /// Its value.
    pub value: u64,
}

/// The ids of one VM: the name behind each, and how many there are of each kind. The kind is in the
/// id's lowest two bits.
#[derive(Debug, Default)]
pub(crate) struct MetricIds {
    names: BTreeMap<u32, String>,
    last: [u32; 3],
}

impl MetricIds {
    /// A new id for a metric, even if it has one already, as in Envoy.
    fn add(&mut self, kind: MetricKind, name: String) -> Result<u32, Status> {
        let [counter, gauge, histogram] = &mut self.last;
        let last = match kind {
            MetricKind::Counter => counter,
            MetricKind::Gauge => gauge,
            MetricKind::Histogram => histogram,
        };
        *last = last.checked_add(ID_INCREMENT).ok_or(Status::InternalFailure)?;
        let id = *last | kind.code();
        self.names.insert(id, name);
        Ok(id)
    }
}

/// The metrics of all VMs, by name. A name is free once for each kind, as in Envoy; of those that
/// have another kind's name, the kind is said: `name (gauge)`.
#[derive(Debug, Default)]
pub(crate) struct Metrics(pub(crate) BTreeMap<String, Metric>);

impl Metrics {
    /// The metric of this name and kind, a new one if there is none yet; gives what it is kept as.
    fn define(&mut self, name: String, kind: MetricKind) -> String {
        let is_other = |kept: &str| self.0.get(kept).is_some_and(|metric| metric.kind != kind);
        let kept = if is_other(&name) { format!("{name} ({})", kind.name()) } else { name };
        self.0.entry(kept.clone()).or_insert(Metric { kind, value: 0 });
        kept
    }
}

impl MetricKind {
    fn from_code(code: u32) -> Result<Self, Status> {
        [Self::Counter, Self::Gauge, Self::Histogram]
            .into_iter()
            .find(|kind| kind.code() == code)
            .ok_or(Status::BadArgument)
    }

    fn code(self) -> u32 {
        self as u32
    }

    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Metric {
    /// A counter takes only what is more than 0, as in Envoy.
    fn increment(&mut self, offset: i64) -> Result<(), Status> {
        match self.kind {
            MetricKind::Counter if offset <= 0 => Err(Status::BadArgument),
            MetricKind::Histogram => Err(Status::BadArgument),
            // Envoy lets a gauge fall below 0, which then reads as a huge number (measured).
            MetricKind::Counter | MetricKind::Gauge => {
                self.value = self.value.wrapping_add_signed(offset);
                Ok(())
            }
        }
    }

    /// To record on a counter is to add, as in Envoy.
    fn record(&mut self, value: u64) {
        self.value = match self.kind {
            MetricKind::Counter => self.value.saturating_add(value),
            MetricKind::Gauge => value,
            MetricKind::Histogram => self.value.saturating_add(1),
        };
    }
}

pub(super) fn link(linker: &mut Linker<VmState>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |mut guest: Guest<'_>, kind: u32, name: u32, name_size: u32, id: u32| {
            answer(define(&mut guest, kind, (name, name_size), id))
        },
    )?;
    linker.func_wrap("env", "proxy_get_metric", |mut guest: Guest<'_>, id: u32, value: u32| {
        answer(get(&mut guest, id, value))
    })?;
    linker.func_wrap("env", "proxy_record_metric", |guest: Guest<'_>, id: u32, value: u64| {
        answer(change(guest.data(), id, |metric| {
            metric.record(value);
            Ok(())
        }))
    })?;
    linker.func_wrap(
        "env",
        "proxy_increment_metric",
        |guest: Guest<'_>, id: u32, offset: i64| {
            let known = known_kind(id).map_err(Into::into);
            answer(known.and_then(|()| change(guest.data(), id, |metric| metric.increment(offset))))
        },
    )?;
    Ok(())
}

fn define(guest: &mut Guest<'_>, kind: u32, name: (u32, u32), return_id: u32) -> CallResult {
    let kind = MetricKind::from_code(kind)?;
    let name = read_text(guest, name.0, name.1)?;
    let state = guest.data_mut();
    // The name stands among the metrics and behind the id.
    state.process.kept.add(name.len().saturating_mul(2));
    let kept = state.process.metrics.borrow_mut().define(name, kind);
    let id = state.metric_ids.add(kind, kept)?;
    write(guest, return_id, &id.to_le_bytes())
}

fn get(guest: &mut Guest<'_>, id: u32, value: u32) -> CallResult {
    let mut found = 0;
    known_kind(id)?;
    change(guest.data(), id, |metric| match metric.kind {
        MetricKind::Histogram => Err(Status::BadArgument),
        MetricKind::Counter | MetricKind::Gauge => {
            found = metric.value;
            Ok(())
        }
    })?;
    write(guest, value, &found.to_le_bytes())
}

/// What only counters and gauges can do is a bad argument on anything else, even if there is no
/// metric of this id (measured).
fn known_kind(id: u32) -> Result<(), Status> {
    let kind = MetricKind::from_code(id % ID_INCREMENT)?;
    if kind == MetricKind::Histogram { Err(Status::BadArgument) } else { Ok(()) }
}

fn change(
    state: &VmState,
    id: u32,
    change: impl FnOnce(&mut Metric) -> Result<(), Status>,
) -> CallResult {
    let name = state.metric_ids.names.get(&id).ok_or(Status::NotFound)?;
    let mut metrics = state.process.metrics.borrow_mut();
    Ok(change(metrics.0.get_mut(name).ok_or(Status::NotFound)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_takes_what_envoy_lets_it_take() {
        let mut counter = Metric { kind: MetricKind::Counter, value: 1 };
        assert_eq!(counter.increment(2), Ok(()));
        assert_eq!(counter.increment(0), Err(Status::BadArgument));
        assert_eq!(counter.increment(-1), Err(Status::BadArgument));
        counter.record(4);
        assert_eq!(counter.value, 7);

        let mut gauge = Metric { kind: MetricKind::Gauge, value: 5 };
        assert_eq!(gauge.increment(-2), Ok(()));
        assert_eq!(gauge.value, 3);
        gauge.record(9);
        assert_eq!(gauge.value, 9);

        let mut histogram = Metric { kind: MetricKind::Histogram, value: 0 };
        histogram.record(100);
        assert_eq!(histogram.value, 1);
        assert_eq!(histogram.increment(1), Err(Status::BadArgument));
    }
}
