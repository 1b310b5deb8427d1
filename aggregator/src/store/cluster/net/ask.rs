//! Asking the nodes that have a shard: until they have answered or it has taken too long, whatever
//! moves or fails meanwhile.
//!
//! A copy may answer what is only read, if that is wished. It is believed when it follows its
//! primary, and has something to tell: what it has not may be on its way to another node, of which
//! only the primary knows.

use std::collections::HashMap;
use std::sync::Arc;

use redis::{Cmd, Pipeline, Value};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::Net;
use crate::limits::{
    MAX_STORE_PIPELINE, STORE_ASK_TIMEOUT, STORE_READ_PATIENCE, STORE_RETRY_PAUSE,
};
use crate::store::ReadError;
use crate::store::cluster::fault::Fault;
use crate::store::cluster::layout::Shard;
use crate::store::cluster::topology::{Address, Topology};

/// A command for the node that has a shard.
pub(in crate::store::cluster) type Ask = (Shard, Cmd);

/// An answer, and the number of the connection on which it came.
pub(in crate::store::cluster) type Answer = (Value, u64);

/// A command that is under way: its place among the answers, its slot, and itself.
type Asked = (usize, u16, Cmd);

/// What became of it, and whether a copy was asked.
type Outcome = (Asked, bool, Result<Answer, Fault>);

impl Net {
    /// The answers to commands that read, in their order; copies may give them.
    ///
    /// # Errors
    /// When one of them cannot be carried out, also after some time.
    pub async fn ask(self: &Arc<Self>, asks: Vec<Ask>) -> Result<Vec<Answer>, ReadError> {
        let deadline = Instant::now() + STORE_READ_PATIENCE;
        self.ask_all(self.numbered(asks), self.reads_replicas, deadline).await
    }

    /// The answers of primaries: to commands that change something, or must see what is newest.
    ///
    /// # Errors
    /// When one of them cannot be carried out, also after some time.
    pub async fn tell(self: &Arc<Self>, asks: Vec<Ask>) -> Result<Vec<Value>, ReadError> {
        self.tell_by(asks, Instant::now() + STORE_READ_PATIENCE).await
    }

    /// The same, in a time of the caller's.
    ///
    /// # Errors
    /// When one of them cannot be carried out until then.
    pub async fn tell_by(
        self: &Arc<Self>,
        asks: Vec<Ask>,
        deadline: Instant,
    ) -> Result<Vec<Value>, ReadError> {
        let answers = self.ask_all(self.numbered(asks), false, deadline).await?;
        Ok(answers.into_iter().map(|(value, _)| value).collect())
    }

    /// The answer of the primary that has a slot.
    ///
    /// # Errors
    /// When it cannot be carried out, also after some time.
    pub async fn tell_slot(self: &Arc<Self>, slot: u16, command: Cmd) -> Result<Value, ReadError> {
        let deadline = Instant::now() + STORE_READ_PATIENCE;
        let answers = self.ask_all(vec![(0, slot, command)], false, deadline).await?;
        Ok(answers.into_iter().next().unwrap_or_default().0)
    }

    fn numbered(&self, asks: Vec<Ask>) -> Vec<Asked> {
        let numbered = asks.into_iter().enumerate();
        numbered.map(|(place, (shard, cmd))| (place, self.keys.slot(shard), cmd)).collect()
    }

    async fn ask_all(
        self: &Arc<Self>,
        mut open: Vec<Asked>,
        mut may_copy: bool,
        deadline: Instant,
    ) -> Result<Vec<Answer>, ReadError> {
        let mut answers: Vec<Answer> = vec![Answer::default(); open.len()];
        loop {
            let mut reason = None;
            let mut again = Vec::new();
            for (asked, is_copy, outcome) in self.round(open, may_copy, deadline).await {
                match outcome {
                    Ok((value, _)) if is_copy && is_nothing(&value) => again.push(asked),
                    Ok(answer) => {
                        if let Some(place) = answers.get_mut(asked.0) {
                            *place = answer;
                        }
                    }
                    Err(Fault::Refused(reason)) if !is_copy => return Err(ReadError(reason)),
                    Err(fault) => {
                        reason = Some(fault.to_string());
                        again.push(asked);
                    }
                }
            }
            if again.is_empty() {
                return Ok(answers);
            }
            if let Some(reason) = reason {
                if Instant::now() >= deadline {
                    return Err(ReadError(reason));
                }
                self.suspect();
                if !may_copy {
                    sleep(STORE_RETRY_PAUSE).await;
                }
            }
            open = again;
            may_copy = false;
        }
    }

