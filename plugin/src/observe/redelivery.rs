//! `Watch`: finds bytes of a connection that Envoy delivers again.
//!
//! Envoy gives a network filter all that lies in the connection's buffer. A filter behind this one
//! that holds data back leaves it there, and so it comes again, with new bytes after it. Envoy
//! tells nobody: `request.total_size` and its access log count such bytes twice, too. What is left
//! is their content. A filter that asks somebody before it lets a connection through holds back
//! its first bytes, so it is there that content is compared; everywhere else, and for all bytes
//! once the first have got through or an answer has come, nothing is read.

use crate::clock::WallClock;
use crate::limits::{MAX_HOLD_NS, MIN_EVIDENCE_BYTES, WINDOW_BYTES};

/// The data that a callback is about, where it can be read.
pub trait Data {
    /// Up to `size` bytes from `start` on; fewer where the data ends.
    fn read(&self, start: u64, size: u64) -> Vec<u8>;
}

/// Data that a callback brings.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// All that lies in the buffer, in bytes.
    pub size: u64,
    /// Whether the sender says no more.
    pub is_end: bool,
}

/// What was delivered last on a connection, and whether it matters any more.
#[derive(Debug, Default)]
pub(super) struct Watch {
    last: Option<Box<Seen>>,
    /// Bytes have got through to the other side, as far as can be told.
    is_through: bool,
}

/// How the new data relates to what was delivered before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is not that.
    New,
    /// It begins with that.
    Again,
    /// It begins with the same bytes; but so does what follows these, or they are too few. A
    /// sender that repeats itself looks the same.
    Unclear,
}

impl Watch {
    /// Takes note that the other side has answered.
    pub fn answered(&mut self) {
        // A server that speaks first has not answered anything.
        self.is_through |= self.last.is_some();
    }

    /// How many bytes at the beginning of a delivery were delivered before. `suspected` is
    /// whether that has happened often on the connection's listener.
    pub fn repeated(
        &mut self,
        delivery: Delivery,
        clock: &dyn WallClock,
        data: &dyn Data,
        suspected: bool,
    ) -> u64 {
        if self.is_through && !suspected {
            self.last = None;
            return 0;
        }
        let now_ns = clock.now_ns();
        let repeated = match &self.last {
            None => 0,
            Some(seen) => match seen.verdict(delivery, now_ns, data) {
                Verdict::Again => seen.size,
                Verdict::Unclear if suspected && !self.is_through => seen.size,
                Verdict::New | Verdict::Unclear => {
                    self.is_through = true;
                    0
                }
            },
        };
        self.last =
            (!self.is_through || suspected).then(|| Box::new(Seen::new(delivery, now_ns, data)));
        repeated
    }
}

/// Enough of a delivery to know it again: all of it, or its two ends.
#[derive(Debug)]
struct Seen {
    at_ns: u64,
    size: u64,
    head: Vec<u8>,
    /// What ends the delivery, if it is longer than the head.
    tail: Vec<u8>,
}

impl Seen {
    fn new(delivery: Delivery, at_ns: u64, data: &dyn Data) -> Self {
        let size = delivery.size;
        let head = data.read(0, size.min(WINDOW_BYTES));
        let tail_size = size.saturating_sub(WINDOW_BYTES).min(WINDOW_BYTES);
        let tail = match tail_size {
            0 => Vec::new(),
            _ => data.read(size - tail_size, tail_size),
        };
        Self { at_ns, size, head, tail }
    }

    fn verdict(&self, delivery: Delivery, now_ns: u64, data: &dyn Data) -> Verdict {
        let has_more = delivery.size > self.size || delivery.size == self.size && delivery.is_end;
        let is_soon = now_ns.checked_sub(self.at_ns).is_some_and(|wait_ns| wait_ns <= MAX_HOLD_NS);
        if !has_more || !is_soon || data.read(0, self.head.len() as u64) != self.head {
            return Verdict::New;
        }
        let tail_size = self.tail.len() as u64;
        let rest = data.read(self.size - tail_size, tail_size + WINDOW_BYTES);
        let Some(next) = rest.strip_prefix(self.tail.as_slice()) else { return Verdict::New };
        if self.is_weak() || repeats(&self.head, next) { Verdict::Unclear } else { Verdict::Again }
    }

    /// Whether others would easily look the same: a few bytes, or a long row of equal ones.
    fn is_weak(&self) -> bool {
        let is_row = || self.head.windows(2).all(|pair| pair.first() == pair.last());
        self.size < MIN_EVIDENCE_BYTES || (!self.tail.is_empty() && is_row())
    }
}

