//! A part of the cluster that is too small to go on: front ends that see nothing else refuse
//! writes, say why, and go on by themselves when the others are back.

use std::sync::atomic::Ordering;

use flow_tests::deadline::{wait_for, wait_until};
use flow_tests::front_end::FrontEnd;
use flow_tests::redis_cluster::RedisCluster;

use crate::load::{Load, assert_exact};
use crate::outage::{assert_refused_in_time, readiness, wait_for_reason};

/// One primary and its replica are left of three each.
const CUT_OFF: [usize; 4] = [1, 2, 4, 5];

#[test]
fn a_minority_refuses_and_goes_on_by_itself() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let cluster = RedisCluster::start(3, 1);
    let url = cluster.url("partition");
    let start =
        |n: usize| FrontEnd::start(&format!("fas-{n}"), &["--store", &url], directory.path());
    let front_ends: Vec<FrontEnd> = (0..2).map(start).collect();
    let ports: Vec<u16> = front_ends.iter().map(FrontEnd::port).collect();
    let load = Load::start(1, &ports, 6, 2);
    let acknowledged = || load.acknowledged.load(Ordering::Relaxed);
    for _ in 0..2 {
        let before = acknowledged();
        wait_until("writes to go on", || acknowledged() > before + 200);
        CUT_OFF.iter().for_each(|at| cluster.pause(*at));
        for front_end in &front_ends {
            wait_for_reason(front_end, "the cluster is down");
            // Whatever its shard is.
            for src_app in ["a", "b", "c", "d"] {
                assert_refused_in_time(front_end, src_app);
            }
        }
        CUT_OFF.iter().for_each(|at| cluster.resume(*at));
        cluster.wait_until_whole();
        for front_end in &front_ends {
            wait_for("readiness", || readiness(front_end));
        }
    }
    let before = acknowledged();
    wait_until("writes to go on", || acknowledged() > before + 200);
    let expected = load.finish();
    for front_end in &front_ends {
        assert_exact(front_end, &expected, "after two partitions");
    }
}