    /// Asks every node once for what it has.
    async fn round(
        self: &Arc<Self>,
        asks: Vec<Asked>,
        may_copy: bool,
        deadline: Instant,
    ) -> Vec<Outcome> {
        let topology = self.topology();
        let mut outcomes = Vec::with_capacity(asks.len());
        let mut by_node: HashMap<(Address, bool), Vec<Asked>> = HashMap::new();
        for ask in asks {
            match self.reader(&topology, ask.1, may_copy) {
                Some(reader) => by_node.entry(reader).or_default().push(ask),
                None => {
                    let nobody = Fault::Busy("no node serves its slot".to_owned());
                    outcomes.push((ask, false, Err(nobody)));
                }
            }
        }
        let mut nodes = JoinSet::new();
        for ((address, is_copy), asks) in by_node {
            let net = Arc::clone(self);
            nodes.spawn(async move {
                let outcomes = net.ask_node(&address, is_copy, asks, deadline).await;
                outcomes.into_iter().map(|(ask, outcome)| (ask, is_copy, outcome)).collect()
            });
        }
        let of_nodes: Vec<Vec<Outcome>> = nodes.join_all().await;
        outcomes.extend(of_nodes.into_iter().flatten());
        outcomes
    }

    /// Which node to ask about a slot, and whether it is a copy.
    fn reader(&self, topology: &Topology, slot: u16, may_copy: bool) -> Option<(Address, bool)> {
        let primary = topology.primary(slot)?;
        let copies = primary.replicas.len();
        let copy = primary.replicas.get(usize::from(slot).checked_rem(copies).unwrap_or(0));
        Some(match copy.filter(|copy| may_copy && !self.rests(copy)) {
            Some(copy) => (Arc::clone(copy), true),
            None => (Arc::clone(&primary.address), false),
        })
    }

    async fn ask_node(
        &self,
        address: &Address,
        is_copy: bool,
        asks: Vec<Asked>,
        deadline: Instant,
    ) -> Vec<(Asked, Result<Answer, Fault>)> {
        let mut outcomes = Vec::with_capacity(asks.len());
        let mut asks = asks.into_iter().peekable();
        while asks.peek().is_some() {
            let some: Vec<Asked> = asks.by_ref().take(MAX_STORE_PIPELINE).collect();
            let commands: Vec<&Cmd> = some.iter().map(|(_, _, command)| command).collect();
            // A node that is frozen may be replaced before the time is over.
            let patience = deadline.min(Instant::now() + STORE_ASK_TIMEOUT);
            let answers = timeout_at(patience, self.send(address, &commands, is_copy)).await;
            let answers = answers.unwrap_or_else(|_| Err("it does not answer".to_owned()));
            let (answers, number) = match answers {
                Ok(answers) => answers,
                Err(reason) => {
                    self.forget(address);
                    if is_copy {
                        self.rest(address);
                    }
                    let fault = Fault::Busy(format!("{address}: {reason}"));
                    let failed = some.into_iter().chain(asks);
                    outcomes.extend(failed.map(|ask| (ask, Err(fault.clone()))));
                    return outcomes;
                }
            };
            let mut answers = answers.into_iter();
            for ask in some {
                let answer = answers.next().unwrap_or_default();
                let outcome = match Fault::in_answer(&answer) {
                    None => Ok((answer, number)),
                    Some(Fault::Ask(other)) => self.ask_other(&other, &ask.2, deadline).await,
                    Some(fault) => Err(fault),
                };
                outcomes.push((ask, outcome));
            }
        }
        outcomes
    }

