//! A scenario's file: reading it, and making scenarios of it, one for each of its cases.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{
    Scenario,
    expand::{self, Bindings, Case},
    node::{Node, Place, Tree},
    reader::ReadError,
};

/// What is said from outside about the scenarios of a file.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Settings {
    /// Values of parameters, by name, as YAML.
    pub set: Vec<(String, String)>,
    /// A seed in place of the file's.
    pub seed: Option<u64>,
}

/// Why there is no scenario.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The text is not YAML, or the YAML is not a scenario.
    #[error("{}{error}", prefix(path, error))]
    Content {
        /// Which file.
        path: Option<PathBuf>,
        /// What is wrong, and where.
        error: ReadError,
    },
    /// A parameter's value is not YAML.
    #[error("--set {name}={value}: not a value of YAML")]
    Parameter {
        /// Of which parameter.
        name: String,
        /// Which value.
        value: String,
    },
    /// One scenario is wanted, and the file has several.
    #[error("the file has {0} cases, and one scenario is wanted")]
    Cases(usize),
}

/// `FILE:`, with a space behind it unless the line follows.
fn prefix(path: &Option<PathBuf>, error: &ReadError) -> String {
    let space = if error.has_place() { "" } else { " " };
    path.as_ref().map(|path| format!("{}:{space}", path.display())).unwrap_or_default()
}

/// What is wrong with a text that is no YAML, or none that is read here.
fn reason(error: &serde_saphyr::Error) -> String {
    match error {
        // Its own words tell programmers how to let it pass.
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("duplicate key `{key}`")
        }
        error => error.to_string(),
    }
}

/// A file, read but not yet filled in.
#[derive(Debug)]
pub struct Document {
    path: Option<PathBuf>,
    root: Node,
}

impl Document {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ScenarioError::Read { path: path.to_owned(), error })?;
        Self::read(&text, Some(path.to_owned()))
    }

    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        Self::read(text, None)
    }

    fn read(text: &str, path: Option<PathBuf>) -> Result<Self, ScenarioError> {
        match Node::parse(text) {
            Ok(root) => Ok(Self { path, root }),
            Err(error) => {
                let place = error.location().map(Place::from).unwrap_or_default();
                let error = ReadError::at(place, format!("not a scenario: {}", reason(&error)));
                Err(ScenarioError::Content { path, error })
            }
        }
    }

    /// The scenarios of the file: one, or one for each case.
    pub fn scenarios(&self, settings: &Settings) -> Result<Vec<Scenario>, ScenarioError> {
        let content = |error| ScenarioError::Content { path: self.path.clone(), error };
        let set = bindings(settings)?;
        let seed = settings.seed.or(self.seed()).unwrap_or_default();
        let cases = expand::expand(&self.root, &set, seed).map_err(content)?;
        if cases.is_empty() {
            let error = ReadError::at(self.root.place, "there is no case").inside("cases");
            return Err(content(error));
        }
        let scenarios = cases.into_iter().map(|case| self.scenario(case, seed).map_err(content));
        scenarios.collect()
    }

    /// The only scenario of the file.
    pub fn only(&self) -> Result<Scenario, ScenarioError> {
        let mut scenarios = self.scenarios(&Settings::default())?;
        match (scenarios.pop(), scenarios.len()) {
            (Some(scenario), 0) => Ok(scenario),
            (_, others) => Err(ScenarioError::Cases(others + 1)),
        }
    }

    fn seed(&self) -> Option<u64> {
        match self.root.get("seed")?.tree {
            Tree::Integer(seed) => u64::try_from(seed).ok(),
            Tree::Large(seed) => Some(seed),
            _ => None,
        }
    }

    fn scenario(&self, case: Case, seed: u64) -> Result<Scenario, ReadError> {
        let mut scenario = Scenario::deserialize(&case.document)?;
        scenario.case = case.name;
        scenario.seed = seed;
        scenario.file.clone_from(&self.path);
        // The plugin becomes relative to where the host runs.
        if let Some(folder) = self.path.as_ref().and_then(|path| path.parent()) {
            scenario.plugin = scenario.plugin.map(|plugin| folder.join(plugin));
        }
        Ok(scenario)
    }
}

fn bindings(settings: &Settings) -> Result<Bindings, ScenarioError> {
    let parse = |(name, value): &(String, String)| match Node::parse(value) {
        Ok(node) => Ok((name.clone(), node)),
        // Nothing at all is an empty text.
        Err(_) if value.is_empty() => {
            Ok((name.clone(), Node { place: Place::default(), tree: Tree::Text(String::new()) }))
        }
        Err(_) => Err(ScenarioError::Parameter { name: name.clone(), value: value.clone() }),
    };
    settings.set.iter().map(parse).collect()
}
