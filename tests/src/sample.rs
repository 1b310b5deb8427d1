//! The configurations in `envoy`, changed as an operator would change them.
//!
//! They are edited as text, so that the very files that operators copy are what is tested. An
//! edit that finds nothing to change panics: then the sample and the tests have parted.

use std::fs;
use std::path::Path;

use crate::programs;

/// A sample configuration.
#[derive(Clone)]
pub struct Sample {
    name: String,
    text: String,
}

impl Sample {
    /// `envoy/standalone/<name>.yaml`.
    pub fn load(name: &str) -> Self {
        Self::read(&programs::standalone_samples().join(format!("{name}.yaml")))
    }

    /// The file at `path`.
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()));
        Self::of(&path.file_name().unwrap_or_default().to_string_lossy(), &text)
    }

    /// A configuration of this name.
    pub fn of(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.to_owned() }
    }

    /// Its file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts `new` in place of `old`, wherever it stands.
    pub fn put(mut self, old: &str, new: &str) -> Self {
        assert!(self.text.contains(old), "the sample {} has no `{old}`", self.name);
        self.text = self.text.replace(old, new);
        self
    }

    /// Takes out what stands from `start` on, up to `end`.
    pub fn cut(mut self, start: &str, end: &str) -> Self {
        let found = self.text.split_once(start).and_then(|(before, rest)| {
            let place = rest.find(end)?;
            Some(format!("{before}{}", &rest[place..]))
        });
        self.text = found.unwrap_or_else(|| panic!("the sample {} has no `{start}`", self.name));
        self
    }

    /// Puts another port in place of the sample's.
    pub fn put_port(self, sample: u16, port: u16) -> Self {
        self.put(&format!("port_value: {sample} }}"), &format!("port_value: {port} }}"))
    }

    /// Has the filter loaded from `path`.
    pub fn put_filter(self, path: &Path) -> Self {
        self.put("/etc/envoy/flow_filter.wasm", &path.display().to_string())
    }

    /// How often `text` stands in the sample.
    pub fn count(&self, text: &str) -> usize {
        self.text.matches(text).count()
    }

    /// The configuration as it is.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Writes the configuration to `path`.
    pub fn write(&self, path: &Path) {
        fs::write(path, &self.text)
            .unwrap_or_else(|error| panic!("{} cannot be written: {error}", path.display()));
    }
}
