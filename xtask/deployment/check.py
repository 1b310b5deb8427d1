"""Checks what an operator applies, for `cargo xtask deployment`: schemas, and what must hold between files.

    python check.py ROOT BUILT

ROOT is the checkout. BUILT has what kustomize made of each variant, `NAME.yaml`, and what kubectl made of
a Deployment with Istio's patches, `patched-NAME.yaml`; there the dashboard's queries are put, as
`dashboard-rules.yaml`, for promtool to read them. Every complaint is a line; the exit code is 1 if there
is any. What kustomize, promtool, hadolint and systemd find is not repeated here.
"""

import importlib
import json
import re
import sys
from pathlib import Path

import kubernetes_validate
import yaml

# The oldest Kubernetes that has what the manifests use, and the newest that has schemas here.
KUBERNETES_VERSIONS = ["1.30", "1.37"]

# Where the schemas of resources are that Kubernetes itself does not know.
MODELS = {
    "istio.io": "cloudcoil.models.istio.{group}.{version}",
    "monitoring.coreos.com": "cloudcoil.models.prometheus_operator.{version}",
}

# What a setting of `fas` is called.
SETTING = re.compile(r"\bFAS_[A-Z_]+\b")

complaints = []

# What has gone through the schemas already.
checked = set()


def complain(where, what):
    complaints.append(f"{where}: {what}")


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def named(document):
    return f"{document['kind']} {document['metadata']['name']}"


def of_kind(resources, *kinds):
    return [resource for resource in resources if resource["kind"] in kinds]


# Schemas ------------------------------------------------------------------------------------------


def check_schema(where, document):
    # Most resources are the same in several variants.
    text = json.dumps(document)
    if text in checked:
        return
    checked.add(text)
    group, _, version = document["apiVersion"].rpartition("/")
    owner = next((owner for owner in MODELS if group.endswith(owner)), None)
    if owner is None:
        check_kubernetes_schema(where, document)
        return
    module = MODELS[owner].format(group=group.split(".")[0], version=version)
    try:
        model = getattr(importlib.import_module(module), document["kind"])
        model.model_validate_json(text, strict=True, extra="forbid")
    except (ImportError, AttributeError, ValueError) as error:
        complain(where, f"{named(document)}: {error}")


def check_kubernetes_schema(where, document):
    for version in KUBERNETES_VERSIONS:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(str(step) for step in error.path)
            complain(where, f"{named(document)}, Kubernetes {version}: {path}: {error.message}")
        except kubernetes_validate.SchemaNotFoundError as error:
            complain(where, f"{named(document)}: {error}")


# What the resources of one variant say of each other -----------------------------------------------


def check_variant(name, resources, grace_s):
    identities = [(resource["kind"], resource["metadata"]["name"]) for resource in resources]
    workload, *others = of_kind(resources, "Deployment", "StatefulSet")
    if others:
        complain(name, "more than one workload")
    pod = workload["spec"]["template"]
    container = pod["spec"]["containers"][0]
    check_mounts(name, workload, container)
    for source in container["envFrom"]:
        if ("ConfigMap", source["configMapRef"]["name"]) not in identities:
            complain(name, f"there is no {source}")
    if ("ServiceAccount", pod["spec"]["serviceAccountName"]) not in identities:
        complain(name, "there is no such service account")
    for resource in resources:
        check_reference(name, resource, workload, identities)
    pause_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    if pod["spec"]["terminationGracePeriodSeconds"] < pause_s + grace_s + 10:
        complain(name, "the pod is killed before fas has finished")
    check_memory(name, container, of_kind(resources, "ConfigMap"))


