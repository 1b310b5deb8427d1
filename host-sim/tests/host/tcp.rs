//! TCP connections: what the guest holds back, changes and closes, and what comes out behind it.

use host_sim::{Direction, FailurePolicy, Host, Peer, StreamId};

use crate::guest::{guest, host, worker_lines};

const SECOND: u64 = 1_000_000_000;

fn down(host: &mut Host, id: StreamId, text: &str) {
    host.send(id, Direction::FromDownstream, text.into(), false).unwrap();
}

fn request(host: &mut Host, id: StreamId) -> String {
    String::from_utf8(host.exchange(id).unwrap().request.body).unwrap()
}

#[test]
fn held_data_can_be_changed_and_let_go_by_the_root() {
    let mut host = host(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
             (drop (call $set_tick (i32.const 1000))) (i32.const 1))
           (func (export "proxy_on_tick") (param i32)
             (if (call $set_effective (i32.const 2)) (then (return)))
             (call $say #"upstream" (call $resume (i32.const 3)))
             (call $say #"resume" (call $resume (i32.const 2))))
           (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
             (call $say #"sees" (local.get 1))
             (call $say #"set" (call $set_buffer (i32.const 2) (i32.const 0) (i32.const 0) #"<"))
             (i32.const 1))
           (func (export "proxy_on_upstream_data") (param i32 i32 i32) (result i32)
             (drop (call $set_buffer (i32.const 3) (i32.const 0) (local.get 1) #"changed"))
             (i32.const 0))"#,
    );
    let id = host.open_tcp(0, Default::default()).unwrap();
    down(&mut host, id, "ab");
    down(&mut host, id, "c");
    assert_eq!(request(&mut host, id), "");
    host.advance(SECOND).unwrap();
    let expected = ["sees 2", "set 0", "sees 4", "set 0", "upstream 12", "resume 0"];
    assert_eq!(worker_lines(&host), expected);
    assert_eq!(request(&mut host, id), "<<abc");
    host.send(id, Direction::FromUpstream, b"plain".to_vec(), true).unwrap();
    let response = host.exchange(id).unwrap().response;
    assert_eq!((response.body, response.complete), (b"changed".to_vec(), true));
}

#[test]
fn a_connection_that_the_guest_closes_ends_at_once() {
    for half in [2, 3] {
        let mut host = host(&format!(
            r#"(func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
                 (call $say #"close" (call $close (i32.const {half}))) (i32.const 0))
               (func (export "proxy_on_downstream_connection_close") (param i32 i32)
                 (call $say #"closed by" (local.get 1)))
               (func (export "proxy_on_done") (param i32) (result i32) (call $tell #"done") (i32.const 1))
               (func (export "proxy_on_log") (param i32) (call $tell #"log"))
               (func (export "proxy_on_delete") (param i32) (call $tell #"delete"))"#
        ));
        let id = host.open_tcp(0, Default::default()).unwrap();
        down(&mut host, id, "ab");
        // Measured with Envoy 1.40: 1 is the proxy itself.
        let expected = ["close 0", "closed by 1", "done", "log", "delete"];
        assert_eq!(worker_lines(&host), expected);
        down(&mut host, id, "more");
        assert!(host.exchange(id).unwrap().reset);
        host.close_tcp(id, Peer::Remote).unwrap();
        assert_eq!(worker_lines(&host), expected);
    }
}

#[test]
fn a_connection_whose_guest_fails_is_closed_and_the_next_may_pass_by() {
    let fragile = r#"
        (func (export "proxy_on_downstream_data") (param i32 i32 i32) (result i32)
          (if (i32.gt_u (local.get 1) (i32.const 2)) (then (unreachable))) (i32.const 1))"#;
    for (policy, reset, body) in
        [(FailurePolicy::FailClosed, true, ""), (FailurePolicy::FailOpen, false, "abcd")]
    {
        let builder = Host::builder(guest(fragile)).failure_policy(policy);
        let mut host = builder.start().unwrap();
        let id = host.open_tcp(0, Default::default()).unwrap();
        for text in ["ab", "c", "d"] {
            down(&mut host, id, text);
        }
        assert!(host.exchange(id).unwrap().reset, "whatever the policy");
        assert_eq!(request(&mut host, id), "");
        let next = host.open_tcp(0, Default::default()).unwrap();
        down(&mut host, next, "abcd");
        assert_eq!(host.exchange(next).unwrap().reset, reset);
        assert_eq!(request(&mut host, next), body);
    }
}
