//! What the licences of others ask for: that their texts go along. Which crates a release is made of,
//! cargo says; their texts lie in their sources.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command;
use crate::failure::{Doing, Failure, Result};
use crate::toolchain;
use crate::workspace::{Workspace, cargo_home};

/// How the names of files begin that have a licence, or what it wants to be said.
const NAMES: [&str; 6] = ["LICENSE", "LICENCE", "UNLICENSE", "COPYING", "COPYRIGHT", "NOTICE"];

/// A crate of others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    /// Its name and version, `name-1.2.3`, as its sources' folder is called.
    folder: String,
    /// Its licence, as an SPDX expression.
    licence: String,
}

/// All crates with their licences, and then each text with the crates that have it.
pub fn text(workspace: &Workspace, target: &str) -> Result<String> {
    let crates = crates(workspace, target)?;
    let sources = sources()?;
    let mut text = "The programs and the filter are made of these crates, too:\n\n".to_owned();
    let mut texts: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for used in &crates {
        text.push_str(&format!("  {}: {}\n", used.folder, used.licence));
        for licence in texts_of(&sources, &used.folder)? {
            texts.entry(licence).or_default().push(&used.folder);
        }
    }
    for (licence, crates) in texts {
        let line = "-".repeat(80);
        text.push_str(&format!("\n{line}\n{}\n\n{licence}\n", crates.join(", ")));
    }
    Ok(text)
}

/// The crates of others that are in the programs, and in the filter.
fn crates(workspace: &Workspace, target: &str) -> Result<Vec<Crate>> {
    let tree = |target: &str, packages: &[&str]| {
        let mut tree = workspace.cargo("tree");
        tree.args(["--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}|{l}"]);
        tree.args(["--target", target]);
        command::read(tree.args(packages.iter().flat_map(|package| ["--package", package])))
    };
    let programs = tree(target, &["aggregator", "host-sim"])?;
    let filter = tree(toolchain::TARGET, &["flow-filter"])?;
    let mut crates: Vec<Crate> = [programs, filter].iter().flat_map(|tree| parse(tree)).collect();
    crates.sort();
    crates.dedup();
    match crates.is_empty() {
        false => Ok(crates),
        true => Err(Failure::new("cargo tree names no crates")),
    }
}

/// The crates of others in the lines of cargo: `name v1.2.3|licence`, with `(...)` after the version
/// for a procedural macro and for a crate that was there already, and with a path for one of our own.
fn parse(tree: &str) -> impl Iterator<Item = Crate> {
    tree.lines().filter(|line| !line.contains("(/")).filter_map(|line| {
        let (package, licence) = line.split_once('|')?;
        let mut words = package.split(' ');
        let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
        let licence = licence.trim_end_matches("(*)").trim().to_owned();
        Some(Crate { folder: format!("{name}-{version}"), licence })
    })
}

/// The folders in which the sources of crates lie, one for each registry.
fn sources() -> Result<Vec<PathBuf>> {
    let all = cargo_home()?.join("registry/src");
    let entries = fs::read_dir(&all).doing(all.display())?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

/// The texts in a crate's sources, without differences of blanks at the ends of lines.
fn texts_of(sources: &[PathBuf], folder: &str) -> Result<Vec<String>> {
    let found = sources.iter().map(|source| source.join(folder)).find(|path| path.is_dir());
    let found = found.ok_or_else(|| Failure::new(format!("the sources of {folder} are gone")))?;
    let mut files: Vec<PathBuf> = fs::read_dir(&found)
        .doing(found.display())?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && is_licence(path))
        .collect();
    files.sort();
    files.iter().map(|file| Ok(tidy(&fs::read(file).doing(file.display())?))).collect()
}

fn is_licence(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
    // Not code that is about licences.
    NAMES.iter().any(|begin| name.starts_with(begin)) && !super::has_extension(path, "rs")
}

fn tidy(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_of_others_are_told_from_our_own() {
        let tree = "aggregator v0.1.0 (/x/aggregator)|Apache-2.0\n\
                    serde v1.0.2|MIT OR Apache-2.0\n\
                    serde_derive v1.0.2 (proc-macro)|MIT\n\
                    zstd-sys v2.1.3+zstd.1.5.7|MIT/Apache-2.0 (*)\n";
        let found: Vec<(String, String)> =
            parse(tree).map(|used| (used.folder, used.licence)).collect();
        let expected = [
            ("serde-1.0.2", "MIT OR Apache-2.0"),
            ("serde_derive-1.0.2", "MIT"),
            ("zstd-sys-2.1.3+zstd.1.5.7", "MIT/Apache-2.0"),
        ];
        assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn texts_of_licences_are_known_by_their_names() {
        for name in ["LICENSE", "LICENSE-MIT", "license.txt", "COPYING", "NOTICE.md", "UNLICENSE"] {
            assert!(is_licence(Path::new(name)), "{name}");
        }
        for name in ["README.md", "license.rs", "src"] {
            assert!(!is_licence(Path::new(name)), "{name}");
        }
        assert_eq!(tidy(b"\n a  \r\nb\n\n"), "a\nb");
    }
}
