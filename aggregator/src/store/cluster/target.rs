//! `Target`: where a cluster is, as `--store` says it, and how to get in.

use std::path::Path;

/// What a store may be called in a cluster, in bytes.
const MAX_NAMESPACE_BYTES: usize = 64;

/// The name of a store that is given none.
const DEFAULT_NAMESPACE: &str = "fas";

const DEFAULT_PORT: u16 = 6379;

/// A cluster, and the store in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// Nodes to ask for all others, `HOST:PORT`.
    pub seeds: Vec<String>,
    /// Whether the connections are encrypted.
    pub tls: bool,
    /// The user; none for the default one.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<String>,
    /// The store's name.
    pub namespace: String,
}

/// What is wrong with an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not redis://[USER:PASSWORD@]HOST:PORT[,HOST:PORT...][/NAME] or rediss://...: {0}")]
pub struct TargetError(&'static str);

impl Target {
    /// Reads `redis://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...][/NAME]`, or `rediss://`.
    ///
    /// # Errors
    /// When it is not that.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let (tls, rest) = match text.split_once("://") {
            Some(("redis", rest)) => (false, rest),
            Some(("rediss", rest)) => (true, rest),
            _ => return Err(TargetError("the scheme")),
        };
        let (credentials, rest) = match rest.rsplit_once('@') {
            Some((credentials, rest)) => (Some(credentials), rest),
            None => (None, rest),
        };
        let (hosts, namespace) = rest.split_once('/').unwrap_or((rest, ""));
        let seeds: Result<Vec<String>, TargetError> = hosts.split(',').map(seed).collect();
        let (user, password) = match credentials.map(|text| text.split_once(':')) {
            None => (None, None),
            Some(None) => return Err(TargetError("a user without a password")),
            Some(Some((user, password))) => {
                ((!user.is_empty()).then(|| decoded(user)), Some(decoded(password)))
            }
        };
        let namespace = if namespace.is_empty() { DEFAULT_NAMESPACE } else { namespace };
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if namespace.len() > MAX_NAMESPACE_BYTES || !namespace.bytes().all(is_plain) {
            return Err(TargetError("NAME has 1 to 64 letters, digits, '-', '_' and '.'"));
        }
        Ok(Self { seeds: seeds?, tls, user, password, namespace: namespace.to_owned() })
    }

    /// The password in a file, without the end of its line.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_password(file: &Path) -> std::io::Result<String> {
        Ok(std::fs::read_to_string(file)?.trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// Without the password.
impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        write!(f, "{scheme}://{}/{}", self.seeds.join(","), self.namespace)
    }
}

/// Without the password.
impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

fn seed(text: &str) -> Result<String, TargetError> {
    let bracket = text.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match text.get(bracket..).and_then(|rest| rest.rfind(':')) {
        Some(colon) => {
            let port = text.get(bracket + colon + 1..).unwrap_or_default();
            (text.get(..bracket + colon).unwrap_or_default(), port.parse().ok())
        }
        None => (text, Some(DEFAULT_PORT)),
    };
    let port: u16 = port.ok_or(TargetError("a port"))?;
    if host.is_empty() || (bracket == 0 && host.contains(':')) {
        return Err(TargetError("a host"));
    }
    Ok(format!("{host}:{port}"))
}

/// Decodes `%XX`, so that a user and a password may have any character.
fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_all_that_is_needed() {
        let target = Target::parse("rediss://me:p%40ss%3A+@a:1,[fd00::1]:2,c/team-1").unwrap();
        assert_eq!(target.seeds, ["a:1", "[fd00::1]:2", "c:6379"]);
        assert!(target.tls);
        assert_eq!(target.user.as_deref(), Some("me"));
        assert_eq!(target.password.as_deref(), Some("p@ss:+"));
        assert_eq!(target.namespace, "team-1");
        assert!(!format!("{target:?} {target}").contains("p@"), "no password is shown");
        let plain = Target::parse("redis://localhost").unwrap();
        assert_eq!(
            (plain.seeds, plain.namespace),
            (vec!["localhost:6379".to_owned()], "fas".into())
        );
        assert_eq!((plain.tls, plain.user, plain.password), (false, None, None));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "localhost:1",
            "http://a",
            "redis://",
            "redis://a:x",
            "redis://a:70000",
            "redis://a,,b",
            "redis://fd00::1",
            "redis://u@a",
            "redis://a/b{c}",
            "redis://a/b/c",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
        assert!(Target::parse(&format!("redis://a/{}", "n".repeat(64))).is_ok());
        assert!(Target::parse(&format!("redis://a/{}", "n".repeat(65))).is_err());
    }
}