    /// The answers of a node, in which there may be errors. While copies are read from, an answer
    /// of who is not what it is taken for is worth nothing: it may be old.
    async fn send(
        &self,
        address: &Address,
        commands: &[&Cmd],
        is_copy: bool,
    ) -> Result<(Vec<Value>, u64), String> {
        let mut connection = self.connection(address).await?;
        let mut pipeline = Pipeline::with_capacity(commands.len() + 1);
        for command in commands {
            pipeline.add_command((*command).clone());
        }
        if self.reads_replicas {
            pipeline.cmd("ROLE");
        }
        let answers = connection.send(&pipeline).await;
        let mut answers = answers.map_err(|error| error.to_string())?;
        if self.reads_replicas {
            check_role(&answers.pop().unwrap_or_default(), is_copy)?;
        }
        Ok((answers, connection.number))
    }

    /// Asks the node to which a slot is moving.
    async fn ask_other(
        &self,
        address: &Address,
        command: &Cmd,
        deadline: Instant,
    ) -> Result<Answer, Fault> {
        let patience = deadline.min(Instant::now() + STORE_ASK_TIMEOUT);
        let asked = timeout_at(patience, async {
            let mut connection = self.connection(address).await?;
            let mut pipeline = Pipeline::with_capacity(2);
            pipeline.cmd("ASKING").add_command(command.clone());
            let answers = connection.send(&pipeline).await;
            let answers = answers.map_err(|error| error.to_string())?;
            Ok((answers.into_iter().next_back().unwrap_or_default(), connection.number))
        });
        let asked = asked.await.unwrap_or_else(|_| Err("it does not answer".to_owned()));
        let answer = asked.map_err(|reason: String| {
            self.forget(address);
            Fault::Busy(format!("{address}: {reason}"))
        })?;
        Fault::in_answer(&answer.0).map_or(Ok(answer), Err)
    }
}

/// Whether a node is, by its answer to `ROLE`, what it is taken for: a primary, or a copy that
/// follows one.
fn check_role(role: &Value, is_copy: bool) -> Result<(), String> {
    let Value::Array(parts) = role else { return Err("a strange answer".to_owned()) };
    let is = |at: usize, word: &[u8]| match parts.get(at) {
        Some(Value::BulkString(bytes)) => bytes == word,
        Some(Value::SimpleString(text)) => text.as_bytes() == word,
        _ => false,
    };
    match () {
        () if is(0, b"master") => Ok(()),
        () if is_copy && is(3, b"connected") => Ok(()),
        () if is_copy => Err("it does not follow its primary".to_owned()),
        () => Err("it is no primary any more".to_owned()),
    }
}

/// Whether an answer says that there is nothing: no key, none of the fields, or the end of a scan.
fn is_nothing(answer: &Value) -> bool {
    match answer {
        Value::Nil => true,
        Value::Int(number) => *number == 0,
        Value::Array(parts) | Value::Set(parts) => match parts.as_slice() {
            [Value::BulkString(cursor), rest @ Value::Array(_)] => {
                cursor == b"0" && is_nothing(rest)
            }
            parts => parts.iter().all(|part| *part == Value::Nil),
        },
        Value::Map(pairs) => pairs.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn what_a_copy_does_not_have_is_nothing() {
        let array = |parts: &[Value]| Value::Array(parts.to_vec());
        for nothing in [
            Value::Nil,
            Value::Int(0),
            array(&[]),
            array(&[Value::Nil, Value::Nil]),
            array(&[text("0"), array(&[])]),
        ] {
            assert!(is_nothing(&nothing), "{nothing:?}");
        }
        for something in [
            text(""),
            Value::Int(1),
            array(&[Value::Nil, text("x")]),
            array(&[text("0"), array(&[text("f"), text("v")])]),
            array(&[text("8"), array(&[])]),
        ] {
            assert!(!is_nothing(&something), "{something:?}");
        }
    }

    #[test]
    fn a_copy_is_believed_while_it_follows_its_primary() {
        let role = |words: &[&str]| Value::Array(words.iter().map(|word| text(word)).collect());
        let (primary, copy) = (role(&["master"]), role(&["slave", "h", "1", "connected", "5"]));
        assert_eq!(check_role(&primary, false), Ok(()));
        assert_eq!(check_role(&primary, true), Ok(()), "it has taken over");
        assert_eq!(check_role(&copy, true), Ok(()));
        assert!(check_role(&copy, false).is_err());
        let cut_off = role(&["slave", "h", "1", "connect", "5"]);
        assert!(check_role(&cut_off, true).is_err());
        assert!(check_role(&Value::Nil, true).is_err());
    }
}
