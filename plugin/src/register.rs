//! `Register`: how much each root of an Envoy process would take along if its VM trapped now, kept
//! where all of them see it. What a root no longer keeps up is taken over by another, as lost.
//!
//! A root that has something to lose holds a slot, and writes it anew at every tick: by its version
//! others see that it ticks. No clock is compared, so one that is set tells nobody dead.

use crate::limits::{LOOKS, MAX_SLOTS};

/// The slots, which outlive a VM.
pub trait Slots {
    /// A slot's value and its version, which every write changes; none if it was never written.
    fn read(&self, slot: u32) -> Option<(Vec<u8>, u32)>;
    /// Writes a slot if it still has this version, or whatever it has for version 0. Returns
    /// whether it was written.
    fn write(&self, slot: u32, value: &[u8], version: u32) -> bool;
}

/// What goes with a root whose VM traps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stake {
    /// Bytes that were counted, and are not known to be delivered.
    pub bytes: u64,
    /// Bytes that were lost before, and are not known to be reported.
    pub lost_bytes: u64,
}

impl Stake {
    /// Whether there is nothing to lose.
    pub const fn is_nothing(self) -> bool {
        self.bytes == 0 && self.lost_bytes == 0
    }

    fn add(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.lost_bytes = self.lost_bytes.saturating_add(other.lost_bytes);
    }
}

/// All slots belong to roots that have something to lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// A root's part in the register; by default, it keeps out.
#[derive(Debug, Default)]
pub struct Register {
    /// A number that no other root of the process has; 0 for none, which keeps it out.
    owner: u32,
    /// The slot that it wrote last.
    slot: Option<u32>,
    /// Whether that holds a stake of its own, as far as it knows.
    is_held: bool,
    /// The slots of others: which, in what version, and since when that is known.
    seen: Vec<(u32, u32, u64)>,
    next_look: u32,
}

/// What stands in a slot that is free.
const FREE: &[u8] = b"-";

impl Register {
    /// The part of the root that has drawn this number.
    pub fn new(owner: u32) -> Self {
        Self { owner, ..Self::default() }
    }

    /// Writes down what the root has to lose now.
    pub fn keep(&mut self, stake: Stake, slots: &dyn Slots) -> Result<(), Full> {
        if self.owner == 0 || (stake.is_nothing() && !self.is_held) {
            return Ok(());
        }
        self.is_held = self.slot.is_some_and(|slot| self.put(slot, stake, slots));
        if self.is_held || stake.is_nothing() {
            self.is_held &= !stake.is_nothing();
            return Ok(());
        }
        // It has none yet, or another root has taken it: for a dead one's, or for a free one.
        self.slot = (0..MAX_SLOTS).find(|slot| self.put(*slot, stake, slots));
        self.is_held = self.slot.is_some();
        if self.is_held { Ok(()) } else { Err(Full) }
    }

    /// Looks at some slots, and takes over what nobody has kept up for `patience_ms`.
    pub fn look(&mut self, steady_ms: u64, patience_ms: u64, slots: &dyn Slots) -> Stake {
        let mut taken = Stake::default();
        for _ in 0..LOOKS {
            let slot = self.next_look;
            let Some((value, version)) = slots.read(slot).filter(|_| slot < MAX_SLOTS) else {
                // Slots are used from the first on: none behind this one has ever been.
                self.next_look = 0;
                break;
            };
            self.next_look += 1;
            let Some((_, stake)) = decode(&value).filter(|(owner, _)| *owner != self.owner) else {
                self.seen.retain(|(known, ..)| *known != slot);
                continue;
            };
            let since_ms = self.since_ms(slot, version, steady_ms);
            let is_left = steady_ms.saturating_sub(since_ms) >= patience_ms;
            // Of all that try, one succeeds, and only if the owner has not come back.
            if is_left && slots.write(slot, FREE, version) {
                taken.add(stake);
                self.seen.retain(|(known, ..)| *known != slot);
            }
        }
        taken
    }

    /// Since when a slot is known to have this version, which may be since now.
    fn since_ms(&mut self, slot: u32, version: u32, now_ms: u64) -> u64 {
        match self.seen.iter_mut().find(|(known, ..)| *known == slot) {
            Some((_, seen, since_ms)) if *seen == version => *since_ms,
            Some(stale) => {
                *stale = (slot, version, now_ms);
                now_ms
            }
            None => {
                self.seen.push((slot, version, now_ms));
                now_ms
            }
        }
    }

    /// Writes a stake into a slot if that is the root's own or free. Returns whether it is there.
    fn put(&self, slot: u32, stake: Stake, slots: &dyn Slots) -> bool {
        if slots.read(slot).is_none() {
            // The first write names no version, and may undo that of another root. That one sees
            // it at its next tick, and finds another slot.
            slots.write(slot, FREE, 0);
        }
        let Some((value, version)) = slots.read(slot) else { return false };
        let is_usable = decode(&value).is_none_or(|(owner, _)| owner == self.owner);
        let free = stake.is_nothing();
        let value = if free { FREE.to_vec() } else { encode(self.owner, stake) };
        is_usable && slots.write(slot, &value, version)
    }
}

fn encode(owner: u32, stake: Stake) -> Vec<u8> {
    let parts: [&[u8]; 3] =
        [&owner.to_le_bytes(), &stake.bytes.to_le_bytes(), &stake.lost_bytes.to_le_bytes()];
    parts.concat()
}

/// Whose a slot is, and what is in it; none if it is free.
fn decode(value: &[u8]) -> Option<(u32, Stake)> {
    let (owner, rest) = value.split_first_chunk()?;
    let (bytes, rest) = rest.split_first_chunk()?;
    let (lost_bytes, []) = rest.split_first_chunk()? else { return None };
    let stake =
        Stake { bytes: u64::from_le_bytes(*bytes), lost_bytes: u64::from_le_bytes(*lost_bytes) };
    Some((u32::from_le_bytes(*owner), stake))
}
