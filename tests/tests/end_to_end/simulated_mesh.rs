//! A mesh of simulated sidecars, `host-sim mesh`, against a real aggregator: what moved is what the
//! read API says, and where it is not, the simulator finds it.

use std::process::Command;
use std::sync::Arc;
use std::thread;

use flow_tests::deadline::wait_until;
use flow_tests::fas::Fas;
use flow_tests::liar::Liar;
use flow_tests::ports::free_port;
use flow_tests::programs;
use flow_tests::relay::Relay;
use flow_tests::security::Security;
use serde_json::Value;
use tempfile::TempDir;

/// Runs a mesh; gives its exit code, and what it printed as JSON or as its error.
fn mesh(aggregator: &str, arguments: &[&str]) -> (Option<i32>, Value) {
    let mut simulator = Command::new(programs::host_sim());
    simulator.arg("mesh").arg("--plugin").arg(programs::filter());
    simulator.args(["--aggregator", aggregator, "--json"]).args(arguments);
    let output = simulator.output().expect("the simulator can be started");
    let printed = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    println!("{arguments:?}: {printed}{error}");
    (output.status.code(), serde_json::from_str(&printed).unwrap_or(Value::from(&*error)))
}

/// The same against a fresh aggregator, which is given too.
fn mesh_of_its_own(arguments: &[&str]) -> (Option<i32>, Value, Value) {
    let directory = TempDir::new().expect("a directory can be made");
    let fas = Fas::start(free_port(), directory.path());
    let (code, document) = mesh(&fas.url(), arguments);
    let flows = fas.by_hour().expect("the aggregator can be read");
    let sums: Vec<Value> = flows
        .values()
        .map(|totals| serde_json::json!([totals.0.len(), totals.sum().tx, totals.sum().rx]))
        .collect();
    (code, document, Value::from(sums))
}

#[test]
fn a_mesh_of_200_sidecars_is_counted_to_the_byte_over_three_hours() {
    let mesh = "--sidecars 200 --apps 20 --duration 3h --seed 7 --outage 50m+15m --parallel 2 \
        --killed 0.1 --terminated 0.1 --drained 0.1 --exchanges-per-hour 60 --push-interval 15s";
    let arguments: Vec<&str> = mesh.split_whitespace().collect();
    let (code, document, hours) = mesh_of_its_own(&arguments);
    assert_eq!((code, &document["equal"]), (Some(0), &Value::Bool(true)));
    assert_eq!(document["accepted"], document["received"]);
    // It was a mesh to speak of: over hours, with all that can happen.
    assert_eq!(hours.as_array().map(Vec::len), Some(4), "{hours}");
    let number = |name: &str| document["counts"][name].as_u64().unwrap_or_default();
    for count in [
        "requests",
        "connections",
        "kills_with_loss",
        "vms_terminated",
        "vms_drained",
        "partitions",
        "left_behind",
        "faults",
    ] {
        assert!(number(count) > 0, "{count}");
    }
    assert_eq!((number("failures"), number("left_behind_refused")), (0, 0));
    let bytes = |name: &str, field: &str| document[name][field].as_u64().unwrap_or_default();
    for field in ["bytes_tx", "bytes_rx"] {
        assert!(bytes("killed", field) > 0, "{field}");
        let left = bytes("moved", field) - bytes("killed", field);
        assert_eq!(left, bytes("received", field), "{field}");
    }
}

#[test]
fn an_aggregator_that_loses_a_batch_or_makes_bytes_up_is_found_out() {
    let directory = TempDir::new().expect("a directory can be made");
    let fas = Fas::start(free_port(), directory.path());
    let liar = Liar::before(fas.url());
    let arguments = ["--sidecars", "10", "--apps", "5", "--duration", "10m", "--killed", "0"];
    let (code, document) = mesh(&liar.url(), &arguments);
    assert_eq!(liar.lies(), 2, "there were batches to lie about");
    assert_eq!((code, &document["equal"]), (Some(1), &Value::Bool(false)));
    let differences = document["differences"].as_array().expect("differences are listed");
    let of = |cause: &str| -> Vec<&Value> {
        differences.iter().filter(|difference| difference["cause"] == cause).collect()
    };
    assert!(!of("receiver_lacks").is_empty(), "{differences:?}");
    let more = of("receiver_has_more");
    assert_eq!(more.len(), 1, "{more:?}");
    assert_eq!((&more[0]["bytes_tx"], &more[0]["bytes_rx"]), (&1.into(), &0.into()));
    assert_eq!(differences.len(), of("receiver_lacks").len() + 1, "{differences:?}");
}

#[test]
fn a_seed_gives_one_mesh_however_many_threads_run_it() {
    let run = |seed: &str, more: &[&str]| {
        let arguments = ["--sidecars", "40", "--apps", "8", "--duration", "40m", "--seed", seed];
        let (code, document, hours) = mesh_of_its_own(&[&arguments, more].concat());
        assert_eq!(code, Some(0));
        (document["counts"].clone(), document["moved"].clone(), document["killed"].clone(), hours)
    };
    let first = run("5", &["--killed", "1"]);
    assert_eq!(first, run("5", &["--killed", "1", "--parallel", "3", "--connections", "2"]));
    assert_ne!(first.1, run("6", &["--killed", "1"]).1);
}

