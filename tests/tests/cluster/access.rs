//! Who gets into the cluster: users, passwords and certificates.

use std::path::Path;

use flow_tests::front_end::FrontEnd;
use flow_tests::ports::free_port;
use flow_tests::programs;
use flow_tests::redis_cluster::RedisCluster;
use flow_tests::security::Security;

/// What `fas serve` says when it does not start with these arguments.
fn refusal(arguments: &[&str]) -> String {
    let mut command = std::process::Command::new(programs::fas());
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments);
    let output = command.output().expect("fas can be started");
    assert!(!output.status.success(), "it starts");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn works(name: &str, arguments: &[&str], directory: &Path) {
    let front_end = FrontEnd::start(name, arguments, directory);
    let agent = flow_tests::client::agent(std::time::Duration::from_secs(10));
    let flow = "[{\"src_app\":\"a\",\"dest_app\":\"b\",\"vpc_id\":\"v\",\"hour\":1,\"bytes_tx\":1,\
                \"bytes_rx\":1}]";
    let request = agent.post(format!("http://127.0.0.1:{}/flows", front_end.port()));
    let answer = request.header("content-type", "application/json").send(flow);
    assert_eq!(answer.expect("an answer").status(), 200, "{}", front_end.log());
    assert_eq!(front_end.get("/v1/flows?hour=1").expect("an answer").0, 200);
}

#[test]
fn a_password_and_a_user_are_shown_to_the_cluster() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let cluster = RedisCluster::start(1, 0);
    let users: [&[&str]; 2] = [
        &["flows", "on", ">p@ss", "~{access*", "&*", "+@all", "-@dangerous", "+info", "+role"],
        &["default", "off"],
    ];
    for user in users {
        let mut command = redis::cmd("ACL");
        command.arg("SETUSER").arg(user);
        cluster.try_ask(0, command).expect("a user can be made");
    }
    let with =
        |credentials: &str| format!("redis://{credentials}@127.0.0.1:{}/access", cluster.port(0));
    let file = directory.path().join("password");
    std::fs::write(&file, "p@ss\n").expect("a file can be written");
    let file = file.to_str().expect("a path is text");
    works("fas-url", &["--store", &with("flows:p%40ss")], directory.path());
    let from_file = ["--store", &with("flows:"), "--store-password-file", file];
    works("fas-file", &from_file, directory.path());
    let told = refusal(&["--store", &with("flows:wrong")]);
    assert!(told.contains("authentication failed"), "{told}");
    assert!(!told.contains("flows:wrong"), "no password is told: {told}");
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let ours = directory.path().join("ours");
    std::fs::create_dir(&ours).expect("a directory can be made");
    let _security = Security::new(&ours);
    let path = |name: &str| ours.join(name).to_str().expect("a path is text").to_owned();
    let port = free_port().to_string();
    let (certificate, key, authority) = (path("fas.pem"), path("fas.key"), path("ca.pem"));
    let _cluster = RedisCluster::start_with(
        1,
        0,
        &[
            "--tls-port",
            &port,
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &authority,
            "--tls-auth-clients",
            "no",
            "--tls-cluster",
            "yes",
        ],
    );
    let url = format!("rediss://127.0.0.1:{port}/access");
    works("fas-tls", &["--store", &url, "--store-ca", &authority], directory.path());
    let told = refusal(&["--store", &url]);
    assert!(told.contains("certificate"), "{told}");
    let plain = refusal(&["--store", &format!("redis://127.0.0.1:{port}/access")]);
    assert!(plain.starts_with("fas: cannot open redis://"), "{plain}");
}
