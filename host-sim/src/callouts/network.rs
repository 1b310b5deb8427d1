//! The network before a cluster: how likely it is that something goes wrong, how long an answer
//! takes, and whether anything gets through at all. Chance goes by a seed, so that a run replays.

use std::cell::RefCell;

use fastrand::Rng;

use super::fault::Fault;

/// A network.
#[derive(Clone, Debug)]
pub struct Network {
    /// How likely it is that a call or its answer is lost, from 0 to 1.
    pub loss: f64,
    /// How likely it is that a call arrives twice.
    pub duplication: f64,
    /// How likely it is that a call is reset, before or after it has arrived.
    pub reset: f64,
    /// How long an answer takes, in nanoseconds: at least, and at most.
    pub latency_ns: (u64, u64),
    /// Nothing gets through before this point in virtual time, in nanoseconds since the epoch.
    pub partitioned_until_ns: u64,
    random: RefCell<Rng>,
}

impl Network {
    /// A network in which nothing goes wrong and nothing takes time.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            loss: 0.0,
            duplication: 0.0,
            reset: 0.0,
            latency_ns: (0, 0),
            partitioned_until_ns: 0,
            random: RefCell::new(Rng::with_seed(seed)),
        }
    }

    /// Whether nothing gets through.
    pub(crate) fn is_partitioned(&self, now_ns: u64) -> bool {
        now_ns < self.partitioned_until_ns
    }

    /// How the next call goes, if nobody has said it. What is lost may be the call or the answer.
    pub(crate) fn fault(&self) -> Fault {
        if self.loss + self.duplication + self.reset == 0.0 {
            return Fault::None;
        }
        let mut random = self.random.borrow_mut();
        let (drawn, arrives) = (random.f64(), random.bool());
        if drawn < self.loss {
            return if arrives { Fault::TimeoutButDelivered } else { Fault::Timeout };
        }
        if drawn < self.loss + self.reset {
            return if arrives { Fault::ResetButDelivered } else { Fault::Reset };
        }
        match drawn < self.loss + self.reset + self.duplication {
            true => Fault::Duplicate,
            false => Fault::None,
        }
    }

    /// How long the next answer takes, in nanoseconds.
    pub(crate) fn delay_ns(&self) -> u64 {
        let (from_ns, to_ns) = self.latency_ns;
        match from_ns < to_ns {
            true => self.random.borrow_mut().u64(from_ns..=to_ns),
            false => from_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(network: &Network) -> Vec<&'static str> {
        (0..1000).map(|_| network.fault().name()).collect()
    }

    #[test]
    fn chance_goes_by_the_seed() {
        let network = |seed| Network { loss: 0.3, duplication: 0.1, ..Network::new(seed) };
        assert_eq!(drawn(&network(7)), drawn(&network(7)));
        assert_ne!(drawn(&network(7)), drawn(&network(8)));
    }

    #[test]
    fn what_is_as_likely_as_it_says() {
        let network = Network { loss: 0.3, duplication: 0.1, reset: 0.2, ..Network::new(1) };
        let drawn = drawn(&network);
        let count = |names: &[&str]| drawn.iter().filter(|name| names.contains(name)).count();
        for (names, expected) in [
            (&["timeout", "timeout_but_delivered"][..], 300),
            (&["duplicate"], 100),
            (&["reset", "reset_but_delivered"], 200),
            (&["none"], 400),
        ] {
            assert!(count(names).abs_diff(expected) < 60, "{names:?}: {}", count(names));
        }
        assert!(count(&["timeout"]) > 100 && count(&["timeout_but_delivered"]) > 100);
        assert!(Network { loss: 1.0, ..Network::new(1) }.fault() != Fault::None);
    }

    #[test]
    fn latency_stays_in_its_range() {
        let network = Network { latency_ns: (5, 8), ..Network::new(1) };
        let drawn: Vec<u64> = (0..200).map(|_| network.delay_ns()).collect();
        assert_eq!(drawn.iter().min(), Some(&5));
        assert_eq!(drawn.iter().max(), Some(&8));
    }
}
