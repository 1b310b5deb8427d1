//! Whether anybody on the network could come in, which must be asked for in so many words.

use std::net::SocketAddr;

use super::Config;

/// The service would be open to other machines, and nobody has asked for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} can be reached from other machines, and everybody who reaches it could read and write: \
     ask for tokens with --tokens FILE (fas token create makes them), or for client certificates \
     with --tls-client-ca FILE, or allow it with --insecure"
)]
pub struct Exposed(pub SocketAddr);

impl Config {
    /// Checks the addresses that are about to be listened on.
    ///
    /// # Errors
    /// When one is not a loopback address, and clients need neither a token nor a certificate.
    pub fn check_exposure(&self, addresses: &[SocketAddr]) -> Result<(), Exposed> {
        let tls = self.terms.tls.as_ref();
        let guarded = self.terms.tokens.is_some() || tls.is_some_and(|tls| tls.client_ca.is_some());
        if guarded || self.insecure {
            return Ok(());
        }
        // An IPv4 address in IPv6 clothes is what it is underneath.
        let outside = |address: &&SocketAddr| !address.ip().to_canonical().is_loopback();
        addresses.iter().find(outside).map_or(Ok(()), |address| Err(Exposed(*address)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::Settings;
    use super::*;

    fn config(settings: Settings) -> Config {
        let settings = Settings { data: Some(PathBuf::from("/d")), ..settings };
        settings.complete(None, |_| None).unwrap()
    }

    #[test]
    fn other_machines_need_a_way_to_be_told_apart() {
        let path = || Some(PathBuf::from("/f"));
        let tls = || Settings { tls_cert: path(), tls_key: path(), ..Settings::default() };
        let open = [config(Settings::default()), config(tls())];
        let guarded = [
            config(Settings { tokens: path(), ..Settings::default() }),
            config(Settings { tls_client_ca: path(), ..tls() }),
            config(Settings { insecure: Some(true), ..Settings::default() }),
        ];
        for inside in ["127.0.0.1:1", "127.8.8.8:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            let address = [inside.parse().unwrap()];
            assert!(
                open.iter().chain(&guarded).all(|config| config.check_exposure(&address).is_ok())
            );
        }
        for outside in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"] {
            let addresses = ["127.0.0.1:1".parse().unwrap(), outside.parse().unwrap()];
            assert!(guarded.iter().all(|config| config.check_exposure(&addresses).is_ok()));
            for config in &open {
                let refused = config.check_exposure(&addresses).unwrap_err().to_string();
                for word in [outside, "--tokens", "--tls-client-ca", "--insecure"] {
                    assert!(refused.contains(word), "{refused}");
                }
            }
        }
    }
}
