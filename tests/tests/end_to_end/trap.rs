//! The VM of one of Envoy's threads traps, under the policy that loads the filter anew. What the
//! aggregator does not get is reported as lost, to the byte.
//!
//! The filter that ships does not trap: these run a copy that does when it is told to.

use flow_tests::client::HttpClient;
use flow_tests::deadline::{wait_for, wait_until};
use flow_tests::trapping::MAX_HEADERS;
use flow_tests::{Bytes, Mesh, Totals};

const TRAP: usize = MAX_HEADERS as usize + 20;

#[test]
fn a_trap_on_the_only_worker_takes_along_what_is_reported_as_lost() {
    let mut mesh = Mesh::plan().trapping().start();
    let client = mesh.http();
    let mut connection = mesh.tcp();
    let delivered = totals(client.get(10_000), connection.exchange(500, 700));
    mesh.fas().wait_for_totals(&delivered);
    let before = mesh.fas().instances("frontend").expect("instances");

    // What cannot be delivered is in a batch, in the table, and in a connection.
    mesh.fas_mut().stop();
    let mut gone = client.get(20_000) + connection.exchange(60, 70);
    wait_for_failed_push(&mesh);
    gone += client.post(3_000) + connection.exchange(80, 90);
    wait_until_counted(&mesh, delivered.sum() + gone);
    trap(&client);
    assert_eq!(connection.try_exchange(1, 1), None, "Envoy 1.40 breaks what was in the VM");

    // New streams find a new VM at once.
    let after = totals(client.get(1_000) + mesh.http().post(2_000), mesh.tcp().exchange(3, 4));
    mesh.fas_mut().restart();
    let lost_bytes = wait_for_loss(&mesh, before.len());
    assert_eq!(lost_bytes, gone.tx + gone.rx);
    let expected = sum(&delivered, &after);
    mesh.fas().wait_for_totals(&expected);
    assert_eq!(mesh.frontend().counter("wasm.flow_filter.vm_reload_backoff"), 0);
    assert!(mesh.frontend().log().contains(&format!(" {lost_bytes} bytes that it had not")));
    mesh.ends_with(&expected);
}

#[test]
fn a_trap_on_one_of_four_workers_leaves_the_others_alone() {
    let mut mesh = Mesh::plan().trapping().workers(4).start();
    let client = mesh.http();
    let mut connections: Vec<_> = (0..16).map(|_| mesh.tcp()).collect();
    let mut exchange = |size| connections.iter_mut().map(|c| c.exchange(size, 100)).sum::<Bytes>();
    let (mut http, mut tcp) = (client.get(10_000), exchange(10));
    mesh.fas().wait_for_totals(&totals(http, tcp));
    let before = mesh.fas().instances("frontend").expect("instances");

    mesh.fas_mut().stop();
    let gone = client.get(20_000);
    http += gone;
    tcp += exchange(20);
    wait_for_failed_push(&mesh);
    wait_until_counted(&mesh, http + tcp);
    trap(&client);
    http += client.get(1_000);
    let survivors: Vec<Bytes> =
        connections.iter_mut().filter_map(|c| c.try_exchange(30, 1_000)).collect();
    assert!(!survivors.is_empty(), "one thread has got all connections");
    tcp += survivors.into_iter().sum();
    tcp += (0..16).map(|_| mesh.tcp().exchange(1, 2)).sum();

    mesh.fas_mut().restart();
    let lost_bytes = wait_for_loss(&mesh, before.len());
    assert!(lost_bytes >= gone.tx + gone.rx, "{lost_bytes}, {gone:?}");
    wait_for_all_but(&mesh, http + tcp, lost_bytes);
    mesh.frontend_mut().stop();
    wait_for_all_but(&mesh, http + tcp, lost_bytes);
}

#[test]
fn a_batch_that_was_in_the_air_counts_as_lost_although_it_arrived() {
    // Longer than it takes to trap the VM after the aggregator has applied the batch.
    const LATE_MS: u64 = 4_000;
    let mesh = Mesh::plan().trapping().with_relay().start();
    let client = mesh.http();
    mesh.relay().delay_answers(LATE_MS);
    let sent = client.get(10_000);
    wait_for("the batch to arrive", || {
        let sum = mesh.fas().totals()?.sum();
        if sum == sent { Ok(()) } else { Err(format!("{sum:?}")) }
    });
    trap(&client);
    mesh.relay().delay_answers(0);
    wait_until_loaded(&client);
    let after = client.get(500);
    assert_eq!(wait_for_loss(&mesh, 1), sent.tx + sent.rx);
    // Nothing is counted twice: the loss is what is said too much.
    mesh.ends_with(&Totals::of([("frontend", "backend", sent + after)]));
}

