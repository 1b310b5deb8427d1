//! Which node gets a step, and what becomes of a step that it did not take.

use std::sync::Arc;

use tokio::time::{Instant, sleep};

use super::super::call::Call;
use super::super::fault::Fault;
use super::super::job::Job;
use super::super::lane::Lane;
use super::super::lock;
use super::super::topology::Address;
use super::Writer;
use crate::limits::STORE_RETRY_PAUSE;
use crate::store::ApplyError;

impl Writer {
    /// Gives a step to the node where it belongs.
    pub fn submit(self: &Arc<Self>, job: Job) {
        let topology = self.net.topology();
        let Some(primary) = topology.primary(self.net.keys.slot(job.shard)) else {
            return self.put_off(job, "no node serves its slot");
        };
        self.hand(&primary.address, false, job);
    }

    /// Gives a step to a node.
    fn hand(self: &Arc<Self>, address: &Address, is_asking: bool, job: Job) {
        let mut lanes = lock(&self.lanes);
        let lane = lanes.entry((Arc::clone(address), is_asking)).or_insert_with(|| {
            let lane = Arc::new(Lane::new(Arc::clone(address), is_asking));
            tokio::spawn(Arc::clone(&lane).run(Arc::clone(self)));
            lane
        });
        // While the lanes are locked, so that this one cannot be let go.
        lane.push(job);
    }

    /// Lets a lane go if nothing waits in it.
    pub fn retire(&self, lane: &Lane, is_empty: impl Fn() -> bool) -> bool {
        let mut lanes = lock(&self.lanes);
        let retires = is_empty();
        if retires {
            lanes.remove(&(Arc::clone(&lane.address), lane.is_asking));
        }
        retires
    }

    /// What to do with a call that a node did not take.
    pub fn deflect(self: &Arc<Self>, call: Call, fault: Fault, from: &Address) {
        match fault {
            Fault::Ask(other) => {
                for (job, ..) in call.done() {
                    self.hand(&other, true, job);
                }
            }
            Fault::Refused(reason) => {
                for (job, ..) in call.done() {
                    job.answer(Err(ApplyError::Unavailable(format!("{from}: {reason}"))));
                }
            }
            Fault::Moved | Fault::Busy(_) | Fault::NoScript => {
                self.put_off_calls(vec![call], &format!("{from}: {fault}"));
            }
        }
    }

    /// Tries again a little later.
    pub fn put_off_calls(self: &Arc<Self>, calls: Vec<Call>, reason: &str) {
        self.net.suspect();
        for call in calls {
            for (job, ..) in call.done() {
                self.put_off(job, reason);
            }
        }
    }

    /// Tries again a little later, unless it is too late.
    pub fn put_off(self: &Arc<Self>, job: Job, reason: &str) {
        reason.clone_into(&mut lock(&job.reason));
        if Instant::now() + STORE_RETRY_PAUSE >= job.deadline {
            return job.give_up();
        }
        let writer = Arc::clone(self);
        tokio::spawn(async move {
            sleep(STORE_RETRY_PAUSE).await;
            writer.submit(job);
        });
    }
}
