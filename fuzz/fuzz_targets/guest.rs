//! A guest of host-sim that makes any host calls with any arguments, as the bytes say: the host says
//! what went wrong, if anything did, and goes on.
#![no_main]

use std::cell::OnceCell;

use host_sim::{Cluster, Direction, EventKind, GrpcUpstream, Host, Plugin};
use libfuzzer_sys::fuzz_target;

#[path = "../../host-sim/tests/host/hostile_guest.rs"]
mod hostile_guest;

thread_local! {
    static PLUGIN: OnceCell<Plugin> = const { OnceCell::new() };
}

/// The host calls of one callback.
const CHUNK_BYTES: usize = 8 * hostile_guest::CALL_BYTES;

/// What may be wrong with a guest that only does host calls.
const KNOWN: [&str; 2] = ["it ran for too long", "out of bounds memory access"];

fuzz_target!(|bytes: &[u8]| {
    let load = || Plugin::load(hostile_guest::wat().as_bytes()).expect("the guest is valid");
    let plugin = PLUGIN.with(|plugin| plugin.get_or_init(load).clone());
    let cluster = Cluster::grpc(GrpcUpstream::message(b"m"));
    let builder = Host::builder(plugin).cluster("svc", cluster).callback_fuel(500_000);
    let mut host = builder.start().expect("the guest starts");
    for (number, chunk) in bytes.chunks(CHUNK_BYTES).enumerate() {
        let headers = vec![(b":path".to_vec(), b"/".to_vec())];
        let stream = match number % 2 {
            0 => host.open_tcp(0, Default::default()),
            _ => host.open_http(0, Default::default(), headers, false),
        };
        let stream = stream.expect("there is a worker");
        host.send(stream, Direction::FromDownstream, chunk.to_vec(), false).expect("it is open");
        host.exchange(stream).expect("it is open");
    }
    host.advance(1_000_000_000).expect("time goes on");
    host.terminate();
    for event in host.timeline().iter() {
        if let EventKind::Trap { reason, .. } = &event.kind {
            assert!(KNOWN.iter().any(|known| reason.contains(known)), "{reason}");
        }
    }
});
