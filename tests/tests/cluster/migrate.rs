//! `fas migrate`: from a directory into a cluster and back, killed on the way, with the same answers
//! in all three places, and resends that are still known.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use flow_tests::front_end::FrontEnd;
use flow_tests::programs;
use flow_tests::redis_cluster::RedisCluster;

use crate::equality::{body, comparable, first_difference, reads, send, status_of};

const WRITES: usize = 12;

fn migrate(from: &str, to: &str) -> Command {
    let mut command = Command::new(programs::fas());
    command.args(["migrate", "--from", from, "--to", to]).stdin(Stdio::null());
    command
}

fn run(mut command: Command) -> Output {
    command.output().expect("fas can be started")
}

fn text(output: &Output) -> String {
    let both = [output.stdout.as_slice(), &output.stderr].concat();
    String::from_utf8_lossy(&both).into_owned()
}

fn start(name: &str, place: &str, directory: &Path) -> FrontEnd {
    let flag = if place.starts_with("redis") { "--store" } else { "--data" };
    FrontEnd::start(name, &[flag, place], directory)
}

#[test]
fn a_store_moves_up_and_back_with_all_that_it_knows() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let cluster = RedisCluster::start(3, 1);
    let place = |name: &str| directory.path().join(name).to_str().expect("text").to_owned();
    let places = [place("first"), cluster.url("moved"), place("back")];
    let mut first = start("fas-first", &places[0], directory.path());
    for write in 0..WRITES {
        let (path, body) = body(write);
        send(first.port(), path, &body);
    }
    let answers = |front_end: &FrontEnd| -> Vec<Vec<u8>> {
        let read = |(path, kind): (String, &str)| {
            let (status, answer) = front_end.get_as(&path, kind).expect("an answer");
            assert_eq!(status, 200, "{path}");
            comparable(&path, &answer)
        };
        reads().into_iter().map(read).collect()
    };
    let expected = answers(&first);
    first.kill();

    for pair in places.windows(2) {
        let [from, to] = pair else { unreachable!("windows of two") };
        // Killed three times, each time a little later.
        for milliseconds in [100, 300, 700] {
            let mut moving = migrate(from, to).stderr(Stdio::null()).spawn().expect("it starts");
            std::thread::sleep(Duration::from_millis(milliseconds));
            let _ = moving.kill();
            let _ = moving.wait();
        }
        let moved = run(migrate(from, to));
        // It may have been quick enough before, and then the place is full.
        let told = text(&moved);
        assert!(moved.status.success() || told.contains("is not empty"), "{told}");
        let again = run(migrate(from, to));
        assert!(!again.status.success() && text(&again).contains("is not empty"));
        let front_end = start("fas-moved", to, directory.path());
        for ((path, _), (found, expected)) in
            reads().into_iter().zip(answers(&front_end).iter().zip(&expected))
        {
            let difference = || first_difference(found, expected);
            assert!(found == expected, "{to}, {path} differs: {}", difference());
        }
    }
    let front_end = start("fas-back", &places[2], directory.path());
    let batch = (0..WRITES).map(body).find(|(path, _)| *path == "/v1/batches");
    let (path, batch) = batch.expect("some are batches");
    let (status, receipt) = status_of(front_end.port(), path, &batch);
    assert_eq!(status, 200, "{receipt}");
    assert!(receipt.contains("duplicate"), "{receipt}");
}

#[test]
fn what_cannot_be_moved_is_told() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let place = |name: &str| directory.path().join(name).to_str().expect("text").to_owned();
    let missing = run(migrate(&place("missing"), &place("to")));
    assert!(!missing.status.success(), "{}", text(&missing));
    assert!(!Path::new(&place("missing")).exists(), "a source is not made");
    let wrong = run(migrate("http://h", &place("to")));
    assert!(text(&wrong).contains("--from is"), "{}", text(&wrong));
}
