//! What is in a release beside its documentation, and where.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{licences, sbom};
use crate::command;
use crate::dashboard::Dashboard;
use crate::failure::{Doing, Failure, Result};
use crate::say;
use crate::workspace::Workspace;

/// Files of the repository that are in a release as they are.
const FILES: [(&str, &str); 2] =
    [("LICENSE", "LICENSE"), ("plugin/config.schema.json", "flow_filter.schema.json")];

/// Folders of the repository that are in a release as they are.
const FOLDERS: [&str; 1] = ["envoy"];

/// What a release is made of.
pub struct Content<'a> {
    pub workspace: &'a Workspace,
    pub target: &'a str,
    /// The folder of the built programs.
    pub programs: &'a Path,
    pub filter: &'a Path,
    pub dashboard: &'a Dashboard,
}

impl Content<'_> {
    /// Puts all of it into a folder.
    pub fn put(&self, folder: &Path) -> Result<()> {
        for program in ["fas", "host-sim"] {
            let placed = folder.join("bin").join(program);
            copy(&self.programs.join(program), &placed)?;
            // Manual pages and completions.
            command::run(Command::new(&placed).arg("generate").arg(folder.join("share")))?;
        }
        copy(self.filter, &folder.join("flow_filter.wasm"))?;
        let root = self.workspace.root();
        for (from, to) in FILES {
            copy(&root.join(from), &folder.join(to))?;
        }
        for name in FOLDERS {
            let from = root.join(name);
            each_file(&from, &mut |file| copy(file, &folder.join(relative(file, root))))?
                .into_iter()
                .collect::<Result<()>>()?;
        }
        let path = folder.join("LICENSES.txt");
        fs::write(&path, licences::text(self.workspace, self.target)?).doing(path.display())?;
        sbom::put(self.workspace, self.dashboard, self.target, &folder.join("sbom"))?;
        say::detail(folder.display());
        Ok(())
    }
}

fn relative<'a>(file: &'a Path, root: &Path) -> &'a Path {
    file.strip_prefix(root).unwrap_or(file)
}

/// Calls a function with each file below a folder, and gives what it gave.
pub fn each_file<T>(folder: &Path, visit: &mut dyn FnMut(&Path) -> T) -> Result<Vec<T>> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).doing(folder.display())? {
            let path = entry.doing(folder.display())?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(visit(&path));
            }
        }
    }
    Ok(found)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let folder = to.parent().ok_or_else(|| Failure::new("a file has no folder"))?;
    fs::create_dir_all(folder).doing(folder.display())?;
    fs::copy(from, to).map(drop).doing(from.display())
}
