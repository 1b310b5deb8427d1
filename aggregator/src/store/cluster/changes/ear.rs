//! `Ear`: listens on the channels of all shards, from the first follower on, and again wherever a
//! shard moves to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, Weak};

use redis::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OnceCell, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::Heard;
use crate::limits::{EAR_PATIENCE, EAR_PING, EAR_SILENCE, STORE_RETRY_PAUSE};
use crate::store::ReadError;
use crate::store::cluster::layout::Shard;
use crate::store::cluster::net::Net;
use crate::store::cluster::topology::{Address, Topology};
use crate::store::cluster::{call, lock};

/// Listens for all followers of a process.
#[derive(Default)]
pub(in crate::store::cluster) struct Ear {
    heard: OnceCell<Arc<Heard>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What comes from a node.
enum News {
    /// It tells from now on what changes in a shard.
    Listens(Shard),
    /// Something has changed.
    Told(Shard, Vec<u8>),
    /// It is gone, or has given a shard away.
    Gone(Address),
}

impl Ear {
    /// What is heard. Listens from the first call on, and returns when all shards do tell.
    pub async fn listen(&self, net: &Arc<Net>) -> Result<Arc<Heard>, ReadError> {
        let heard = self.heard.get_or_try_init(|| async {
            let heard = Arc::new(Heard::new());
            let (ready, mut is_ready) = mpsc::channel(1);
            let listener = Listener {
                net: Arc::downgrade(net),
                heard: Arc::downgrade(&heard),
                nodes: BTreeMap::new(),
                telling: BTreeSet::new(),
                ready: Some(ready),
                arranged: None,
            };
            *lock(&self.task) = Some(tokio::spawn(listener.run()));
            let waited = timeout(EAR_PATIENCE, is_ready.recv()).await;
            match waited {
                Ok(Some(())) => Ok(heard),
                _ => Err(ReadError("the cluster does not tell what changes".to_owned())),
            }
        });
        heard.await.cloned()
    }

    /// Ends listening, and with it all followers.
    pub fn close(&self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
    }
}

/// Keeps a connection to every node that has shards.
struct Listener {
    net: Weak<Net>,
    heard: Weak<Heard>,
    nodes: BTreeMap<Address, (BTreeSet<Shard>, JoinHandle<()>)>,
    telling: BTreeSet<Shard>,
    ready: Option<mpsc::Sender<()>>,
    /// By whose word the nodes are listened to; none if one of them is gone since.
    arranged: Option<Arc<Topology>>,
}

impl Listener {
    async fn run(mut self) {
        let (news, mut incoming) = mpsc::channel(1_024);
        loop {
            {
                let (Some(net), Some(heard)) = (self.net.upgrade(), self.heard.upgrade()) else {
                    return;
                };
                self.arrange(&net, &heard, &news);
            }
            // Followers wait for nothing else; the rest is looked at now and then.
            let Ok(next) = timeout(10 * STORE_RETRY_PAUSE, incoming.recv()).await else { continue };
            let Some(heard) = self.heard.upgrade() else { return };
            match next {
                Some(News::Listens(shard)) => {
                    self.telling.insert(shard);
                    if self.telling.len() == Shard::all().count() {
                        self.ready.take().map(|ready| ready.try_send(()));
                    }
                }
                Some(News::Told(shard, message)) => heard.note(shard, message),
                Some(News::Gone(address)) => {
                    if let Some((shards, task)) = self.nodes.remove(&address) {
                        task.abort();
                        self.telling.retain(|shard| !shards.contains(shard));
                    }
                    self.arranged = None;
                    heard.lose();
                    sleep(STORE_RETRY_PAUSE).await;
                }
                None => return,
            }
        }
    }

