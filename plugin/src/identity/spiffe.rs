//! SPIFFE ids: `spiffe://TRUST-DOMAIN/PATH`, and what stands where in the path that Kubernetes
//! meshes use: `ns/NAMESPACE/sa/SERVICE-ACCOUNT`.
//! <https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md>

/// The fields of an id.
pub const FIELDS: &[&str] = &["trust_domain", "path", "namespace", "service_account"];

/// A field of a URI that is a SPIFFE id.
pub(super) fn field(uri: &str, name: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once("://")?;
    let (trust_domain, path) = rest.split_once('/')?;
    // RFC 3986, 3.1: a scheme is written in either case.
    if !scheme.eq_ignore_ascii_case("spiffe") || trust_domain.is_empty() {
        return None;
    }
    let value = match name {
        "trust_domain" => trust_domain,
        "path" => path,
        "namespace" => kubernetes(path)?.0,
        "service_account" => kubernetes(path)?.1,
        _ => return None,
    };
    (!value.is_empty()).then(|| value.to_owned())
}

/// The namespace and the service account. Only the whole path counts: `/x/ns/a/sa/b` is another
/// identity than `/ns/a/sa/b`.
fn kubernetes(path: &str) -> Option<(&str, &str)> {
    let (namespace, service_account) = path.strip_prefix("ns/")?.split_once("/sa/")?;
    let is_one_step = |text: &str| !text.is_empty() && !text.contains('/');
    (is_one_step(namespace) && is_one_step(service_account)).then_some((namespace, service_account))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(uri: &str) -> [Option<String>; 4] {
        ["trust_domain", "path", "namespace", "service_account"].map(|name| field(uri, name))
    }

    #[test]
    fn an_id_of_kubernetes_has_all_fields() {
        let expected = ["cluster.local", "ns/shop/sa/cart", "shop", "cart"];
        let expected = expected.map(|text| Some(text.to_owned()));
        assert_eq!(fields("spiffe://cluster.local/ns/shop/sa/cart"), expected);
        assert_eq!(fields("SPIFFE://cluster.local/ns/shop/sa/cart"), expected);
    }

    #[test]
    fn another_path_has_no_namespace() {
        for path in ["billing/payments", "ns/shop", "ns//sa/cart", "ns/a/b/sa/c", "x/ns/a/sa/b"] {
            let found = fields(&format!("spiffe://example.org/{path}"));
            let expected = [Some("example.org".to_owned()), Some(path.to_owned()), None, None];
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn other_uris_are_no_ids() {
        for uri in ["", "https://cluster.local/ns/shop/sa/cart", "spiffe://", "spiffe:///ns/a/sa/b"]
        {
            assert_eq!(fields(uri), [None, None, None, None], "{uri}");
        }
        assert_eq!(
            fields("spiffe://cluster.local/"),
            [Some("cluster.local".to_owned()), None, None, None]
        );
    }
}
