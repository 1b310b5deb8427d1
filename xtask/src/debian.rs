//! Installing Debian packages, where that is possible without asking anybody.

use std::path::Path;
use std::process::Command;

use crate::command;
use crate::failure::{Failure, Result};
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