/// Whether one is the beginning of the other.
fn repeats(head: &[u8], next: &[u8]) -> bool {
    head.starts_with(next) || next.starts_with(head)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Data for &[u8] {
        fn read(&self, start: u64, size: u64) -> Vec<u8> {
            self.iter().skip(start as usize).take(size as usize).copied().collect()
        }
    }

    /// A clock that stands still at this time.
    struct At(u64);

    impl WallClock for At {
        fn now_ns(&self) -> u64 {
            self.0
        }
    }

    fn whole(bytes: &[u8]) -> Delivery {
        Delivery { size: bytes.len() as u64, is_end: false }
    }

    /// What is repeated in deliveries of one connection; `!` at the end of one is its end.
    fn repeated(deliveries: &[&str], suspected: bool) -> Vec<u64> {
        let mut watch = Watch::default();
        let one = |delivery: &&str| {
            let text = delivery.strip_suffix('!').unwrap_or(delivery);
            let size = text.len() as u64;
            let delivery = Delivery { size, is_end: delivery.ends_with('!') };
            watch.repeated(delivery, &At(0), &text.as_bytes(), suspected)
        };
        deliveries.iter().map(one).collect()
    }

    #[test]
    fn what_is_held_back_is_known_again_until_it_is_through() {
        let deliveries = ["hello ", "hello world", "hello world, again", "more", "more and more"];
        assert_eq!(repeated(&deliveries, false), [0, 6, 11, 0, 0]);
        // Where it has happened, it may happen again.
        assert_eq!(repeated(&deliveries, true), [0, 6, 11, 0, 4]);
    }

    #[test]
    fn long_deliveries_are_known_by_their_two_ends() {
        let text: String = (0..2_000).map(|number| format!("{number} ")).collect();
        assert_eq!(repeated(&[&text[..1_000], &text[..5_000], &text], false), [0, 1_000, 5_000]);
        let changed = format!("{}-{}", &text[..999], &text[1_000..]);
        assert_eq!(repeated(&[&text[..1_000], &changed], false), [0, 0]);
    }

    #[test]
    fn a_sender_that_repeats_itself_is_believed() {
        for deliveries in [
            ["ping\n", "ping\nping\n"],
            ["ping\n", "ping\npi"],
            ["ping\n", "ping\n"],
            ["ping\n", "ping\n!"],
            ["a", "ab"],
            ["aaaa", "aaaaaaaa"],
        ] {
            assert_eq!(repeated(&deliveries, false), [0, 0], "{deliveries:?}");
        }
        let zeroes = "0".repeat(300);
        let more = format!("{zeroes}1");
        assert_eq!(repeated(&[&zeroes, &more], false), [0, 0]);
    }

    #[test]
    fn where_bytes_were_held_back_before_a_doubt_is_for_counting_once() {
        assert_eq!(repeated(&["ping\n", "ping\nping\n", "pong", "pongpong"], true), [0, 5, 0, 0]);
        assert_eq!(repeated(&["ping\n", "ping\n!"], true), [0, 5]);
        // Nothing new would not have been delivered.
        assert_eq!(repeated(&["ping\n", "ping\n"], true), [0, 0]);
    }

    #[test]
    fn what_was_answered_was_through() {
        let (first, second) = (b"hello ".as_slice(), b"hello world".as_slice());
        let mut watch = Watch::default();
        // A greeting is no answer.
        watch.answered();
        assert_eq!(watch.repeated(whole(first), &At(0), &first, false), 0);
        assert_eq!(watch.repeated(whole(second), &At(0), &second, false), 6);
        watch.answered();
        assert_eq!(watch.repeated(whole(second), &At(0), &second, false), 0);
    }

    #[test]
    fn nobody_is_held_back_for_long() {
        let (first, second) = (b"hello ".as_slice(), b"hello world".as_slice());
        for (later_ns, repeated) in [(1_000, 6), (1_000 + MAX_HOLD_NS + 1, 0), (999, 0)] {
            let mut watch = Watch::default();
            watch.repeated(whole(first), &At(1_000), &first, false);
            let found = watch.repeated(whole(second), &At(later_ns), &second, false);
            assert_eq!(found, repeated);
        }
    }

    /// What Envoy delivers of these pieces when the first `held` of them are held back.
    fn deliveries(pieces: &[Vec<u8>], held: usize) -> Vec<Vec<u8>> {
        let (held, through) = pieces.split_at(held.min(pieces.len()));
        let growing = (1..=held.len()).map(|count| held[..count].concat());
        growing.chain(through.iter().cloned()).collect()
    }

    proptest! {
        #[test]
        fn all_is_counted_once_however_much_is_held_back(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 8..300), 1..8),
            held in 0_usize..8,
            suspected in any::<bool>(),
        ) {
            let mut watch = Watch::default();
            let mut counted = 0;
            for bytes in deliveries(&pieces, held) {
                let data = bytes.as_slice();
                let repeated = watch.repeated(whole(data), &At(0), &data, suspected);
                counted += bytes.len() as u64 - repeated;
            }
            prop_assert_eq!(counted, pieces.concat().len() as u64);
        }

        #[test]
        fn where_nothing_was_ever_held_back_equal_bytes_all_count(
            sizes in prop::collection::vec(1_usize..300, 1..8),
        ) {
            let mut watch = Watch::default();
            for size in sizes {
                let bytes = vec![b'x'; size];
                let data = bytes.as_slice();
                prop_assert_eq!(watch.repeated(whole(data), &At(0), &data, false), 0);
            }
        }
    }
}
