//! What an https receiver is trusted by, and what it trusts: certificates and keys as PEM.

use std::sync::Arc;

use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use super::receivers::ReceiverError;

/// Certificates and keys, as PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The authorities that receivers' certificates are signed by.
    pub authorities: Vec<u8>,
    /// The certificate to show to receivers, with those between it and its authority, and its key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Tls {
    pub(super) fn client(&self) -> Result<ClientConfig, ReceiverError> {
        let mut roots = RootCertStore::empty();
        for authority in certificates("the authorities", &self.authorities)? {
            roots.add(authority).map_err(|error| bad("the authorities", &error))?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| bad("the protocol's versions", &error))?
            .with_root_certificates(roots);
        let Some((chain, key)) = &self.identity else { return Ok(builder.with_no_client_auth()) };
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| bad("the key", &error))?;
        let chain = certificates("the certificate", chain)?;
        builder.with_client_auth_cert(chain, key).map_err(|error| bad("the certificate", &error))
    }
}

fn certificates(
    what: &'static str,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, ReceiverError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| bad(what, &error))?;
    if found.is_empty() { Err(bad(what, &"there is no certificate in it")) } else { Ok(found) }
}

fn bad(what: &'static str, error: &dyn std::fmt::Display) -> ReceiverError {
    ReceiverError::Tls(what, error.to_string())
}
