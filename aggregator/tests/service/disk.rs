//! A disk that is full, and one that cannot be written: real ones, in a mount namespace of their
//! own, which takes root.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::fas::{Fas, command, directory, until};

/// A small file system of its own, which goes with the value.
struct Disk {
    holder: Child,
    path: tempfile::TempDir,
}

impl Disk {
    /// Makes one; none where that is not allowed.
    fn new(options: &str) -> Option<Self> {
        let path = directory();
        let script = "mount -t tmpfs -o \"$1\" none \"$2\" && echo ready && exec sleep 300";
        let mut holder = Command::new("unshare")
            .args(["--mount", "sh", "-c", script, "sh", options])
            .arg(path.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take()?).read_line(&mut line).ok()?;
        let disk = Self { holder, path };
        (line == "ready\n").then_some(disk)
    }

    /// A command that sees the disk.
    fn inside(&self, arguments: &[&str]) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["--mount", "--target", &self.holder.id().to_string()]);
        inside.args(arguments).stdin(Stdio::null()).stderr(Stdio::piped());
        inside
    }

    fn serve(&self) -> Command {
        let fas = command(&[]);
        let data = self.path.path().join("data");
        let mut serve = self.inside(&[fas.get_program().to_str().unwrap()]);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        serve
    }

    fn resize(&self, options: &str) {
        let path = self.path.path().to_str().unwrap().to_owned();
        let mount = ["mount", "-o", options, "none", &path];
        assert!(self.inside(&mount).status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

fn flows(n: u64) -> String {
    let flow = |k: u64| {
        json!({"src_app": format!("app-{n}-{k}-{}", "x".repeat(200)), "dest_app": "d",
               "vpc_id": "v", "bytes_tx": 1, "bytes_rx": 1, "hour": 1})
    };
    json!((0..500).map(flow).collect::<Vec<_>>()).to_string()
}

#[test]
fn a_full_disk_refuses_writes_and_loses_nothing() {
    let Some(disk) = Disk::new("size=40m") else {
        println!("skipped: no mount namespace can be made here; it takes root");
        return;
    };
    let mut fas = Fas::launch(&mut disk.serve());
    let mut acknowledged = 0;
    let refused = loop {
        let answer = fas.post("/flows", flows(acknowledged));
        if answer.status != 200 {
            break answer;
        }
        acknowledged += 1;
        assert!(acknowledged < 10_000, "the disk is never full");
    };
    assert_eq!((refused.status, refused.content_type.as_str()), (503, "application/problem+json"));
    assert!(!refused.body.contains("data"), "what is for the operator is in the log");
    until("it says that it is not ready", || fas.get("/readyz").status == 503);
    let sum = |fas: &Fas| -> u64 {
        fas.flows(1).iter().map(|flow| flow["bytes_tx"].as_u64().unwrap()).sum()
    };
    assert_eq!(sum(&fas), acknowledged * 500, "reads go on");
    fas.kill();
    disk.resize("remount,size=400m");
    let fas = Fas::launch(&mut disk.serve());
    // The write that was refused may be whole on disk or not at all.
    let found = sum(&fas);
    assert!([acknowledged * 500, (acknowledged + 1) * 500].contains(&found), "{found}");
    assert_eq!(fas.post("/flows", flows(acknowledged + 1)).status, 200, "with space it goes on");
}

#[test]
fn a_disk_that_cannot_be_written_is_an_error_that_names_it() {
    let Some(disk) = Disk::new("ro") else {
        println!("skipped: no mount namespace can be made here; it takes root");
        return;
    };
    let output = disk.serve().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot open") && said.contains("Read-only"), "{said}");
}