#[test]
fn what_cannot_be_carried_out_says_why() {
    let directory = TempDir::new().expect("a directory can be made");
    let fas = Fas::start(free_port(), directory.path());
    let small = ["--sidecars", "2", "--apps", "2", "--duration", "5m"];
    assert_eq!(mesh(&fas.url(), &small).0, Some(0));
    // It has rows now, of which nobody could tell which are new.
    let nowhere = "http://127.0.0.1:1";
    for (aggregator, arguments, reason) in [
        (fas.url().as_str(), &small[..], "it must be a fresh one"),
        (nowhere, &small, "the receiver cannot be read"),
        (nowhere, &["--sidecars", "1"], "apps: 20 are more than the 1 sidecars"),
        (nowhere, &["--sidecars", "30001"], "30001 is not between 1 and 30000"),
        (nowhere, &["--apps", "1"], "1 is not between 2 and 10000"),
        (nowhere, &["--loss", "1.5"], "loss is not between 0 and 1"),
        (nowhere, &["--killed=-1"], "killed is not a finite number"),
        (nowhere, &["--rate", "0"], "pushes per second must be more than 0"),
    ] {
        let (code, error) = mesh(aggregator, arguments);
        let error = error.as_str().unwrap_or_default();
        assert!(code == Some(2) && error.contains(reason), "{arguments:?}: {code:?} {error}");
    }
}

#[test]
fn aggregators_that_are_killed_and_come_back_have_all_in_the_end() {
    let directory = TempDir::new().expect("a directory can be made");
    let mut fas = Fas::start(free_port(), directory.path());
    let relay = Relay::start(free_port(), fas.port());
    let aggregators = format!("{},http://127.0.0.1:{}", fas.url(), relay.port());
    // Nothing goes wrong but for the aggregators, and 200 pushes a second leave time for it.
    let arguments = "--sidecars 40 --apps 8 --duration 1h --killed 0 --loss 0 --duplication 0 --reset 0 \
        --partitions 0 --terminated 1 --rate 200 --push-timeout 5s --patience 60s";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    let (code, document) = thread::scope(|scope| {
        let run = scope.spawn(|| mesh(&aggregators, &arguments));
        let moved =
            |fas: &Fas| fas.by_hour().map(|hours| hours.values().map(|it| it.sum().tx).sum());
        let mut last: u64 = 0;
        for _ in 0..3 {
            wait_until("more to arrive", || moved(&fas).is_ok_and(|bytes: u64| bytes > last));
            last = moved(&fas).expect("the aggregator can be read");
            fas.kill();
            fas.restart();
            assert!(!run.is_finished(), "it was killed while pushes were under way");
        }
        run.join().expect("the mesh ends")
    });
    assert_eq!((code, &document["equal"]), (Some(0), &Value::Bool(true)));
    let count = |name: &str| document["counts"][name].as_u64().unwrap_or_default();
    assert!(count("pushes_without_receipt") > 0, "no push has met an aggregator that was away");
    assert_eq!(document["moved"], document["received"]);
}

#[test]
fn a_mesh_shows_its_certificate_and_its_token() {
    let directory = TempDir::new().expect("a directory can be made");
    let security = Arc::new(Security::new(directory.path()));
    let fas = Fas::start_with(free_port(), directory.path(), Some(Arc::clone(&security)));
    let file = |name: &str| directory.path().join(name).display().to_string();
    let (ca, cert, key) = (file("ca.pem"), file("operator.pem"), file("operator.key"));
    let token = file("mesh.token");
    std::fs::write(&token, security.authorization().trim_start_matches("Bearer "))
        .expect("a file can be written");
    let size = ["--sidecars", "10", "--apps", "5", "--duration", "10m"];
    let certified = ["--ca-file", &ca, "--cert-file", &cert, "--key-file", &key];
    for (arguments, reason) in [
        (&[][..], "needs the certificates of its authority"),
        (&["--ca-file", &cert], "/v1/hours"),
        (&["--ca-file", &ca], "/v1/hours"),
        (&certified, "/v1/hours: 401"),
    ] {
        let (code, error) = mesh(&fas.url(), &[&size, arguments].concat());
        let error = error.as_str().unwrap_or_default();
        assert!(code == Some(2) && error.contains(reason), "{arguments:?}: {code:?} {error}");
    }
    let arguments = [&size[..], &certified, &["--token-file", &token]].concat();
    let (code, document) = mesh(&fas.url(), &arguments);
    assert_eq!((code, &document["equal"]), (Some(0), &Value::Bool(true)));
    assert_eq!(document["counts"]["left_behind_refused"], 0);
    assert!(document["received"]["rows"].as_u64() > Some(0));
}
