//! What a test can see from outside, besides what came out of a stream: the lines that the plugin
//! logged, shared data, and the properties of an open stream.

use super::{Host, traffic::StreamId};
use crate::{
    abi::LogLevel,
    timeline::{EventKind, Thread},
    timestamp::Timestamp,
};

/// A line that the plugin logged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// When, in virtual time.
    pub at: Timestamp,
    /// On which thread.
    pub thread: Thread,
    /// How important it is.
    pub level: LogLevel,
    /// What it says.
    pub message: String,
}

impl Host {
    /// The lines that the plugin logged on all threads, the canary's among them, in order.
    #[must_use]
    pub fn logs(&self) -> Vec<LogLine> {
        let line = |event: &crate::Event| match (&event.kind, event.thread) {
            (EventKind::Log { level, message }, Some(thread)) => {
                Some(LogLine { at: event.at, thread, level: *level, message: message.clone() })
            }
            _ => None,
        };
        self.timeline().iter().filter_map(line).collect()
    }

    /// What the plugin's VMs share under this key.
    #[must_use]
    pub fn shared_data(&self, key: &[u8]) -> Option<Vec<u8>> {
        let shared = self.process.shared_data.borrow();
        shared.get(&self.settings.vm_id, key).map(|(value, _)| value.clone())
    }

    /// Lets the plugin's VMs share a value under this key, whatever they shared before, as another
    /// plugin of the same proxy could.
    pub fn set_shared_data(&mut self, key: &[u8], value: Vec<u8>) {
        let mut shared = self.process.shared_data.borrow_mut();
        // Without the number of a version, it always wins.
        let _set = shared.set(&self.settings.vm_id, key, value, 0);
    }

    /// The bytes of a property of an open stream, as the plugin would read them.
    pub fn stream_property(&mut self, id: StreamId, path: &[&str]) -> Option<Vec<u8>> {
        let entry = self.streams.get(&id)?;
        let (thread, generation, context) = (entry.thread, entry.generation, entry.context?);
        let worker = self.threads.get_mut(thread).filter(|worker| worker.generation == generation);
        let stream = worker?.vm.as_mut()?.state().stream_mut(context)?;
        let own = stream.own.get(path.join("\0").as_bytes()).cloned();
        own.or_else(|| stream.property(path)?.to_bytes().ok())
    }
}
