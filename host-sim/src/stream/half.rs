//! One direction of a stream: what has arrived, what is held back, and what has moved on. The rules
//! are those of Envoy's filter manager, with this one plugin in the chain. What the guest can see
//! is left to `view`.

mod view;

use super::exchange::Sent;
use crate::pairs::Pair;

/// Whether more of this half reaches the guest, or waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Iteration {
    /// Nothing is held back.
    #[default]
    Continue,
    /// Nothing moves on, but the guest is called with what arrives.
    StopOne,
    /// What arrives waits, and the guest is not called before it resumes.
    StopAll,
}

/// What the guest answers to data (`FilterDataStatus` of Envoy).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataStatus {
    Continue,
    /// Held, and shown again with what comes next.
    Buffer,
    /// Held, and not shown again.
    Watermark,
    /// Gone: the guest has taken it.
    NoBuffer,
}

impl DataStatus {
    /// What a number that a guest gives means; unknown ones drop the data, as in Envoy.
    pub(crate) fn from_code(code: u32) -> Self {
        match code {
            0 => Self::Continue,
            1 => Self::Buffer,
            2 => Self::Watermark,
            _ => Self::NoBuffer,
        }
    }
}

/// One direction: TCP downstream or an HTTP request; TCP upstream or an HTTP response.
#[derive(Debug, Default)]
pub(crate) struct Half {
    /// There once the headers have arrived.
    pub(crate) headers: Option<Vec<Pair>>,
    /// There once the trailers have arrived.
    pub(crate) trailers: Option<Vec<Pair>>,
    /// The guest can see, and change, the headers or the trailers.
    headers_shown: bool,
    trailers_shown: bool,
    /// The guest does not see the data of the last callback any more.
    chunk_hidden: bool,
    /// The data of the running callback, and after it, if it did not move on.
    chunk: Option<Vec<u8>>,
    /// What is held back.
    held: Option<Vec<u8>>,
    /// The guest sees all that is held, not only what is new.
    buffering: bool,
    pub(crate) iteration: Iteration,
    /// The headers have moved on.
    pub(crate) headers_sent: bool,
    trailers_sent: bool,
    /// The last piece has arrived.
    pub(crate) ended: bool,
    /// Bytes that arrived in all, each counted once.
    pub(crate) data_bytes: u64,
    /// Data that has moved on is counted, and not kept.
    pub(crate) is_lean: bool,
    /// The data that has moved on; headers and trailers are taken from here when asked for.
    moved: Sent,
}

impl Half {
    /// The headers arrive.
    pub(crate) fn receive_headers(&mut self, headers: Vec<Pair>, end: bool) -> usize {
        self.ended |= end;
        self.headers_shown = true;
        self.headers.insert(headers).len()
    }

    /// The trailers arrive.
    pub(crate) fn receive_trailers(&mut self, trailers: Vec<Pair>) {
        self.ended = true;
        self.trailers = Some(trailers);
    }

    /// New data arrives. Gives how much of it the guest is to see, or `None` if it is to wait.
    pub(crate) fn receive(&mut self, data: Vec<u8>, end: bool) -> Option<usize> {
        self.data_bytes = self.data_bytes.saturating_add(data.len() as u64);
        self.ended |= end;
        if self.iteration == Iteration::StopAll {
            self.hold(data);
            return None;
        }
        Some(self.show(data))
    }

    /// Shows data to the guest, behind what it buffers; gives how much it sees.
    pub(crate) fn show(&mut self, data: Vec<u8>) -> usize {
        self.chunk_hidden = false;
        if self.buffering {
            self.hold(data);
            self.chunk = Some(Vec::new());
        } else {
            self.chunk = Some(data);
        }
        self.body().map_or(0, <[u8]>::len)
    }

    fn hold(&mut self, data: Vec<u8>) {
        match &mut self.held {
            Some(held) => held.extend_from_slice(&data),
            none => *none = Some(data),
        }
    }

    /// What the guest decided about data that it was shown.
    pub(crate) fn settle_data(&mut self, status: DataStatus) {
        self.buffering = status == DataStatus::Buffer;
        if status == DataStatus::Continue {
            let chunk = self.chunk.take().unwrap_or_default();
            if self.iteration == Iteration::Continue {
                return self.pass(chunk);
            }
            self.hold(chunk);
            return self.release();
        }
        self.iteration = Iteration::StopOne;
        match status {
            DataStatus::Buffer | DataStatus::Watermark => {
                // The guest goes on seeing it: through what is held, or through this copy.
                let chunk = match status {
                    DataStatus::Buffer => self.chunk.take(),
                    _ => self.chunk.clone(),
                };
                self.hold(chunk.unwrap_or_default());
            }
            // The end must still be able to move on.
            _ if self.ended && self.held.is_none() => self.held = Some(Vec::new()),
            _ => {}
        }
    }

