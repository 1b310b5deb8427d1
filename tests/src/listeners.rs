//! `Listeners`: a sidecar's listeners in a file of their own, which Envoy reads again when it is
//! replaced, as a control plane would have it change them.

use std::fs;
use std::path::{Path, PathBuf};

const LISTENER: &str =
    "  - \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n    name: ";

/// Listeners that can be changed.
pub struct Listeners(PathBuf);

impl Listeners {
    /// Moves the listeners of a configuration into `path`, and returns what is left of it.
    pub fn split(configuration: &str, path: &Path) -> (Self, String) {
        let parts = configuration.split_once("  listeners:\n");
        let (head, rest) = parts.expect("a sample has listeners");
        let (listeners, clusters) = rest.split_once("\n  clusters:\n").expect("and clusters");
        let resources = listeners.replace("\n  - name: ", &format!("\n{LISTENER}"));
        let resources = resources.replacen("  - name: ", LISTENER, 1);
        let this = Self(path.to_owned());
        this.put(&format!("resources:\n{resources}"));
        let source = format!(
            "dynamic_resources:\n  lds_config: {{ path_config_source: {{ path: \"{}\" }} }}\n",
            path.display()
        );
        (this, format!("{source}{head}  clusters:\n{clusters}"))
    }

    /// Puts `new` in place of `old`.
    pub fn change(&self, old: &str, new: &str) {
        let text = fs::read_to_string(&self.0).expect("the listeners can be read");
        assert!(text.contains(old), "the listeners have no `{old}`");
        self.put(&text.replace(old, new));
    }

    /// By way of a rename, which is what Envoy looks for.
    fn put(&self, text: &str) {
        let partial = self.0.with_extension("partial");
        fs::write(&partial, text).expect("the listeners can be written");
        fs::rename(&partial, &self.0).expect("the listeners can be put in place");
    }
}
