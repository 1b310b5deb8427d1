//! The steps of a scenario. What they take is in `traffic` and `faults`.

mod faults;
mod traffic;

use schemars::JsonSchema;
use serde::Deserialize;

pub use self::{
    faults::{Away, Clock, NetworkChange, NextFaults, OnThread, Reload},
    traffic::{
        AccessLog, Close, Data, Http, Message, Open, Request, Response, SetProperties, Trailers,
    },
};
use super::{expect::Expect, reader::Placed, scalar::Span};

/// One step.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Time passes; ticks and answers come on the way.
    Advance(Span),
    /// A client connects.
    Open(Open),
    /// Data from the client.
    Downstream(Data),
    /// Data from the server.
    Upstream(Data),
    /// A request begins, and stays open between steps.
    Request(Request),
    /// The response to such a request begins.
    Response(Response),
    /// The trailers of an open request, and with them its end.
    RequestTrailers(Trailers),
    /// The trailers of its response, and with them its end.
    ResponseTrailers(Trailers),
    /// A connection or a request ends.
    Close(Close),
    /// More becomes known about a stream.
    SetProperties(SetProperties),
    /// A whole request with its response.
    Http(Http),
    /// An access logger writes an entry, which the root's `on_log` sees.
    AccessLog(AccessLog),
    /// The next calls to a cluster go wrong.
    Fault(NextFaults),
    /// A cluster refuses connections for a while.
    Away(Away),
    /// A cluster hears nothing and says nothing for a while: calls time out.
    Partition(Away),
    /// From now on, the network before a cluster is like this.
    Network(NetworkChange),
    /// From now on, the proxy's wall clock is ahead of, or behind, the virtual time.
    Clock(Clock),
    /// The plugin fails on a thread, as if it had trapped.
    Trap(OnThread),
    /// The plugin's configuration is replaced: new VMs take the new streams.
    Reload(Reload),
    /// Steps that happen several times.
    Repeat(Repeat),
    /// Something must hold.
    Expect(Expect),
    /// A remark for the timeline.
    Note(String),
    /// The listener is replaced: the roots end when they are ready.
    Drain,
    /// The proxy gets SIGTERM: the roots end at once.
    Terminate,
}

/// Steps that happen several times. In a file, `index` and `each` give the rounds names and
/// values; such a repetition is written out when the file is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Repeat {
    /// How often, if all rounds are alike.
    pub times: u64,
    /// What, if all rounds are alike.
    pub steps: Vec<Placed<Step>>,
    /// The rounds, if they differ.
    pub rounds: Option<Vec<Vec<Placed<Step>>>>,
}

impl Repeat {
    /// The steps of each round.
    pub fn rounds(&self) -> impl Iterator<Item = &[Placed<Step>]> {
        let alike = if self.rounds.is_none() { self.times } else { 0 };
        let written_out = self.rounds.iter().flatten().map(Vec::as_slice);
        (0..alike).map(|_| self.steps.as_slice()).chain(written_out)
    }

    /// How many rounds there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.rounds.as_ref().map_or(self.times, |rounds| rounds.len() as u64)
    }
}
