//! What kustomize makes of `envoy/kubernetes`, in each combination that its README names, and kubectl
//! of the patches in `envoy/istio`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command;
use crate::failure::{Doing, Result};

/// Where `fas` keeps its data.
const STORES: [&str; 2] = ["single", "cluster"];

/// The components that go with it.
const COMPONENTS: [&[&str]; 4] = [&[], &["watch"], &["istio"], &["istio", "watch-istio"]];

/// The patches for workloads, each of which goes over those before it.
const PATCHES: [&str; 2] = ["workload.yaml", "workload-drain.yaml"];

/// Somebody's Deployment, as it is before these.
const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: { name: app }
spec:
  selector: { matchLabels: { app: app } }
  template:
    metadata: { labels: { app: app } }
    spec: { containers: [ { name: app, image: app } ] }
";

/// Patches a Deployment with all that an operator may; the last has all of it.
pub fn patch(kubectl: &Path, root: &Path, built: &Path) -> Result<()> {
    let mut before = built.join("patched.yaml");
    fs::write(&before, DEPLOYMENT).doing(before.display())?;
    for name in PATCHES {
        let mut patch = Command::new(kubectl);
        patch.args(["patch", "--local", "--output", "yaml", "--filename"]).arg(&before);
        patch.arg("--patch-file").arg(root.join("envoy/istio").join(name));
        let after = built.join(format!("patched-{name}"));
        fs::write(&after, command::read(&mut patch)?).doing(after.display())?;
        before = after;
    }
    Ok(())
}

/// Builds each variant as `NAME.yaml` in `built`.
pub fn build(kubectl: &Path, root: &Path, built: &Path) -> Result<()> {
    for store in STORES {
        for components in COMPONENTS {
            let name = std::iter::once(store).chain(components.iter().copied());
            let name = name.collect::<Vec<_>>().join("-");
            let directory = built.join("overlays").join(&name);
            fs::create_dir_all(&directory).doing(directory.display())?;
            let overlay = directory.join("kustomization.yaml");
            fs::write(&overlay, overlay_text(store, components)).doing(overlay.display())?;
            let mut kustomize = Command::new(kubectl);
            kustomize.current_dir(root).arg("kustomize").arg(&directory);
            // What it has to say is about our files, and its result goes into a file.
            let file = built.join(format!("{name}.yaml"));
            command::run(kustomize.arg("--output").arg(&file))?;
        }
    }
    Ok(())
}

/// An overlay as an operator would write it, four folders below the repository's.
fn overlay_text(store: &str, components: &[&str]) -> String {
    let place = "../../../../envoy/kubernetes";
    let mut text = format!("resources:\n- {place}/{store}\n");
    if !components.is_empty() {
        text.push_str("components:\n");
    }
    for component in components {
        text.push_str(&format!("- {place}/{component}\n"));
    }
    text
}
