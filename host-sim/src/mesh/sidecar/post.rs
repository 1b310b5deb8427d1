//! What a sidecar sends: its calls, and what its log has left behind; and what comes back, which
//! goes into the books.

use super::{Sidecar, member};
use crate::{
    CallRequest, CallResponse, EventKind,
    mesh::{
        accounts::Accounts,
        courier::{Delivered, Parcel},
        oracle::PushedRow,
        world::World,
    },
};

impl Sidecar {
    /// What is to be sent now.
    pub(super) fn parcel(&mut self, world: &World<'_>, accounts: &mut Accounts) -> Option<Parcel> {
        let running = self.running.as_mut()?;
        let calls = running.host.take_deferred();
        self.read_log(world, accounts);
        let has_ended = self.ended.is_some();
        let left_behind =
            if has_ended { std::mem::take(&mut self.left_behind) } else { Vec::new() };
        if calls.is_empty() && left_behind.is_empty() {
            return None;
        }
        Some(Parcel { calls, left_behind })
    }

    pub(super) fn read_log(&mut self, world: &World<'_>, accounts: &mut Accounts) {
        let Some(running) = &mut self.running else { return };
        if running.host.timeline().is_empty() {
            return;
        }
        for event in running.host.timeline().iter() {
            match &event.kind {
                EventKind::Log { message, .. } => {
                    self.left_behind.extend(world.oracle.left_behind(message));
                }
                kind => accounts.fail(format!("sidecar {}: {}: {kind}", self.number, event.at)),
            }
        }
        running.host.forget_timeline();
    }

    /// What came of a parcel.
    pub(in crate::mesh) fn take_back(
        &mut self,
        delivered: Delivered,
        world: &World<'_>,
        accounts: &mut Accounts,
    ) {
        let Delivered { calls, left_behind } = delivered;
        for (call, mut answers) in calls {
            let mut accepted = false;
            for answer in &answers {
                accepted = self.book(call.request(), answer.as_ref(), world, accounts);
            }
            accounts.counts.pushes_without_receipt += u64::from(!accepted);
            let deliveries = answers.iter().flatten().count();
            let deliveries = u32::try_from(deliveries).unwrap_or(u32::MAX);
            accounts.counts.pushes += u64::from(deliveries);
            if let Some(running) = &mut self.running {
                running.host.answer(call, deliveries, answers.pop().flatten());
            }
        }
        for (request, answer) in left_behind {
            accounts.counts.left_behind += 1;
            if !self.book(&request, answer.as_ref(), world, accounts) {
                accounts.counts.left_behind_refused += 1;
            }
        }
    }

    /// Puts into the books what the receiver has; gives whether it has accepted the push.
    pub(super) fn book(
        &mut self,
        request: &CallRequest,
        answer: Option<&CallResponse>,
        world: &World<'_>,
        accounts: &mut Accounts,
    ) -> bool {
        let (Some(running), Some(answer)) = (&mut self.running, answer) else { return false };
        let Some(member) = member(world, self.number) else { return false };
        let destination = |row: &PushedRow<'_>| world.destination(member.app, member.network, row);
        match world.oracle.read(request) {
            Ok(push) if world.oracle.has_accepted(&push, answer) => {
                accounts.counts.records += push.rows.len() as u64;
                running.ledger.accept(&push, destination);
                true
            }
            Ok(push) => {
                running.ledger.doubt(&push, destination);
                false
            }
            Err(error) => {
                accounts.fail(format!("sidecar {}: a push cannot be read: {error}", self.number));
                false
            }
        }
    }
}
