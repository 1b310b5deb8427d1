//! `Fake`: a server that keeps flows and keys, gives pages and streams, and fails when told to.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use flow_model::wire::{decode_flows, encode_flow};
use flow_model::{Counters, Flow, FlowKey};

/// What a bad flow is called that only the server refuses.
pub const REFUSED_APP: &str = "refused";

/// A running server.
pub struct Fake {
    pub url: String,
    state: Shared,
}

type Shared = Arc<Mutex<Memory>>;

/// What the server remembers.
#[derive(Default)]
pub struct Memory {
    flows: BTreeMap<(u32, FlowKey<'static>), Counters>,
    keys: HashMap<String, usize>,
    /// Answers of paths that need no memory, by media type.
    pub prepared: HashMap<(&'static str, &'static str), String>,
    /// The queries that were asked, with their paths.
    pub asked: Vec<String>,
    /// Refusals of the next requests, before they do anything.
    pub refusals: VecDeque<u16>,
    /// Paths that begin so are answered 503.
    pub unavailable: Option<&'static str>,
    /// How many of the next writes are answered 503 although they are done.
    pub lost_answers: usize,
    /// The token that everything needs.
    pub token: Option<String>,
    /// The data of the events of the stream, which breaks after each one.
    pub events: Vec<(&'static str, String)>,
}

impl Fake {
    /// Starts on a free port; it ends with the process.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Shared::default();
        let router = Router::new()
            .route("/flows", post(write))
            .route("/v1/flows", get(flows))
            .route("/v1/stream", get(stream))
            .fallback(prepared)
            .layer(middleware::from_fn_with_state(Arc::clone(&state), admit))
            .with_state(Arc::clone(&state));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                serve(listener, router).await;
            });
        });
        Self { url, state }
    }

    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.state.lock().unwrap()
    }

    /// The bytes sent in all flows: each flow that counts twice shows.
    pub fn bytes_tx(&self) -> u64 {
        self.memory().flows.values().map(|counters| counters.bytes_tx()).sum()
    }

    /// Keeps `count` flows of hour 7.
    pub fn fill(&self, count: usize) {
        let text = (0..count).map(|n| flow_line(n, &format!("app-{n:05}"))).collect::<String>();
        self.memory().add(text.as_bytes()).unwrap();
    }
}

/// A flow of hour 7 as a line of JSON.
pub fn flow_line(bytes_tx: usize, src_app: &str) -> String {
    format!(
        "{{\"src_app\":\"{src_app}\",\"dest_app\":\"d\",\"vpc_id\":\"v\",\
         \"bytes_tx\":{bytes_tx},\"bytes_rx\":2,\"hour\":7}}\n"
    )
}

async fn serve(listener: tokio::net::TcpListener, router: Router) {
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let service = hyper_util::service::TowerToHyperService::new(router.clone());
        let io = hyper_util::rt::TokioIo::new(socket);
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
    }
}

fn problem(status: u16, body: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    let headers = [(header::CONTENT_TYPE, "application/problem+json"), (header::RETRY_AFTER, "0")];
    (status, headers, body.to_owned()).into_response()
}

