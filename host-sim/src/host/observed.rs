//! What a test can see of an open stream from outside, besides what came out of it: its properties.

use super::{Host, traffic::StreamId};

impl Host {
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
