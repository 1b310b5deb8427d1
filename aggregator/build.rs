//! Puts the built dashboard into the program, if it is there. It never builds it, so that the
//! aggregator needs no Node: that is done by `cargo xtask dashboard`.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Names the folder to embed, in place of `dashboard/dist`.
const CHOICE: &str = "FAS_DASHBOARD_DIR";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed={CHOICE}");
    let folder = match std::env::var_os(CHOICE) {
        Some(chosen) => PathBuf::from(chosen),
        None => Path::new(&std::env::var("CARGO_MANIFEST_DIR")?).join("../dashboard/dist"),
    };
    // The folder is in the repository, empty: what is not there would be looked for in every build.
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut list = "&[\n".to_owned();
    if folder.join("index.html").exists() {
        let mut files = Vec::new();
        collect(&fs::canonicalize(&folder)?, "", &mut files)?;
        files.sort();
        for (path, file) in files {
            writeln!(list, "    ({path:?}, include_bytes!({:?})),", file.display().to_string())?;
        }
    }
    list.push(']');
    let output = Path::new(&std::env::var("OUT_DIR")?).join("dashboard.rs");
    fs::write(output, list)?;
    Ok(())
}

/// All files of a folder, by the path at which they are served. Hidden ones are not for browsers.
fn collect(
    folder: &Path,
    prefix: &str,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name =
            entry.file_name().into_string().map_err(|name| format!("{name:?} is no text"))?;
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}/{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &path, files)?;
        } else {
            files.push((path, entry.path()));
        }
    }
    Ok(())
}