async fn admit(State(state): State<Shared>, request: Request, next: Next) -> Response {
    {
        let mut memory = state.lock().unwrap();
        memory.asked.push(request.uri().to_string());
        if let Some(status) = memory.refusals.pop_front() {
            return problem(status, r#"{"detail":"not now"}"#);
        }
        if memory.unavailable.is_some_and(|start| request.uri().path().starts_with(start)) {
            return problem(503, r#"{"detail":"the store cannot be read"}"#);
        }
        let given = request.headers().get(header::AUTHORIZATION);
        let wanted = memory.token.as_ref().map(|token| format!("Bearer {token}"));
        if wanted.is_some_and(|wanted| given.is_none_or(|given| *given != *wanted)) {
            return problem(401, r#"{"detail":"who are you?"}"#);
        }
    }
    next.run(request).await
}

impl Memory {
    /// Adds flows, all or none; gives the index of the one that is refused.
    fn add(&mut self, lines: &[u8]) -> Result<usize, usize> {
        let lines = String::from_utf8(lines.to_vec()).unwrap();
        let array = format!("[{}]", lines.trim_end().replace('\n', ","));
        let flows = decode_flows(array.as_bytes()).unwrap();
        if let Some(bad) = flows.iter().position(|flow| &*flow.key.src_app == REFUSED_APP) {
            return Err(bad);
        }
        let count = flows.len();
        for flow in flows {
            let slot = self.flows.entry((flow.hour, flow.key.into_owned())).or_default();
            *slot = slot.checked_add(flow.counters).unwrap();
        }
        Ok(count)
    }
}

async fn write(State(state): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    assert_eq!(headers[header::CONTENT_TYPE], "application/x-ndjson");
    assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let mut lines = Vec::new();
    flate2::read::GzDecoder::new(&*body).read_to_end(&mut lines).unwrap();
    let mut memory = state.lock().unwrap();
    if let Some(count) = memory.keys.get(&key) {
        let body = format!("{{\"accepted\":{count}}}");
        return ([("idempotency-replayed", "true")], body).into_response();
    }
    match memory.add(&lines) {
        Err(index) => problem(
            409,
            &format!(r#"{{"detail":"would exceed","index":{index},"field":"bytes_tx"}}"#),
        ),
        Ok(count) => {
            memory.keys.insert(key, count);
            if memory.lost_answers > 0 {
                memory.lost_answers -= 1;
                return problem(503, "");
            }
            format!("{{\"accepted\":{count}}}").into_response()
        }
    }
}

/// The value of a parameter in a request's address.
fn parameter(request: &Request, name: &str) -> Option<String> {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(found, _)| found == name).map(|(_, value)| value.into_owned())
}

/// Pages of flows: the cursor is the number of rows before.
async fn flows(State(state): State<Shared>, request: Request) -> Response {
    let number = |name| parameter(&request, name).map(|text| text.parse::<usize>().unwrap());
    let (limit, start) = (number("limit").unwrap(), number("cursor").unwrap_or(0));
    let is_csv = request.headers()[header::ACCEPT] == "text/csv";
    let memory = state.lock().unwrap();
    let mut body = Vec::new();
    if is_csv {
        body.extend_from_slice(b"src_app,dest_app,vpc_id,bytes_tx,bytes_rx,hour\r\n");
    }
    for ((hour, key), counters) in memory.flows.iter().skip(start).take(limit) {
        if is_csv {
            let names = [&key.src_app, &key.dest_app, &key.vpc_id].map(|name| name.to_string());
            let (tx, rx) = (counters.bytes_tx(), counters.bytes_rx());
            let line = format!("{},{tx},{rx},{hour}\r\n", names.join(","));
            body.extend_from_slice(line.as_bytes());
        } else {
            let flow = Flow { key: key.clone(), hour: *hour, counters: *counters };
            encode_flow(&flow, &mut body);
            body.push(b'\n');
        }
    }
    let next = start + limit;
    if next < memory.flows.len() {
        // The address of the server as it knows itself is not where clients find it.
        let link = format!("<http://inside/v1/flows?limit={limit}&cursor={next}>; rel=\"next\"");
        return ([(header::LINK, link)], body).into_response();
    }
    body.into_response()
}

/// The event after the last one that was seen, and the end.
async fn stream(State(state): State<Shared>, headers: HeaderMap) -> Response {
    let last = headers.get("last-event-id").map_or("0", |value| value.to_str().unwrap());
    let last: usize = last.parse().unwrap();
    let memory = state.lock().unwrap();
    let mut body = format!("event: hello\nid: {last}\ndata: {{}}\n\n: keep-alive\n\n");
    if let Some((name, data)) = memory.events.get(last) {
        body.push_str(&format!("event: {name}\nid: {}\ndata: {data}\n\n", last + 1));
    }
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

async fn prepared(State(state): State<Shared>, request: Request) -> Response {
    let accept = request.headers()[header::ACCEPT].to_str().unwrap();
    let memory = state.lock().unwrap();
    let found = memory
        .prepared
        .iter()
        .find(|((path, kind), _)| *path == request.uri().path() && *kind == accept);
    match found {
        Some((_, body)) => body.clone().into_response(),
        None => problem(404, r#"{"detail":"there is nothing at this path"}"#),
    }
}
