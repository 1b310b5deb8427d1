//! What Istio tells of an app: the node's own metadata, the peer's by metadata exchange, the
//! endpoint's by discovery, and the names of clusters.

use flow_model::Reporter;

use super::Attributes;

/// What Istio's metadata exchange knows of a peer.
pub const PEER_FIELDS: &[&str] = &["service", "app", "namespace", "workload", "cluster"];

/// What a sidecar's own metadata says.
pub const NODE_FIELDS: &[&str] = &["service", "app", "namespace", "workload", "cluster", "network"];

/// What discovery says of an endpoint.
pub const ENDPOINT_FIELDS: &[&str] = &["service", "namespace", "workload", "cluster"];

/// What the name of a cluster says.
pub const CLUSTER_FIELDS: &[&str] = &["service", "namespace", "host", "port", "subset"];

/// Clusters that stand for no service. Their traffic goes under these names.
const PSEUDO_CLUSTERS: &[&str] =
    &["BlackHoleCluster", "PassthroughCluster", "InboundPassthroughCluster"];

/// The label that names a workload's service, and those which Istio takes in its absence.
const SERVICE_LABELS: &[&str] =
    &["service.istio.io/canonical-name", "app.kubernetes.io/name", "app"];

/// A field of the other side. From Istio 1.24 on, the filter state has its fields; before, it had
/// a table of others, under another name.
pub(super) fn peer(attributes: &dyn Attributes, side: Reporter, name: &str) -> Option<String> {
    let read = |path: &[&str]| text(attributes, path);
    let old: &[&str] = match name {
        "service" => &["labels", "service.istio.io/canonical-name", "value"],
        "app" => &["labels", "app", "value"],
        "workload" => &["workload_name"],
        "cluster" => &["cluster_id"],
        _ => &["namespace"],
    };
    match side {
        // On TCP, it is the upstream connection that knows.
        Reporter::Source => read(&["upstream_filter_state", "upstream_peer", name])
            .or_else(|| read(&["filter_state", "upstream_peer", name]))
            .or_else(|| read(&[&["filter_state", "wasm.upstream_peer"], old].concat())),
        Reporter::Destination => read(&["filter_state", "downstream_peer", name])
            .or_else(|| read(&[&["filter_state", "wasm.downstream_peer"], old].concat())),
    }
}

/// A field of this sidecar's own metadata.
pub(super) fn node(attributes: &dyn Attributes, name: &str) -> Option<String> {
    let read = |path: &[&str]| text(attributes, &[&["xds", "node", "metadata"], path].concat());
    let label = |label: &&str| read(&["LABELS", label]);
    match name {
        "service" => SERVICE_LABELS.iter().find_map(label).or_else(|| read(&["WORKLOAD_NAME"])),
        "app" => read(&["LABELS", "app"]),
        "namespace" => read(&["NAMESPACE"]),
        "workload" => read(&["WORKLOAD_NAME"]),
        "cluster" => read(&["CLUSTER_ID"]),
        "network" => read(&["NETWORK"]).or_else(|| read(&["LABELS", "topology.istio.io/network"])),
        _ => None,
    }
}

/// A field of the endpoint to which a stream goes: discovery packs them into one text,
/// `workload;namespace;service;revision;cluster`.
pub(super) fn endpoint(attributes: &dyn Attributes, name: &str) -> Option<String> {
    let path = ["xds", "upstream_host_metadata", "filter_metadata", "istio", "workload"];
    let packed = text(attributes, &path)?;
    let index = match name {
        "workload" => 0,
        "namespace" => 1,
        "service" => 2,
        "cluster" => 4,
        _ => return None,
    };
    packed.split(';').nth(index).map(str::to_owned)
}

/// A field of the cluster's name, `outbound|PORT|SUBSET|HOST`.
pub(super) fn cluster(cluster_name: &str, name: &str) -> Option<String> {
    let mut parts = cluster_name.split('|');
    let ("outbound", Some(port), Some(subset), Some(host), None) =
        (parts.next()?, parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    // A service of Kubernetes is HOST.NAMESPACE.svc.DOMAIN; any other host stands for itself.
    let mut labels = host.splitn(4, '.');
    let kubernetes = match (labels.next(), labels.next(), labels.next(), labels.next()) {
        (Some(service), Some(namespace), Some("svc"), Some(_)) => Some((service, namespace)),
        _ => None,
    };
    let value = match name {
        "service" => kubernetes?.0,
        "namespace" => kubernetes?.1,
        "host" => host,
        "port" => port,
        "subset" => subset,
        _ => return None,
    };
    Some(value.to_owned())
}

/// Whether traffic goes to no service that Istio knows.
pub(super) fn is_pseudo_cluster(cluster_name: &str) -> bool {
    PSEUDO_CLUSTERS.contains(&cluster_name)
}

/// The value of an attribute, if it is text that is not empty.
pub(super) fn text(attributes: &dyn Attributes, path: &[&str]) -> Option<String> {
    text_of(&attributes.property(path)?).map(str::to_owned)
}

/// The text in a value. Envoy gives numbers as 8 bytes and structures as protobuf: that is no
/// name, and two numbers could look like the same.
pub(super) fn text_of(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    (!text.is_empty() && !text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_of_kubernetes_has_service_and_namespace() {
        let name = "outbound|9080|v1|reviews.shop.svc.cluster.local";
        for (field, value) in [
            ("service", "reviews"),
            ("namespace", "shop"),
            ("host", "reviews.shop.svc.cluster.local"),
            ("port", "9080"),
            ("subset", "v1"),
        ] {
            assert_eq!(cluster(name, field).as_deref(), Some(value));
        }
    }

    #[test]
    fn another_host_has_no_service() {
        for host in ["api.example.com", "a.svc", "a.b.svc", "a.b.svcs.c"] {
            let name = format!("outbound|443||{host}");
            assert_eq!(cluster(&name, "service"), None, "{host}");
            assert_eq!(cluster(&name, "host").as_deref(), Some(host));
        }
    }

    #[test]
    fn another_cluster_has_nothing() {
        for name in ["", "backend", "inbound|9080||", "outbound|1|h", "outbound|1||h|x"] {
            assert_eq!(cluster(name, "host"), None, "{name}");
        }
    }
}