#[test]
fn traps_in_a_row_are_each_reported_once() {
    const TRAPS: usize = 4;
    let mut mesh = Mesh::plan().trapping().start();
    let client = mesh.http();
    let mut sent = client.get(10_000);
    mesh.fas().wait_for_sum(sent);
    let before = mesh.fas().instances("frontend").expect("instances");
    mesh.fas_mut().stop();
    for size in 1..=TRAPS {
        sent += client.get(100 * size);
        wait_until_counted(&mesh, sent);
        trap(&client);
        wait_until_loaded(&client);
    }
    sent += client.get(7);
    mesh.fas_mut().restart();
    let all = 100 * (1..=TRAPS).sum::<usize>() as u64;
    wait_for("all of the loss to be reported", || {
        let lost_bytes = reported_loss(&mesh)?;
        if lost_bytes == all { Ok(()) } else { Err(format!("{lost_bytes} of {all}")) }
    });
    let after = mesh.fas().instances("frontend").expect("instances");
    assert!(after.len() > before.len(), "{after:?}");
    wait_for_all_but(&mesh, sent, all);
    mesh.frontend_mut().stop();
    wait_for_all_but(&mesh, sent, all);
    assert_eq!(reported_loss(&mesh), Ok(all));
}

/// Has the VM of the thread that has the client's connection trap. The request breaks with it.
fn trap(client: &HttpClient) {
    assert_eq!(client.get_headers(TRAP), 503, "the VM has not trapped");
}

/// Waits until Envoy takes requests again: it refuses all if it has loaded the filter not long ago.
fn wait_until_loaded(client: &HttpClient) {
    wait_until("the filter to be loaded", || client.get_headers(0) == 200);
}

/// Waits until a push has failed, which is at least an interval after Envoy's start: so long that
/// it loads the filter again at once.
fn wait_for_failed_push(mesh: &Mesh) {
    let retried = || mesh.frontend().counter("wasmcustom.flow_filter_batches_retried");
    wait_until("a push to fail", || retried() > 0);
}

/// Waits until ticks have seen these bytes, which also wrote down what is not delivered of them.
fn wait_until_counted(mesh: &Mesh, bytes: Bytes) {
    let counted = || mesh.frontend().counter("wasmcustom.flow_filter_bytes");
    wait_until("the bytes to be counted", || counted() == bytes.tx + bytes.rx);
}

/// Waits until there are more instances than there were, and one has reported a loss. It is in
/// Envoy's statistics, too.
fn wait_for_loss(mesh: &Mesh, instances: usize) -> u64 {
    let lost_bytes = wait_for("a loss to be reported", || {
        let told = mesh.fas().instances("frontend")?;
        let lost_bytes = told.values().sum();
        if lost_bytes > 0 && told.len() > instances {
            Ok(lost_bytes)
        } else {
            Err(format!("{told:?}"))
        }
    });
    assert_eq!(mesh.frontend().counter("wasmcustom.flow_filter_lost_bytes"), lost_bytes);
    lost_bytes
}

fn reported_loss(mesh: &Mesh) -> Result<u64, String> {
    Ok(mesh.fas().instances("frontend")?.values().sum())
}

/// Waits until the aggregator has all bytes but the lost ones.
fn wait_for_all_but(mesh: &Mesh, sent: Bytes, lost_bytes: u64) {
    wait_for(&format!("{sent:?} but {lost_bytes}"), || {
        let sum = mesh.fas().totals()?.sum();
        let is_all = sum.tx + sum.rx + lost_bytes == sent.tx + sent.rx;
        if is_all { Ok(()) } else { Err(format!("{sum:?}")) }
    });
}

fn totals(http: Bytes, tcp: Bytes) -> Totals {
    Totals::of([("frontend", "backend", http), ("frontend", "backend-tcp", tcp)])
}

fn sum(one: &Totals, other: &Totals) -> Totals {
    let mut sum = one.clone();
    other.0.iter().for_each(|(key, bytes)| sum.add(key.clone(), *bytes));
    sum
}
