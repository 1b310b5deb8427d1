//! Envoy with one worker and one listener, which is what the filter is measured in.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::{Doing, Failure, Result};
use crate::http::Connection;
use crate::ports::free_address;
use crate::process::Process;
use crate::scratch::Scratch;

/// What Envoy and the filter are, as `cargo xtask bench` says.
pub struct Programs {
    envoy: PathBuf,
    filter: PathBuf,
}

/// What a listener carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carries {
    /// HTTP, answered by Envoy itself with 57 bytes.
    Http,
    /// TCP, handed on to this address.
    Tcp(SocketAddr),
}

/// What is added to a bare Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addition {
    /// Nothing.
    Bare,
    /// Envoy's own access log, to a file.
    FileLog,
    /// The filter in the chain of filters.
    Filter,
    /// The filter as an access logger.
    AccessLogger,
}

/// A running Envoy.
pub struct Envoy {
    address: SocketAddr,
    admin: SocketAddr,
    process: Process,
    _directory: Scratch,
}

impl Programs {
    /// The programs that the environment names.
    pub fn find() -> Result<Self> {
        let find = |name: &str| {
            let path = std::env::var_os(name).map(PathBuf::from);
            path.ok_or_else(|| Failure::new(format!("{name} must be set: use cargo xtask bench")))
        };
        Ok(Self { envoy: find("FLOW_ENVOY")?, filter: find("FLOW_FILTER_WASM")? })
    }

    /// The size of the filter, in bytes.
    pub fn filter_bytes(&self) -> Result<u64> {
        Ok(fs::metadata(&self.filter).doing(self.filter.display())?.len())
    }
}

