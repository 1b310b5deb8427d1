//! The toolchain that builds for wasm32-unknown-unknown, by whichever way this machine has.
//!
//! On an ordinary machine that is rustup's own. Where rustup cannot download, Debian carries a
//! compiler with the source of its standard library, which is then built along with the filter.
//! The target is not named in `rust-toolchain.toml`, because where rustup cannot download, that
//! would break every cargo call.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::command;
use crate::debian;
use crate::failure::{Failure, Result};
use crate::say;
use crate::workspace::Workspace;

/// The target that Envoy's Wasm runtime runs.
pub const TARGET: &str = "wasm32-unknown-unknown";

const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_CLIPPY: &str = "/usr/bin/cargo-clippy";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";

/// Some networks swallow a download instead of refusing it.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// What would lead Debian's cargo back to the toolchain that runs this xtask, or add flags
/// that are meant for another compiler.
const OTHER_TOOLCHAIN: [&str; 7] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "LD_LIBRARY_PATH",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
];

/// A way to build for [`TARGET`].
pub enum Toolchain {
    /// The toolchain that runs this xtask has the standard library.
    Own,
    /// Debian's cargo builds the standard library from source, and links with `linker`.
    Debian { linker: PathBuf },
}

impl Toolchain {
    /// Finds a toolchain, or sets one up. What is there already is preferred, so that a second
    /// run needs no network.
    pub fn set_up() -> Result<Self> {
        if has_own() {
            return Ok(Self::Own);
        }
        if has_debian() {
            return Ok(Self::Debian { linker: linker()? });
        }
        say::detail(format_args!("adding {TARGET} with rustup"));
        let mut rustup = Command::new("rustup");
        let failed = command::run_within(rustup.args(["target", "add", TARGET]), RUSTUP_LIMIT);
        if failed.is_ok() && has_own() {
            return Ok(Self::Own);
        }
        say::detail("rustup could not add it; trying Debian's packages");
        debian::install(&DEBIAN_PACKAGES).map_err(|failure| explain(&failure))?;
        if !has_debian() {
            return Err(explain(&Failure::new("the packages bring no cargo with a source")));
        }
        Ok(Self::Debian { linker: linker()? })
    }

    /// A line about where the standard library comes from.
    pub fn describe(&self) -> String {
        match self {
            Self::Own => format!("standard library for {TARGET}: installed"),
            Self::Debian { .. } => format!("standard library for {TARGET}: from Debian's source"),
        }
    }

    /// A `cargo build` of a package with a plugin, for the target.
    pub fn build(&self, workspace: &Workspace, package: &str) -> Result<Command> {
        let command = match self {
            Self::Own => workspace.cargo("build"),
            Self::Debian { linker } => debian(DEBIAN_CARGO, "build", workspace, linker),
        };
        of_a_plugin(command, workspace, package)
    }

    /// A `cargo clippy` of such a package, for the target.
    pub fn clippy(&self, workspace: &Workspace, package: &str) -> Result<Command> {
        let command = match self {
            Self::Own => workspace.cargo("clippy"),
            Self::Debian { linker } => {
                if !Path::new(DEBIAN_CLIPPY).exists() {
                    debian::install(&["rust-web-clippy"])?;
                }
                // Called by its path, because cargo would look for rustup's first.
                debian(DEBIAN_CLIPPY, "clippy", workspace, linker)
            }
        };
        of_a_plugin(command, workspace, package)
    }
}

fn debian(program: &str, verb: &str, workspace: &Workspace, linker: &Path) -> Command {
    let mut command = Command::new(program);
    for variable in OTHER_TOOLCHAIN {
        command.env_remove(variable);
    }
    command
        .current_dir(workspace.root())
        .env("CARGO", DEBIAN_CARGO)
        .env("RUSTC", DEBIAN_RUSTC)
        // Building the standard library from source is an unstable option of cargo's.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
        .args([verb, "-Zbuild-std=std,panic_abort"]);
    command
}

/// A plugin tells nobody where it was built, and is the same wherever that is.
fn of_a_plugin(mut command: Command, workspace: &Workspace, package: &str) -> Result<Command> {
    command
        .env("RUSTFLAGS", workspace.flags_without_paths()?)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .args(["--package", package, "--lib", "--profile", "plugin", "--locked"])
        .args(["--target", TARGET, "--target-dir"])
        .arg(workspace.wasm_target());
    Ok(command)
}

fn has_own() -> bool {
    sysroot("rustc").is_ok_and(|sysroot| sysroot.join("lib/rustlib").join(TARGET).exists())
}

fn has_debian() -> bool {
    let source = "lib/rustlib/src/rust/library/Cargo.lock";
    Path::new(DEBIAN_CARGO).exists()
        && sysroot(DEBIAN_RUSTC).is_ok_and(|sysroot| sysroot.join(source).exists())
}

fn sysroot(rustc: &str) -> Result<PathBuf> {
    command::read(Command::new(rustc).args(["--print", "sysroot"])).map(PathBuf::from)
}

/// The linker for WebAssembly: rustup brings one with every toolchain; else LLVM's.
fn linker() -> Result<PathBuf> {
    if let Some(linker) = rustup_linker() {
        return Ok(linker);
    }
    let wasm_ld = Path::new("/usr/bin/wasm-ld");
    if !wasm_ld.exists() {
        debian::install(&["lld"]).map_err(|failure| explain(&failure))?;
    }
    Ok(wasm_ld.to_owned())
}

fn rustup_linker() -> Option<PathBuf> {
    let host = command::read(Command::new("rustc").args(["--print", "host-tuple"])).ok()?;
    let directory = sysroot("rustc").ok()?.join("lib/rustlib").join(host).join("bin");
    Some(directory.join("rust-lld")).filter(|linker| linker.exists())
}

fn explain(failure: &Failure) -> Failure {
    Failure::new(format!(
        "the standard library for {TARGET} cannot be set up: {failure}\n\
         Do one of these, then run the same command again:\n  \
           rustup target add {TARGET}\n  \
           apt-get install {}",
        DEBIAN_PACKAGES.join(" ")
    ))
}
