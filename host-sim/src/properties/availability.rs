//! When Envoy knows which property, as measured with Envoy 1.40: a stream does not know its
//! upstream from the start. Values are left to the tree.

/// What carries the data of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamKind {
    /// A TCP connection under a network filter.
    Tcp,
    /// An HTTP request and its response.
    Http,
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// TCP: the new connection. HTTP: the request, until its response comes.
    Opening,
    /// Everything is known.
    Live,
    /// HTTP after `on_log`: the headers are gone.
    Ended,
}

/// Whether a stream of this kind knows the property at `path` in this phase.
pub(crate) fn is_known(kind: StreamKind, phase: Phase, path: &[&str]) -> bool {
    if phase > Phase::Opening {
        return true;
    }
    match path {
        ["upstream" | "upstream_filter_state", ..] | ["xds", "upstream_host_metadata", ..] => false,
        ["xds", "cluster_name" | "cluster_metadata", ..] => kind == StreamKind::Http,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upstream_is_not_known_at_the_start() {
        let known =
            |kind, path| (is_known(kind, Phase::Opening, path), is_known(kind, Phase::Live, path));
        for (path, tcp, http) in [
            (&["xds", "listener_direction"][..], true, true),
            (&["xds", "cluster_name"], false, true),
            (&["upstream", "address"], false, false),
            (&["upstream_filter_state", "upstream_peer"], false, false),
            (&["source", "address"], true, true),
        ] {
            assert_eq!(known(StreamKind::Tcp, path), (tcp, true), "{path:?}");
            assert_eq!(known(StreamKind::Http, path), (http, true), "{path:?}");
        }
    }
}
