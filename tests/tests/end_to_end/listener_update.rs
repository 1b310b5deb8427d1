//! A listener is changed: the filter of the old one hands over what it has before it goes. Pushes
//! are an hour apart here, so that it is the end that brings the bytes, and nothing else.

use flow_tests::deadline::wait_until;
use flow_tests::{Mesh, Totals};

const HOUR_MS: u32 = 3_600_000;

#[test]
fn listeners_that_are_changed_lose_nothing() {
    let mesh = Mesh::plan().with_dynamic_listeners().push_interval_ms(HOUR_MS).workers(2).start();
    let client = mesh.http();
    let mut http = client.get(10_000) + client.upload(3_000);
    let mut connection = mesh.tcp();
    let mut tcp = connection.exchange(500, 700);

    // The configuration of the filters changes with it, so that they get new roots.
    for (old, new) in [("3600000", "3599999"), ("3599999", "3599998")] {
        mesh.frontend().listeners().change(old, new);
        let changed = || mesh.frontend().admin("/config_dump").contains(new);
        wait_until("the change", changed);
        // What goes on while the old listener drains.
        http += mesh.http().get(1_000);
        tcp += mesh.tcp().exchange(10, 20);
        drop(connection);
        connection = mesh.tcp();
        tcp += connection.exchange(1, 2);
    }
    mesh.frontend().listeners().change("3599998", "3599997");
    drop(connection);
    mesh.ends_with(&Totals::of([("frontend", "backend", http), ("frontend", "backend-tcp", tcp)]));
}
