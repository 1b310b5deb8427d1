//! `cargo xtask dist`: a release in one file, and its checksum.
//!
//! The same sources, tools and target are meant to make the same file: names are sorted, times and owners
//! fixed, and the programs do not hold where and when they were built.

mod content;
mod licences;
mod sbom;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use self::content::Content;
use crate::book::Documentation;
use crate::command;
use crate::dashboard::Dashboard;
use crate::failure::{Doing, Failure, Result};
use crate::plugin;
use crate::say;
use crate::workspace::Workspace;

/// The profile of a release.
pub const RELEASE: &str = "release";

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The time of all that is in it, in seconds since 1970, unless `SOURCE_DATE_EPOCH` says another: some
/// programs take 0 for none.
const TIME: &str = "1";

/// The file in which the others' checksums are.
const CHECKSUMS: &str = "SHA256SUMS";

/// Builds in a profile, packs, and tries what was packed; returns where it is.
pub fn build(workspace: &Workspace, profile: &str) -> Result<PathBuf> {
    let target = command::read(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let filter = plugin::build(workspace)?;
    let dashboard = Dashboard::build(workspace)?;
    let documentation = Documentation::find(workspace)?;
    let programs = say::step("fas and host-sim", || programs(workspace, &target, profile))?;
    let name = format!("fas-{VERSION}-{target}");
    let home = workspace.root().join("target/dist");
    let folder = home.join(&name);
    say::step("what else is in a release", || {
        if home.exists() {
            fs::remove_dir_all(&home).doing(home.display())?;
        }
        let target = target.as_str();
        Content { workspace, target, programs: &programs, filter: &filter, dashboard: &dashboard }
            .put(&folder)?;
        documentation.put(&folder)
    })?;
    say::step(&format!("{name}.tar.gz"), || {
        write_checksums(&folder)?;
        let archive = home.join(format!("{name}.tar.gz"));
        pack(&folder, &archive)?;
        write_checksums_of(&home, std::slice::from_ref(&archive))?;
        try_out(&archive, &name)?;
        let size_bytes = fs::metadata(&archive).doing(archive.display())?.len();
        say::detail(format_args!("{} ({size_bytes} bytes)", archive.display()));
        Ok(archive)
    })
}

/// Builds the programs, and gives their folder. With a target they lie apart from those of `bench`, whose
/// flags are others.
fn programs(workspace: &Workspace, target: &str, profile: &str) -> Result<PathBuf> {
    let mut build = workspace.cargo("build");
    build.args(["--locked", "--profile", profile, "--target", target, "--bins"]);
    build.args(["--package", "aggregator", "--package", "host-sim"]);
    build.env("RUSTFLAGS", workspace.flags_without_paths()?).env_remove("CARGO_ENCODED_RUSTFLAGS");
    // What is written in C holds the time at which it was built, unless it is given one.
    build.env("SOURCE_DATE_EPOCH", time());
    // Names of functions hold numbers that depend on where they were built.
    build.arg("--config").arg(format!("profile.{profile}.strip=\"symbols\""));
    command::run(&mut build)?;
    // The profile `dev` has another folder than its name, for historical reasons.
    let folder = if profile == "dev" { "debug" } else { profile };
    Ok(workspace.target().join(target).join(folder))
}

/// Writes the checksums of all files in a folder into it.
fn write_checksums(folder: &Path) -> Result<()> {
    let mut files = Vec::new();
    content::each_file(folder, &mut |file| files.push(file.to_owned()))?;
    write_checksums_of(folder, &files)
}

/// Writes the checksums of files below a folder into it, by their paths from there.
fn write_checksums_of(folder: &Path, files: &[PathBuf]) -> Result<()> {
    let mut names: Vec<&Path> =
        files.iter().filter_map(|file| file.strip_prefix(folder).ok()).collect();
    names.sort();
    let sums = command::read(Command::new("sha256sum").current_dir(folder).args(&names))?;
    let path = folder.join(CHECKSUMS);
    fs::write(&path, sums + "\n").doing(path.display())
}

fn pack(folder: &Path, archive: &Path) -> Result<()> {
    let home = folder.parent().ok_or_else(|| Failure::new("a release has no folder"))?;
    let name = folder.file_name().unwrap_or_default();
    let mut tar = Command::new("tar");
    tar.args(["--create", "--format=ustar", "--sort=name", "--owner=0", "--group=0"]);
    tar.args(["--numeric-owner", "--mode=u=rwX,go=rX", "--use-compress-program=gzip -n -9"]);
    tar.arg(format!("--mtime=@{}", time())).arg("--file").arg(archive).arg("--directory").arg(home);
    command::run(tar.arg(name))
}

/// Unpacks it elsewhere, compares the checksums, and starts the programs.
fn try_out(archive: &Path, name: &str) -> Result<()> {
    let place = archive.with_file_name("tried");
    fs::create_dir_all(&place).doing(place.display())?;
    let unpacked = place.join(name);
    command::run(
        Command::new("tar")
            .arg("--extract")
            .arg("--file")
            .arg(archive)
            .arg("--directory")
            .arg(&place),
    )?;
    let mut check = Command::new("sha256sum");
    command::run(check.current_dir(&unpacked).args(["--check", "--quiet", CHECKSUMS]))?;
    for program in ["fas", "host-sim"] {
        let told =
            command::read(Command::new(unpacked.join("bin").join(program)).arg("--version"))?;
        if !told.ends_with(VERSION) {
            return Err(Failure::new(format!("{program} of the release says `{told}`")));
        }
    }
    let mut inspect = Command::new(unpacked.join("bin/host-sim"));
    command::read(inspect.arg("inspect").arg(unpacked.join("flow_filter.wasm")))?;
    fs::remove_dir_all(&place).doing(place.display())
}

/// The time of the release, in seconds since 1970.
fn time() -> String {
    std::env::var("SOURCE_DATE_EPOCH").unwrap_or_else(|_| TIME.to_owned())
}

/// Whether a file's name ends so.
fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension() == Some(OsStr::new(extension))
}
