//! An aggregator that is not to be trusted: it stands before the real one, says that it has a batch
//! which it has thrown away, and adds bytes that nobody has sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

use crate::client::agent;
use crate::ports::free_port;

/// The aggregator. It runs until the end of the process.
pub struct Liar {
    port: u16,
    lies: Arc<AtomicUsize>,
}

impl Liar {
    /// Stands before the aggregator at `target`. To the first flow of the first batch it adds a
    /// byte, and the second batch with flows it throws away.
    pub fn before(target: String) -> Self {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port can be used");
        let lies = Arc::new(AtomicUsize::new(0));
        let shared = Arc::clone(&lies);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (target, lies) = (target.clone(), Arc::clone(&shared));
                thread::spawn(move || while serve(&client, &target, &lies).is_some() {});
            }
        });
        Self { port, lies }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How often it has lied.
    pub fn lies(&self) -> usize {
        self.lies.load(Ordering::SeqCst).min(2)
    }
}

/// Serves one request; none when the connection has ended.
fn serve(client: &TcpStream, target: &str, lies: &AtomicUsize) -> Option<()> {
    let mut reader = BufReader::new(client);
    let (mut lines, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        let size = reader.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" if size == 0 => return None,
            "" => break,
            text => {
                if let Some((name, value)) = text.split_once(':')
                    && name.eq_ignore_ascii_case("content-length")
                {
                    length = value.trim().parse().ok()?;
                }
                lines.push(text.to_owned());
            }
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = lines.first()?.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let is_lines = lines.iter().any(|line| line.contains("ndjson"));
    let agent = agent(Duration::from_secs(10));
    let answer = match method {
        "POST" => push(&agent, target, path, &body, lies),
        _ => read(&agent, &format!("{target}{path}"), is_lines),
    }?;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
    let mut client = client;
    client.write_all(&[head.as_bytes(), &answer].concat()).ok()
}

fn read(agent: &Agent, url: &str, is_lines: bool) -> Option<Vec<u8>> {
    let accept = if is_lines { "application/x-ndjson" } else { "application/json" };
    let mut answer = agent.get(url).header("accept", accept).call().ok()?;
    answer.body_mut().read_to_vec().ok()
}

fn push(
    agent: &Agent,
    target: &str,
    path: &str,
    body: &[u8],
    lies: &AtomicUsize,
) -> Option<Vec<u8>> {
    let batch: Value = serde_json::from_slice(body).ok()?;
    let has_flows = batch["hours"].as_array().is_some_and(|hours| !hours.is_empty());
    let turn = if has_flows { lies.fetch_add(1, Ordering::SeqCst) } else { usize::MAX };
    if turn == 1 {
        let receipt = json!({"instance": batch["instance"], "sequence": batch["sequence"],
            "status": "applied"});
        return Some(receipt.to_string().into_bytes());
    }
    if turn == 0 {
        write(agent, target, &batch["hours"][0]);
    }
    let request = agent.post(format!("{target}{path}"));
    let mut answer = request.header("content-type", "application/json").send(body).ok()?;
    answer.body_mut().read_to_vec().ok()
}

/// Adds a byte to the first flow of an hour.
fn write(agent: &Agent, target: &str, hour: &Value) {
    let flow = &hour["flows"][0];
    let flow = json!([{"hour": hour["hour"], "src_app": flow[0], "dest_app": flow[1],
        "vpc_id": flow[2], "bytes_tx": 1, "bytes_rx": 0}]);
    let request = agent.post(format!("{target}/flows")).header("content-type", "application/json");
    request.send(flow.to_string()).expect("the aggregator takes a write");
}
