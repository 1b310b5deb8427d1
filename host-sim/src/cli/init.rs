//! `host-sim init`: a first scenario for a module. The module is tried out, so that the scenario
//! has what the module takes and holds as it is written.

mod starter;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use host_sim::Plugin;

use super::{CliError, read};

/// Write a first scenario for a module
#[derive(clap::Args)]
pub(super) struct Init {
    /// The module
    #[arg(value_name = "X.wasm")]
    module: PathBuf,
    /// The plugin's configuration: text, or @FILE
    #[arg(long, value_name = "TEXT", default_value = "")]
    configuration: String,
    /// Where to write; X.yaml beside the module unless said otherwise, - to print it
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write even if the file is there
    #[arg(long)]
    force: bool,
}

impl Init {
    pub(super) fn run(self, out: &mut impl Write) -> Result<bool, CliError> {
        let configuration = match self.configuration.strip_prefix('@') {
            Some(file) => {
                let bytes = read(Path::new(file))?;
                String::from_utf8_lossy(&bytes).into_owned()
            }
            None => self.configuration.clone(),
        };
        let plugin = Plugin::load(&read(&self.module)?)?;
        let output = self.output.clone().unwrap_or_else(|| self.module.with_extension("yaml"));
        let is_printed = output.as_os_str() == "-";
        let folder = if is_printed { Path::new(".") } else { folder(&output) };
        let path = relative(&self.module, folder);
        let text = starter::scenario(&plugin, &path, &configuration)?;
        if is_printed {
            out.write_all(text.as_bytes())?;
            return Ok(true);
        }
        if output.exists() && !self.force {
            let reason = "is there already; --force writes it anew".to_owned();
            return Err(CliError::Module { path: output, reason });
        }
        std::fs::write(&output, text)
            .map_err(|error| CliError::File { path: output.clone(), error })?;
        let shown = output.display();
        writeln!(out, "written: {shown}\ntry it:  host-sim run {shown}")?;
        Ok(true)
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The module as seen from the scenario: its name if they are neighbours, else the whole path.
fn relative(module: &Path, from: &Path) -> PathBuf {
    let here = from.canonicalize().unwrap_or_default();
    let whole = module.canonicalize().unwrap_or_else(|_| module.to_owned());
    match whole.strip_prefix(&here) {
        Ok(name) => name.to_owned(),
        Err(_) => whole,
    }
}