impl Envoy {
    /// Starts Envoy, whose filter pushes to `aggregator`, and waits until it serves.
    pub fn start(
        programs: &Programs,
        carries: Carries,
        addition: Addition,
        aggregator: SocketAddr,
    ) -> Result<Self> {
        let directory = Scratch::new("envoy")?;
        let (address, admin) = (free_address()?, free_address()?);
        let path = directory.path().join("envoy.yaml");
        let listener = listener(address, carries, addition, programs, directory.path());
        let text = configuration(admin, &listener, carries, aggregator);
        fs::write(&path, text).doing(path.display())?;
        let mut command = Command::new(&programs.envoy);
        command.arg("--config-path").arg(&path);
        command.args(["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]);
        let mut process = Process::start("envoy", &mut command, directory.path(), "KILL")?;
        process.wait_until_ready(|| {
            let get = || Connection::open(admin)?.send(b"GET /ready HTTP/1.1\r\nhost: a\r\n\r\n");
            get().is_ok_and(|head| head.status == 200)
        })?;
        Ok(Self { address, admin, process, _directory: directory })
    }

    /// Where its listener is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// A figure of its statistics; 0 if it is not there.
    pub fn stat(&self, name: &str) -> Result<u64> {
        let request = format!("GET /stats?filter={name} HTTP/1.1\r\nhost: a\r\n\r\n");
        let mut text = Vec::new();
        let mut connection = Connection::open(self.admin)?;
        connection.stream(request.as_bytes(), |piece| text.extend_from_slice(piece))?;
        let text = String::from_utf8_lossy(&text);
        let value = text.lines().find_map(|line| line.split_once(": "));
        Ok(value.and_then(|(_, value)| value.trim().parse().ok()).unwrap_or(0))
    }
}

fn configuration(
    admin: SocketAddr,
    listener: &str,
    carries: Carries,
    aggregator: SocketAddr,
) -> String {
    let mut clusters = cluster("flow_aggregator", aggregator);
    if let Carries::Tcp(upstream) = carries {
        clusters += &cluster("backend", upstream);
    }
    format!(
        "node: {{ id: bench, cluster: frontend, metadata: {{ app: frontend, vpc_id: vpc-1 }} }}\n\
         admin: {{ address: {} }}\n\
         static_resources:\n  listeners:\n{listener}  clusters:\n{clusters}",
        socket(admin)
    )
}

fn cluster(name: &str, address: SocketAddr) -> String {
    format!(
        "  - {{ name: {name}, type: STATIC, connect_timeout: 5s, load_assignment: {{ \
         cluster_name: {name}, endpoints: [ {{ lb_endpoints: [ {{ endpoint: {{ address: {} }} }} ] \
         }} ] }} }}\n",
        socket(address)
    )
}

fn socket(address: SocketAddr) -> String {
    let (host, port) = (address.ip(), address.port());
    format!("{{ socket_address: {{ address: {host}, port_value: {port} }} }}")
}

fn listener(
    address: SocketAddr,
    carries: Carries,
    addition: Addition,
    programs: &Programs,
    directory: &Path,
) -> String {
    let mut out = format!(
        "  - name: main\n    traffic_direction: OUTBOUND\n    address: {}\n    filter_chains:\n    \
         - filters:\n",
        socket(address)
    );
    let log = match addition {
        Addition::Bare | Addition::Filter => String::new(),
        Addition::AccessLogger => format!(
            "access_log: [ {{ name: flow_filter, typed_config: {{ \"@type\": {TYPES}.access_loggers\
             .wasm.v3.WasmAccessLog, config: {} }} }} ]",
            plugin("access_log", &programs.filter)
        ),
        Addition::FileLog => format!(
            "access_log: [ {{ name: file, typed_config: {{ \"@type\": {TYPES}.access_loggers.file.v3\
             .FileAccessLog, path: {} }} }} ]",
            directory.join("access.log").display()
        ),
    };
    let filter = |kind: &str, mode: &str| match addition {
        Addition::Filter => format!(
            "{{ name: flow_filter, typed_config: {{ \"@type\": {TYPES}.filters.{kind}.wasm.v3.Wasm, \
             config: {} }} }}",
            plugin(mode, &programs.filter)
        ),
        _ => String::new(),
    };
    let written = match carries {
        Carries::Http => write!(
            out,
            "      - name: http\n        typed_config:\n          \"@type\": \
             {TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager\n          \
             stat_prefix: main\n          {log}\n          http_filters: [ {} {{ name: router, \
             typed_config: {{ \"@type\": {TYPES}.filters.http.router.v3.Router }} }} ]\n          \
             route_config: {{ virtual_hosts: [ {{ name: all, domains: [\"*\"], routes: [ {{ match: {{ \
             prefix: / }}, direct_response: {{ status: 200, body: {{ inline_string: {} }} }} }} ] }} ] \
             }}\n",
            comma(filter("http", "http")),
            "x".repeat(57)
        ),
        Carries::Tcp(_) => {
            let filter = filter("network", "tcp");
            let filter = if filter.is_empty() { filter } else { format!("      - {filter}\n") };
            write!(
                out,
                "{filter}      - name: tcp\n        typed_config:\n          \"@type\": \
                 {TYPES}.filters.network.tcp_proxy.v3.TcpProxy\n          stat_prefix: main\n          \
                 cluster: backend\n          {log}\n"
            )
        }
    };
    // Writing into a string does not fail.
    debug_assert!(written.is_ok());
    out
}

const TYPES: &str = "type.googleapis.com/envoy.extensions";

fn comma(filter: String) -> String {
    if filter.is_empty() { filter } else { format!("{filter},") }
}

/// The filter as operators configure it, with a text in single quotes for YAML.
fn plugin(mode: &str, filter: &Path) -> String {
    format!(
        "{{ name: flow_filter, failure_policy: FAIL_OPEN, configuration: {{ \"@type\": \
         type.googleapis.com/google.protobuf.StringValue, value: '{{\"mode\": \"{mode}\", \
         \"direction\": \"outbound\", \"identity\": \"envoy\", \"push\": {{\"cluster\": \"flow_aggregator\"}}}}' }}, vm_config: \
         {{ vm_id: flow, runtime: envoy.wasm.runtime.v8, code: {{ local: {{ filename: \"{}\" }} }} }} \
         }}",
        filter.display()
    )
}