    /// Listens to the nodes that have the shards now.
    fn arrange(&mut self, net: &Arc<Net>, heard: &Heard, news: &mpsc::Sender<News>) {
        let topology = net.topology();
        if self.arranged.as_ref().is_some_and(|before| Arc::ptr_eq(before, &topology)) {
            return;
        }
        self.arranged = Some(Arc::clone(&topology));
        let mut wanted: BTreeMap<Address, BTreeSet<Shard>> = BTreeMap::new();
        for shard in Shard::all() {
            if let Some(primary) = topology.primary(net.keys.slot(shard)) {
                wanted.entry(Arc::clone(&primary.address)).or_default().insert(shard);
            }
        }
        let is_as_wanted = |address: &Address, shards: &BTreeSet<Shard>| {
            wanted.get(address).is_some_and(|wanted| wanted == shards)
        };
        let others: Vec<Address> = self
            .nodes
            .iter()
            .filter(|(address, (shards, _))| !is_as_wanted(address, shards))
            .map(|(address, _)| Arc::clone(address))
            .collect();
        for address in others {
            if let Some((shards, task)) = self.nodes.remove(&address) {
                task.abort();
                self.telling.retain(|shard| !shards.contains(shard));
                heard.lose();
            }
        }
        for (address, shards) in wanted {
            if self.nodes.contains_key(&address) {
                continue;
            }
            let (net, news, node) = (Arc::clone(net), news.clone(), Arc::clone(&address));
            let of_node = shards.clone();
            let task = tokio::spawn(async move {
                if let Err(reason) = follow(&net, &node, &of_node, &news).await {
                    log::debug!("{node} does not tell what changes: {reason}");
                }
                let _ = news.send(News::Gone(node)).await;
            });
            self.nodes.insert(address, (shards, task));
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.nodes.values().for_each(|(_, task)| task.abort());
    }
}

/// Listens to a node until it goes.
async fn follow(
    net: &Net,
    address: &Address,
    shards: &BTreeSet<Shard>,
    news: &mpsc::Sender<News>,
) -> Result<(), String> {
    let by_channel: BTreeMap<Vec<u8>, Shard> =
        shards.iter().map(|shard| (net.keys.channel(*shard), *shard)).collect();
    let stream = net.connector.stream(address).await.map_err(|error| error.to_string())?;
    let (mut incoming, mut outgoing) = tokio::io::split(stream);
    let mut hello = net.connector.hello();
    for channel in by_channel.keys() {
        hello.extend(redis::cmd("SSUBSCRIBE").arg(channel).get_packed_command());
    }
    outgoing.write_all(&hello).await.map_err(|error| error.to_string())?;
    tokio::select! {
        reason = ask_again(&mut outgoing) => Err(reason),
        ended = hear(&mut incoming, &by_channel, news) => ended,
    }
}

/// Asks a node whether it is there, again and again: else nobody would notice that it is gone
/// without a word. Ends when it cannot be asked.
async fn ask_again(outgoing: &mut (impl AsyncWrite + Unpin)) -> String {
    let ping = redis::cmd("PING").get_packed_command();
    loop {
        sleep(EAR_PING).await;
        if let Err(error) = outgoing.write_all(&ping).await {
            return error.to_string();
        }
    }
}

/// Passes on what a node tells, until it goes or is silent.
async fn hear(
    incoming: &mut (impl AsyncRead + Unpin + Send),
    by_channel: &BTreeMap<Vec<u8>, Shard>,
    news: &mpsc::Sender<News>,
) -> Result<(), String> {
    let mut decoder = Default::default();
    loop {
        let value = redis::parse_redis_value_async(&mut decoder, incoming);
        let value = timeout(EAR_SILENCE, value).await.map_err(|_| "it is silent".to_owned())?;
        let value = value.map_err(|error| error.to_string())?;
        let Some(told) = news_in(&value, by_channel)? else { continue };
        if news.send(told).await.is_err() {
            return Ok(());
        }
    }
}

/// What a message of a node tells, if anything.
fn news_in(value: &Value, by_channel: &BTreeMap<Vec<u8>, Shard>) -> Result<Option<News>, String> {
    let parts = match value {
        Value::Array(parts) | Value::Push { data: parts, .. } => parts,
        Value::ServerError(error) => return Err(error.code().to_owned()),
        _ => return Ok(None),
    };
    let [word, channel, rest] = parts.as_slice() else { return Ok(None) };
    let shard = call::bytes(channel).and_then(|channel| by_channel.get(&*channel).copied());
    let (Some(word), Some(shard)) = (call::bytes(word), shard) else { return Ok(None) };
    match &*word {
        b"ssubscribe" => Ok(Some(News::Listens(shard))),
        b"smessage" => {
            let message = call::bytes(rest).unwrap_or_default().into_owned();
            Ok(Some(News::Told(shard, message)))
        }
        // The slot has moved away.
        b"sunsubscribe" => Err("a shard has moved".to_owned()),
        _ => Ok(None),
    }
}