    fn keep(&mut self, data: Vec<u8>) {
        match self.is_lean {
            true => self.moved.count(data.len()),
            false => self.moved.push(data),
        }
    }

    /// Data moves on without waiting.
    fn pass(&mut self, data: Vec<u8>) {
        self.keep(data);
        self.settle_end();
    }

    /// What is held moves on, to the next in the chain.
    pub(crate) fn release(&mut self) {
        self.iteration = Iteration::Continue;
        self.send_headers();
        if let Some(held) = self.held.take() {
            self.keep(held);
        }
        self.buffering = false;
        self.settle_end();
    }

    /// The headers move on, if they have not yet.
    pub(crate) fn send_headers(&mut self) {
        self.headers_sent |= self.headers.is_some();
    }

    /// The trailers move on.
    pub(crate) fn send_trailers(&mut self) {
        self.trailers_sent = true;
        self.trailers_shown = false;
        self.settle_end();
    }

    /// The half is complete once all that it is has moved on.
    pub(crate) fn settle_end(&mut self) {
        let trailers_due = self.trailers.is_some() && !self.trailers_sent;
        let waits = self.iteration != Iteration::Continue || self.held.is_some();
        self.moved.complete |= self.ended && !waits && !trailers_due;
    }

    /// Takes what is held, to be shown to the guest.
    pub(crate) fn take_held(&mut self) -> Option<Vec<u8>> {
        self.held.take()
    }

    /// Whether trailers have arrived that the guest has not decided about.
    pub(crate) fn has_trailers(&self) -> bool {
        self.trailers.is_some() && !self.trailers_sent
    }

    /// Whether all has moved on.
    pub(crate) fn is_complete(&self) -> bool {
        self.moved.complete
    }

    /// Replaces all that has not moved on, as by a local response that goes past the plugin.
    pub(crate) fn replace(&mut self, headers: Vec<Pair>, body: Vec<u8>) {
        *self = Self { data_bytes: body.len() as u64, ended: true, ..Self::default() };
        self.headers = Some(headers);
        self.send_headers();
        self.pass(body);
    }

    /// What has moved on, in the end.
    pub(crate) fn into_sent(self) -> Sent {
        Sent {
            headers: self.headers.filter(|_| self.headers_sent),
            trailers: self.trailers.filter(|_| self.trailers_sent),
            ..self.moved
        }
    }

    /// What has moved on so far.
    pub(crate) fn sent(&self) -> Sent {
        Sent {
            headers: self.headers.clone().filter(|_| self.headers_sent),
            trailers: self.trailers.clone().filter(|_| self.trailers_sent),
            ..self.moved.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(half: &Half) -> (Vec<u8>, bool) {
        let sent = half.sent();
        (sent.body, sent.complete)
    }

    #[test]
    fn buffered_data_is_shown_again_and_counted_once() {
        let mut half = Half::default();
        assert_eq!(half.receive(b"ab".to_vec(), false), Some(2));
        half.settle_data(DataStatus::Buffer);
        assert_eq!(half.receive(b"c".to_vec(), false), Some(3));
        half.settle_data(DataStatus::Continue);
        assert_eq!(half.receive(b"d".to_vec(), true), Some(1));
        half.settle_data(DataStatus::Continue);
        assert_eq!(half.data_bytes, 4);
        assert_eq!(bytes(&half), (b"abcd".to_vec(), true));
    }

    #[test]
    fn watermarked_data_is_held_and_not_shown_again() {
        let mut half = Half::default();
        half.receive(b"ab".to_vec(), false);
        half.settle_data(DataStatus::Watermark);
        assert_eq!(half.receive(b"c".to_vec(), true), Some(1));
        assert_eq!(bytes(&half), (vec![], false));
        half.settle_data(DataStatus::Continue);
        assert_eq!(bytes(&half), (b"abc".to_vec(), true));
    }

    #[test]
    fn data_that_is_taken_is_gone_and_the_end_can_still_move_on() {
        let mut half = Half::default();
        half.receive(b"ab".to_vec(), true);
        half.settle_data(DataStatus::NoBuffer);
        assert_eq!(bytes(&half), (vec![], false));
        half.release();
        assert_eq!(bytes(&half), (vec![], true));
    }
}