def check_mounts(name, workload, container):
    volumes = {volume["name"] for volume in workload["spec"]["template"]["spec"].get("volumes", [])}
    volumes |= {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
    mounts = {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", [])}
    if volumes != set(mounts):
        complain(name, f"volumes {sorted(volumes)}, but mounts {sorted(mounts)}")
    for variable in container["env"]:
        value = variable["value"]
        if value.startswith("/") and not any(value.startswith(f"{path}/") for path in mounts.values()):
            complain(name, f"{variable['name']}={value} is on no volume")


def check_reference(name, resource, workload, identities):
    """What picks pods or a workload picks ours, and what names a port names one of ours."""
    spec = resource.get("spec", {})
    pod = workload["spec"]["template"]
    labels = pod["metadata"]["labels"]
    ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    selector = {
        "Service": lambda: spec["selector"],
        "NetworkPolicy": lambda: spec["podSelector"]["matchLabels"],
        "PodDisruptionBudget": lambda: spec["selector"]["matchLabels"],
        "StatefulSet": lambda: spec["selector"]["matchLabels"],
        "Deployment": lambda: spec["selector"]["matchLabels"],
        "PeerAuthentication": lambda: spec["selector"]["matchLabels"],
    }.get(resource["kind"], dict)()
    if not selector.items() <= labels.items():
        complain(name, f"{named(resource)} picks {selector}, the pods have {labels}")
    if resource["kind"] == "Service":
        used = {port["targetPort"] for port in spec.get("ports", [])}
    elif resource["kind"] == "NetworkPolicy":
        used = {port["port"] for rule in spec["ingress"] for port in rule["ports"]}
    else:
        used = set()
    for port in used:
        if isinstance(port, str) and port not in ports:
            complain(name, f"{named(resource)} names the port {port}, the pods have {ports}")
    target = spec.get("scaleTargetRef")
    if target and (target["kind"], target["name"]) not in identities:
        complain(name, f"{named(resource)} scales {target}")


def check_monitors(name, resources):
    for monitor in of_kind(resources, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        services = of_kind(resources, "Service")
        picked = [one for one in services if wanted <= one["metadata"].get("labels", {}).items()]
        ports = {port["name"] for service in picked for port in service["spec"].get("ports", [])}
        for endpoint in monitor["spec"]["endpoints"]:
            if endpoint["port"] not in ports:
                complain(name, f"{named(monitor)} scrapes {endpoint['port']}, there are {ports}")


def check_memory(name, container, maps):
    """`fas` takes three times what it may have for flows: docs/operations.md."""
    units = {"Mi": 2**20, "Gi": 2**30}
    limit = container["resources"]["limits"]["memory"]
    limit_bytes = int(limit[:-2]) * units[limit[-2:]]
    budgets = [int(one["data"]["FAS_MEMORY_BUDGET"]) for one in maps if "FAS_MEMORY_BUDGET" in one["data"]]
    if any(3 * budget > limit_bytes for budget in budgets):
        complain(name, f"a memory limit of {limit} is less than three times FAS_MEMORY_BUDGET")


# What the files say of the program -----------------------------------------------------------------


def check_settings(root, built):
    """Every setting that is made is one that `fas` has, and none that it refuses for its store."""
    source = (root / "aggregator/src/config/settings.rs").read_text()
    known = set(re.findall(r'env = "(FAS_[A-Z_]+)"', source)) | {"FAS_CONFIG"}
    files = [*built, root / "envoy/standalone/fas.service", root / "Dockerfile"]
    for path in files:
        lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        used = set(SETTING.findall("\n".join(lines)))
        for setting in sorted(used - known):
            complain(path.name, f"fas has no setting {setting}")
        if "FAS_STORE" in used:
            embedded = {"FAS_DATA", "FAS_HOT_HOURS", "FAS_MEMORY_BUDGET", "FAS_CHECKPOINT_BYTES"}
            for setting in sorted(used & embedded):
                complain(path.name, f"{setting} is not for data in a cluster")


def shutdown_grace_s(root):
    source = (root / "aggregator/src/limits.rs").read_text()
    return int(re.search(r"SHUTDOWN_GRACE: Duration = Duration::from_secs\((\d+)\)", source)[1])


def check_unit(root, grace_s):
    unit = (root / "envoy/standalone/fas.service").read_text()
    if int(re.search(r"^TimeoutStopSec=(\d+)s$", unit, re.M)[1]) < grace_s + 10:
        complain("fas.service", "it is killed before fas has finished")


def check_mesh(root, variants):
    """The component for Istio has what envoy/istio/aggregator.yaml has for everybody else's `fas`."""
    for name, resources in variants.items():
        if "istio" not in name:
            continue
        for wanted in documents(root / "envoy/istio/aggregator.yaml"):
            found = [one for one in of_kind(resources, wanted["kind"]) if named(one) == named(wanted)]
            wanted_labels = wanted["metadata"].get("labels", {}).items()
            if len(found) != 1 or not wanted_labels <= found[0]["metadata"].get("labels", {}).items():
                complain(name, f"no {named(wanted)} as in envoy/istio/aggregator.yaml")
            elif wanted["kind"] == "Service":
                ports = [(port["name"], port["port"]) for port in wanted["spec"]["ports"]]
                if ports != [(port["name"], port["port"]) for port in found[0]["spec"]["ports"]]:
                    complain(name, f"{named(wanted)} has other ports than in envoy/istio/aggregator.yaml")
            elif wanted.get("spec") != found[0].get("spec"):
                complain(name, f"{named(wanted)} is not as in envoy/istio/aggregator.yaml")


# Rules and dashboard -------------------------------------------------------------------------------


def check_runbooks(root, rules):
    """Each alert has a heading of its own in docs/operations.md, and each such heading an alert."""
    text = (root / "docs/operations.md").read_text()
    headings = set(re.findall(r"^### ((?:Fas|FlowFilter)\w+)$", text, re.M))
    alerts = [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    for rule in alerts:
        name = rule["alert"]
        if rule["annotations"].get("runbook") != f"docs/operations.md#{name.lower()}":
            complain("rules.yaml", f"{name} links to {rule['annotations'].get('runbook')}")
        if name not in headings:
            complain("docs/operations.md", f"there is no heading for {name}")
    for name in headings - {rule["alert"] for rule in alerts}:
        complain("docs/operations.md", f"there is no alert {name}")


def check_dashboard(path, built):
    dashboard = json.loads(path.read_text())
    panels = dashboard["panels"]
    if len({panel["id"] for panel in panels}) != len(panels):
        complain(path.name, "two panels have one id")
    taken = {}
    for panel in panels:
        check_place(path.name, panel, taken)
        if panel["type"] != "row" and not panel.get("targets"):
            complain(path.name, f"{panel['title']}: no query")
    variables = {variable["name"] for variable in dashboard["templating"]["list"]}
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    for name in sorted(set(re.findall(r"\$\{?(\w+)", path.read_text())) - variables):
        if not name.startswith("__"):
            complain(path.name, f"there is no variable {name}")
    # promtool knows no variables of Grafana's.
    plain = [re.sub(r"\$\w+", "any", query.replace("$__rate_interval", "5m")) for query in queries]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(plain)]
    group = {"groups": [{"name": "dashboard", "rules": rules}]}
    (built / "dashboard-rules.yaml").write_text(yaml.safe_dump(group))


def check_place(name, panel, taken):
    place = panel["gridPos"]
    if place["x"] + place["w"] > 24:
        complain(name, f"{panel['title']} is wider than the page")
    for x in range(place["x"], place["x"] + place["w"]):
        for y in range(place["y"], place["y"] + place["h"]):
            if taken.setdefault((x, y), panel["title"]) != panel["title"]:
                complain(name, f"{panel['title']} lies over {taken[x, y]}")
                return


def main(root, built):
    istio = sorted((root / "envoy/istio").glob("*.yaml"))
    built_files = sorted(path for path in built.glob("*.yaml") if "rules" not in path.name)
    for path in [*built_files, *istio]:
        for document in documents(path):
            # What is no resource by itself is a patch.
            if "kind" in document:
                check_schema(path.name, document)
    grace_s = shutdown_grace_s(root)
    variants = {path.stem: documents(path) for path in built_files if "patched" not in path.name}
    for name, resources in variants.items():
        check_variant(name, resources, grace_s)
        check_monitors(name, resources)
    check_mesh(root, variants)
    check_settings(root, built_files)
    check_unit(root, grace_s)
    check_runbooks(root, documents(root / "envoy/observability/rules.yaml")[0]["spec"])
    check_dashboard(root / "envoy/observability/dashboard.json", built)
    for complaint in complaints:
        print(complaint)
    print(f"   {len(variants)} variants, {sum(map(len, variants.values()))} resources, {len(istio)} files of Istio's")
    return 1 if complaints or not variants else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
