//! `Security`: what a mesh with mutual TLS needs: an authority, certificates with SPIFFE ids, a
//! token, and the places in the sample configurations where they belong.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};
use ureq::Agent;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use crate::programs;
use crate::sample::Sample;

/// The trust domain of the certificates; all are of the namespace `shop`.
const TRUST_DOMAIN: &str = "mesh.example";

/// An authority, and the files of who has a certificate of it.
pub struct Security {
    authority: CertifiedIssuer<'static, KeyPair>,
    directory: PathBuf,
    token: String,
}

impl Security {
    /// An authority that keeps its files in `directory`, and a token of the aggregator.
    pub fn new(directory: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are good names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, key()).expect("it can sign");
        let directory = directory.to_owned();
        write(&directory.join("ca.pem"), &authority.pem());
        let token = create_token(&directory);
        let security = Self { authority, directory, token };
        for name in ["frontend", "backend", "fas", "operator"] {
            security.issue(name);
        }
        security
    }

    /// Has the frontend reach the backend, and both the aggregator, by mutual TLS.
    pub fn secure_frontend(&self, sample: Sample) -> Sample {
        let client = self.upstream("frontend");
        ["backend", "backend-tcp"]
            .into_iter()
            .fold(self.secure_push(sample, "frontend"), |sample, cluster| {
                secure_cluster(sample, cluster, &client)
            })
    }

    /// Has the backend take connections with a certificate only.
    pub fn secure_backend(&self, sample: Sample) -> Sample {
        let context = format!(
            "    - transport_socket:\n        name: envoy.transport_sockets.tls\n        \
             typed_config:\n          \
             \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext\n          \
             require_client_certificate: true\n          common_tls_context: {}\n      filters:\n",
            self.common_context("backend")
        );
        self.secure_push(sample, "backend").put("    - filters:\n", &context)
    }

    /// The options with which the aggregator demands certificates and tokens.
    pub fn serve_with(&self, command: &mut Command) {
        command.arg("--tokens").arg(self.file("tokens.toml"));
        command.arg("--tls-cert").arg(self.file("fas.pem"));
        command.arg("--tls-key").arg(self.file("fas.key"));
        command.arg("--tls-client-ca").arg(self.file("ca.pem"));
    }

    /// A client of the aggregator with a certificate.
    pub fn agent(&self) -> Agent {
        let read = |name: &str| fs::read(self.file(name)).expect("the file has been written");
        let (ca, pem, key) = (read("ca.pem"), read("operator.pem"), read("operator.key"));
        let certificate = |pem: &[u8]| Certificate::from_pem(pem).expect("a certificate");
        let key = PrivateKey::from_pem(&key).expect("a key");
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[certificate(&ca)]))
            .client_cert(Some(ClientCert::new_with_certs(&[certificate(&pem)], key)))
            .build();
        let config = Agent::config_builder().http_status_as_error(false).proxy(None);
        config.tls_config(tls).build().into()
    }

    /// What a client shows in `authorization`.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn secure_push(&self, sample: Sample, name: &str) -> Sample {
        let with_token = format!(r#""push": {{"bearer_token": "{}", "#, self.token);
        secure_cluster(sample, "flow_aggregator", &self.upstream(name))
            .put(r#""push": {"#, &with_token)
    }

    fn upstream(&self, name: &str) -> String {
        format!(
            "    transport_socket:\n      name: envoy.transport_sockets.tls\n      typed_config:\n        \
             \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext\n        \
             common_tls_context: {}\n",
            self.common_context(name)
        )
    }

    fn common_context(&self, name: &str) -> String {
        let path = |file: &str| self.file(file).display().to_string();
        format!(
            r#"{{"tls_certificates": [{{"certificate_chain": {{"filename": "{}"}}, "private_key": {{"filename": "{}"}}}}], "validation_context": {{"trusted_ca": {{"filename": "{}"}}}}}}"#,
            path(&format!("{name}.pem")),
            path(&format!("{name}.key")),
            path("ca.pem"),
        )
    }

    fn issue(&self, name: &str) {
        let uri = format!("spiffe://{TRUST_DOMAIN}/ns/shop/sa/{name}");
        let address = vec!["127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(address).expect("an address is a name");
        // Named as the authority is, it would look as if it had signed itself.
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names.push(SanType::URI(uri.try_into().expect("ASCII")));
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = key();
        let certificate = params.signed_by(&key, &self.authority).expect("it can sign");
        write(&self.file(&format!("{name}.pem")), &certificate.pem());
        write(&self.file(&format!("{name}.key")), &key.serialize_pem());
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

fn secure_cluster(sample: Sample, cluster: &str, transport_socket: &str) -> Sample {
    let head = format!("  - name: {cluster}\n    type: STRICT_DNS\n");
    let with_socket = format!("{head}{transport_socket}");
    sample.put(&head, &with_socket)
}

fn create_token(directory: &Path) -> String {
    let mut command = Command::new(programs::fas());
    command.args(["token", "create", "--name", "mesh", "--scope", "admin", "--tokens"]);
    let output = command.arg(directory.join("tokens.toml")).output().expect("fas runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key can be made")
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
