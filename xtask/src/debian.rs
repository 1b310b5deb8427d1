//! Installing Debian packages, where that is possible without asking anybody, and taking programs
//! out of packages that would start a service if they were installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::command;
use crate::failure::{Doing, Failure, Result};
use crate::say;

/// Installs `packages` with apt-get, as root or by a sudo that needs no password.
pub fn install(packages: &[&str]) -> Result<()> {
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(Failure::new("this machine has no apt-get"));
    }
    say::detail(format_args!("installing Debian's {}", packages.join(", ")));
    // The package lists of a fresh machine are often missing or old.
    command::run(apt_get()?.args(["-qq", "update"]))?;
    command::run(apt_get()?.args(["-qq", "install", "--no-install-recommends"]).args(packages))
}

/// The program `/usr/bin/NAME` of a package, which is not installed: it is kept in the user's cache
/// directory.
pub fn take_program(package: &str, name: &str) -> Result<PathBuf> {
    let directory = cache::directory()?.join(format!("debian-{package}"));
    let program = directory.join(name);
    if program.exists() {
        return Ok(program);
    }
    say::detail(format_args!("fetching Debian's {package}"));
    let work = directory.with_file_name(format!("fetching-{}", std::process::id()));
    let outcome = download(package, &work).and_then(|()| {
        fs::create_dir_all(&directory).doing(directory.display())?;
        let unpacked = work.join("usr/bin").join(name);
        fs::rename(&unpacked, &program).doing(unpacked.display())
    });
    let _ = fs::remove_dir_all(&work);
    outcome.map(|()| program)
}

/// Unpacks a package into `work`.
fn download(package: &str, work: &Path) -> Result<()> {
    fs::create_dir_all(work).doing(work.display())?;
    let mut download = Command::new("apt-get");
    download.current_dir(work).args(["-qq", "download", package]);
    if !command::succeeds(&mut download) {
        // The package lists of a fresh machine are often missing or old.
        command::run(apt_get()?.args(["-qq", "update"]))?;
        command::run(&mut download)?;
    }
    let archives = fs::read_dir(work).doing(work.display())?.flatten().map(|file| file.path());
    let archive = archives.into_iter().find(|path| path.extension().is_some_and(|it| it == "deb"));
    let archive = archive.ok_or_else(|| Failure::new("apt-get has brought no archive"))?;
    command::run(Command::new("dpkg-deb").arg("--extract").arg(archive).arg(work))
}

fn apt_get() -> Result<Command> {
    let mut command = match (is_root(), has_sudo()) {
        (true, _) => Command::new("apt-get"),
        (false, true) => {
            let mut sudo = Command::new("sudo");
            sudo.args(["-n", "apt-get"]);
            sudo
        }
        (false, false) => {
            return Err(Failure::new("neither root nor a sudo without password to install with"));
        }
    };
    // Another installation may be going on; five minutes are enough for most.
    command.args(["-y", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"]);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    Ok(command)
}

fn is_root() -> bool {
    command::read(Command::new("id").arg("-u")).is_ok_and(|user| user == "0")
}

fn has_sudo() -> bool {
    command::succeeds(Command::new("sudo").args(["-n", "true"]))
}
