//! `BaseUrl`: where the server is.

use std::net::IpAddr;
use std::str::FromStr;

use ureq::http::Uri;

/// The scheme, host, port and path before the interface's own paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BaseUrl {
    /// Without a slash at its end.
    text: String,
    /// Whether it is this machine, which no proxy can reach for us.
    pub is_loopback: bool,
}

impl BaseUrl {
    /// The address of a path, with a query unless that is empty.
    pub fn at(&self, path: &str, query: &str) -> String {
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{path}{mark}{query}", self.text)
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|error| format!("not a URL: {error}"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err("must start with http:// or https://".to_owned());
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("must not contain a user or password".to_owned());
        }
        if uri.query().is_some() {
            return Err("must not contain a query".to_owned());
        }
        let host = uri.host().filter(|host| !host.is_empty()).ok_or("has no host")?;
        Ok(Self { text: text.trim_end_matches('/').to_owned(), is_loopback: is_loopback(host) })
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_kept_and_loopback_is_told() {
        let url: BaseUrl = "https://fas.example:8443/metrics/fas/".parse().unwrap();
        assert_eq!(url.at("/v1/flows", "a=1"), "https://fas.example:8443/metrics/fas/v1/flows?a=1");
        assert_eq!(url.at("/flows", ""), "https://fas.example:8443/metrics/fas/flows");
        assert!(!url.is_loopback);
        for local in ["http://localhost:1", "http://127.9.0.1/", "https://[::1]:8080"] {
            assert!(local.parse::<BaseUrl>().unwrap().is_loopback, "{local}");
        }
    }

    #[test]
    fn what_is_no_base_is_refused() {
        for bad in ["", "fas:8080", "/x", "ftp://h", "http://", "http://u:p@h", "http://h/?a=1"] {
            assert!(bad.parse::<BaseUrl>().is_err(), "{bad}");
        }
    }
}
