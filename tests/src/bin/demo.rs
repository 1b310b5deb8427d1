//! `cargo xtask demo`: the whole service on one machine, with traffic, for people to look at.
//!
//! It shows the aggregates only when they equal what was sent. Then it stays up, and so does a
//! little traffic, until Ctrl-C; with `--once` it stops everything and ends.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::{Duration, Instant};

use flow_tests::client::{HttpClient, TcpConnection};
use flow_tests::fas::current_hour;
use flow_tests::ports::Ports;
use flow_tests::table::{Table, grouped};
use flow_tests::{Bytes, Mesh, Totals};

/// Between two rounds of traffic while the demo stays up.
const PAUSE: Duration = Duration::from_secs(1);

/// Rounds of traffic before the table.
const ROUNDS: usize = 20;

fn main() -> ExitCode {
    // What goes wrong in the harness panics with a sentence that says it all.
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("error: {}", panic.payload_as_str().unwrap_or("the demo failed"));
    }));
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => show(false),
        ["--once"] => show(true),
        _ => {
            eprintln!("usage: demo [--once]");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn show(once: bool) {
    println!("== Starting fas, two Envoy sidecars and two apps");
    let mesh = Mesh::plan().ports(Ports::sample_where_free()).push_interval_ms(1000).start();
    print_picture(mesh.ports());

    let mut traffic = Traffic::start(&mesh);
    for _ in 0..ROUNDS {
        traffic.round();
    }
    println!("== Sent {} HTTP requests, and as much over one TCP connection", 3 * ROUNDS);
    println!("   waiting for the sidecars to push what they counted");
    let start = Instant::now();
    mesh.fas().wait_for_totals(&traffic.totals());
    println!("   the aggregates equal what was sent, after {} ms", start.elapsed().as_millis());
    print_aggregates(&mesh);
    if once {
        drop(traffic.tcp);
        mesh.ends_with(&Totals::of(traffic.sent));
        return;
    }
    print_ideas(mesh.ports());
    loop {
        sleep(PAUSE);
        traffic.round();
    }
}

/// Traffic from the app `frontend` to the app `backend`.
struct Traffic {
    http: HttpClient,
    tcp: TcpConnection,
    sent: [(&'static str, &'static str, Bytes); 2],
}

impl Traffic {
    fn start(mesh: &Mesh) -> Self {
        // The names that the sample configurations give: the destination is the cluster's name.
        let nothing = Bytes::default();
        let sent = [("frontend", "backend", nothing), ("frontend", "backend-tcp", nothing)];
        Self { http: mesh.http(), tcp: mesh.tcp(), sent }
    }

    fn round(&mut self) {
        let [(.., over_http), (.., over_tcp)] = &mut self.sent;
        *over_http += self.http.get(12_345) + self.http.post(2_000) + self.http.upload(500);
        *over_tcp += self.tcp.exchange(1_000, 20_000);
    }

    fn totals(&self) -> Totals {
        Totals::of(self.sent)
    }
}

fn print_picture(ports: &Ports) {
    let Ports { outbound_http, outbound_tcp, inbound_http, inbound_tcp, .. } = ports;
    let Ports { app_http, app_tcp, aggregator, .. } = ports;
    println!(
        "
   app frontend -> Envoy :{outbound_http} :{outbound_tcp} -> Envoy :{inbound_http} \
         :{inbound_tcp} -> app backend :{app_http} :{app_tcp}
                     | flow_filter.wasm
                     +--> fas :{aggregator}
"
    );
}

fn print_aggregates(mesh: &Mesh) {
    let heading = ["src_app", "dest_app", "vpc_id", "bytes_tx", "bytes_rx", "hour"];
    let mut table = Table::new(&heading, 3);
    for hour in mesh.fas().hours() {
        let flows = mesh.fas().flows(hour).expect("the aggregator has just answered");
        for flow in flows.as_array().into_iter().flatten() {
            let text = |field: &str| flow[field].as_str().unwrap_or_default().to_owned();
            let number = |field: &str| grouped(flow[field].as_u64().unwrap_or_default());
            table.row(vec![
                text("src_app"),
                text("dest_app"),
                text("vpc_id"),
                number("bytes_tx"),
                number("bytes_rx"),
                flow["hour"].to_string(),
            ]);
        }
    }
    println!();
    for line in table.lines() {
        println!("   {line}");
    }
    println!();
}

fn print_ideas(ports: &Ports) {
    let Ports { aggregator, outbound_http, frontend_admin, backend_admin, .. } = ports;
    let hour = current_hour();
    println!(
        "A little traffic goes on. In another terminal, try

   the aggregates of this hour (the hours since 1970, UTC):
      curl 'http://127.0.0.1:{aggregator}/flows?hour={hour}'
   a megabyte more, through both sidecars; then ask for the aggregates again:
      curl -o /dev/null http://127.0.0.1:{outbound_http}/bytes/1000000
   what the filter says of itself, among Envoy's counters:
      curl 'http://127.0.0.1:{frontend_admin}/stats?filter=wasmcustom'
   and in a browser
      http://127.0.0.1:{aggregator}/          the dashboard: who moves all these bytes
      http://127.0.0.1:{aggregator}/metrics   the service's metrics
      http://127.0.0.1:{frontend_admin}/          Envoy's admin page of the frontend
      http://127.0.0.1:{backend_admin}/          Envoy's admin page of the backend

Ctrl-C stops everything."
    );
}
