//! What a mesh must know of a plugin that counts traffic, and of the server that it pushes to. The
//! mesh itself knows only who moved how many bytes to whom, and when.

use std::borrow::Cow;

use super::ledger::{Bytes, Totals};
use crate::{CallRequest, CallResponse, Properties, StreamKind};

/// Reads a path of the receiver, with these headers: gives the body of a 200.
pub type Read<'a> = dyn Fn(&str, &[(&str, &str)]) -> Result<Vec<u8>, String> + 'a;

/// A plugin and its receiver.
pub trait Oracle: Send + Sync {
    /// The cluster to which the plugin pushes.
    fn cluster(&self) -> &str;

    /// The plugin's configuration in a sidecar whose streams are of this kind.
    fn configuration(&self, kind: StreamKind) -> String;

    /// The node's metadata, by which the plugin knows whose sidecar it is in.
    fn metadata(&self, app: &str, network: &str) -> Properties;

    /// What a push carries.
    fn read<'a>(&self, request: &'a CallRequest) -> Result<Push<'a>, String>;

    /// Whether an answer says that the receiver has what the push carries.
    fn has_accepted(&self, push: &Push<'_>, answer: &CallResponse) -> bool;

    /// What a line of the log leaves behind to be pushed by somebody else, when the plugin has
    /// ended without an answer.
    fn left_behind(&self, line: &str) -> Option<CallRequest>;

    /// What the receiver says that it has, in all.
    fn totals(&self, read: &Read<'_>) -> Result<Totals, String>;
}

/// What a push carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push<'a> {
    /// Who pushes; each VM has a name of its own.
    pub sender: Cow<'a, str>,
    /// Grows from push to push of one sender; the same number means the same content.
    pub number: u64,
    /// All that moved before this time, in milliseconds by the sidecar's clock, is in this push or
    /// in earlier ones.
    pub complete_until_ms: u64,
    /// Bytes that the plugin says it has given up.
    pub given_up_bytes: u64,
    /// What has moved.
    pub rows: Vec<PushedRow<'a>>,
}

/// What has moved from one app to another in an hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedRow<'a> {
    /// Hours since the Unix epoch.
    pub hour: u32,
    /// The app that opened the connection, or sent the request.
    pub source: Cow<'a, str>,
    /// The app that was called.
    pub destination: Cow<'a, str>,
    /// The network of the source.
    pub network: Cow<'a, str>,
    /// How many bytes.
    pub bytes: Bytes,
}
