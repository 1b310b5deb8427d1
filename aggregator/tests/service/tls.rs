//! TLS: whom it lets in, and what happens when its files change.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use ureq::Agent;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use crate::fas::{Fas, command, directory, until};
use crate::http2::{self, Http2};

/// An authority that signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
struct Pair {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn issue(&self) -> Pair {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A client that trusts this authority, and shows a certificate if it has one.
    fn client(&self, pair: Option<&Pair>) -> Agent {
        let authority = Certificate::from_pem(self.0.pem().as_bytes()).unwrap();
        let certificate = pair.map(|pair| {
            let certificate = Certificate::from_pem(pair.certificate.as_bytes()).unwrap();
            let key = PrivateKey::from_pem(pair.key.as_bytes()).unwrap();
            ClientCert::new_with_certs(&[certificate], key)
        });
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[authority]))
            .client_cert(certificate)
            .build();
        Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into()
    }
}

/// Where the files of a service are.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: PathBuf,
    data: PathBuf,
}

impl Files {
    fn new(home: &Path) -> Self {
        let file = |name: &str| home.join(name);
        Self {
            certificate: file("cert.pem"),
            key: file("key.pem"),
            client_ca: file("ca.pem"),
            data: file("data"),
        }
    }

    fn write(&self, pair: &Pair) {
        std::fs::write(&self.certificate, &pair.certificate).unwrap();
        std::fs::write(&self.key, &pair.key).unwrap();
    }

    fn start(&self, more: &[&str]) -> Fas {
        self.start_at("127.0.0.1:0", more)
    }

    fn start_at(&self, address: &str, more: &[&str]) -> Fas {
        let (certificate, key) = (self.certificate.to_str(), self.key.to_str());
        let own = ["--listen", address, "--tls-cert", certificate.unwrap(), "--tls-key"];
        Fas::start_with(&self.data, &[&own[..], &[key.unwrap()], more].concat())
    }
}

fn answers(client: &Agent, fas: &Fas) -> bool {
    client.get(fas.url("/healthz")).call().is_ok_and(|answer| answer.status() == 200)
}

#[test]
fn with_a_certificate_http_is_spoken_over_tls_alone() {
    let home = directory();
    let files = Files::new(home.path());
    let ours = Authority::new();
    files.write(&ours.issue());
    let fas = files.start(&[]);
    assert!(fas.url("/").starts_with("https://"));
    assert!(answers(&ours.client(None), &fas));
    assert!(!answers(&Authority::new().client(None), &fas), "who trusts others");
    assert!(!fas.raw(b"GET /healthz HTTP/1.1\r\nhost: fas\r\n\r\n").contains("200"));
    assert!(answers(&ours.client(None), &fas));
    fas.signal("TERM");
    assert_eq!(fas.wait().0.code(), Some(0));
}

#[test]
fn http_2_is_negotiated() {
    let home = directory();
    let files = Files::new(home.path());
    let ours = Authority::new();
    files.write(&ours.issue());
    let fas = files.start(&[]);
    let mut roots = RootCertStore::empty();
    roots.add(ours.0.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let session = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut client =
        Http2::greet(StreamOwned::new(session, TcpStream::connect(&fas.address).unwrap()), 65_535);
    client.get(1, "/healthz");
    let body = std::iter::from_fn(|| client.next()).find(|frame| frame.kind == http2::DATA);
    assert_eq!(body.unwrap().payload, b"ok\n");
}

#[test]
fn a_client_without_a_certificate_of_the_right_authority_is_kept_out() {
    let home = directory();
    let files = Files::new(home.path());
    let (ours, clients) = (Authority::new(), Authority::new());
    files.write(&ours.issue());
    std::fs::write(&files.client_ca, clients.0.pem()).unwrap();
    let fas = files.start(&["--tls-client-ca", files.client_ca.to_str().unwrap()]);
    assert!(answers(&ours.client(Some(&clients.issue())), &fas));
    assert!(!answers(&ours.client(None), &fas));
    assert!(!answers(&ours.client(Some(&ours.issue())), &fas), "of another authority");
    assert!(answers(&ours.client(Some(&clients.issue())), &fas));
    // Clients are told apart: then they may come from anywhere.
    drop(fas);
    let ca = files.client_ca.to_str().unwrap();
    files.start_at("0.0.0.0:0", &["--tls-client-ca", ca]);
}

#[test]
fn a_new_certificate_is_taken_over_and_a_bad_one_is_not() {
    let home = directory();
    let files = Files::new(home.path());
    let (old, new) = (Authority::new(), Authority::new());
    files.write(&old.issue());
    let fas = files.start(&[]);
    // A connection that is there goes on through all of it.
    let staying = old.client(None);
    assert!(answers(&staying, &fas));
    // Half of a change: the certificate and the key are not a pair.
    std::fs::write(&files.certificate, new.issue().certificate).unwrap();
    let reloads = |outcome: &str| {
        let metrics = staying.get(fas.url("/metrics")).call().unwrap().body_mut().read_to_string();
        let line = format!("fas_reloads_total{{file=\"certificates\",outcome=\"{outcome}\"}} ");
        metrics.unwrap().lines().any(|found| found.starts_with(&line))
    };
    until("the change is noticed", || reloads("failed"));
    assert!(answers(&old.client(None), &fas) && !answers(&new.client(None), &fas));
    files.write(&new.issue());
    until("the new certificate is in force", || answers(&new.client(None), &fas));
    assert!(!answers(&old.client(None), &fas));
    assert!(reloads("ok"));
}

#[test]
fn a_handshake_that_does_not_come_is_not_waited_for() {
    let home = directory();
    let files = Files::new(home.path());
    let ours = Authority::new();
    files.write(&ours.issue());
    let fas = files.start(&["--patience-ms", "300"]);
    let mut silent = TcpStream::connect(&fas.address).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut slow = TcpStream::connect(&fas.address).unwrap();
    slow.write_all(b"\x16\x03\x01").unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
    let client = ours.client(None);
    until("both are given up", || {
        let metrics = client.get(fas.url("/metrics")).call().unwrap().body_mut().read_to_string();
        metrics.unwrap().contains("fas_connections_ended_total{reason=\"handshake\"} 2")
    });
}

#[test]
fn files_that_cannot_be_used_end_the_start() {
    let home = directory();
    let files = Files::new(home.path());
    let (one, other) = (Authority::new().issue(), Authority::new().issue());
    let start = |pair: &Pair, more: &[&str]| {
        files.write(pair);
        let mut command = command(&["serve", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(&files.data).arg("--tls-cert").arg(&files.certificate).args(more);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(!files.data.exists(), "nothing was begun");
        String::from_utf8(output.stderr).unwrap()
    };
    let key = files.key.to_str().unwrap();
    assert!(start(&one, &[]).contains("--tls-key"));
    assert!(start(&one, &["--tls-key", "/nonexistent.pem"]).contains("/nonexistent.pem"));
    let mixed = Pair { certificate: one.certificate.clone(), key: other.key };
    assert!(start(&mixed, &["--tls-key", key]).contains("cert.pem and its key cannot be used"));
    let empty = Pair { certificate: String::new(), key: one.key.clone() };
    assert!(start(&empty, &["--tls-key", key]).contains("cert.pem has no certificate"));
    std::fs::write(&files.client_ca, "nothing").unwrap();
    let ca = files.client_ca.to_str().unwrap();
    let said = start(&one, &["--tls-key", key, "--tls-client-ca", ca]);
    assert!(said.contains("ca.pem has no certificate"), "{said}");
}
