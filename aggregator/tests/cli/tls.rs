//! TLS: whom the commands trust, and whom they say they are.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::PrivateKeyDer;
use tempfile::TempDir;

use crate::program::fas;

/// An authority, what it has signed, and the files of its clients.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
    files: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("ca.pem"), certificate.pem()).unwrap();
        Self { issuer: Issuer::new(params, key), certificate, files }
    }

    fn sign(&self) -> (rcgen::Certificate, KeyPair) {
        self.sign_until(4096)
    }

    /// A certificate that is good until a year.
    fn sign_until(&self, year: i32) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn path(&self, name: &str) -> String {
        self.files.path().join(name).to_str().unwrap().to_owned()
    }

    /// Starts a server that wants its clients to be signed too, and answers them with nothing.
    fn serve(&self) -> String {
        self.serve_as(self.sign())
    }

    fn serve_as(&self, (certificate, key): (rcgen::Certificate, KeyPair)) -> String {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || answer_all(&listener, &Arc::new(config)));
        url
    }
}

fn answer_all(listener: &TcpListener, config: &Arc<ServerConfig>) {
    for socket in listener.incoming() {
        let connection = ServerConnection::new(Arc::clone(config)).unwrap();
        let mut stream = StreamOwned::new(connection, socket.unwrap());
        // A client that is refused has nothing to say.
        if stream.read(&mut [0; 4096]).is_ok() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        }
    }
}

#[test]
fn a_private_authority_vouches_for_both_sides() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign();
    std::fs::write(authority.path("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(authority.path("key.pem"), key.serialize_pem()).unwrap();
    let url = authority.serve();
    let ca = authority.path("ca.pem");
    let (cert, key) = (authority.path("cert.pem"), authority.path("key.pem"));

    fas(&url, &["flows", "--ca", &ca, "--cert", &cert, "--key", &key]).good();
    let unknown = fas(&url, &["flows", "--cert", &cert, "--key", &key]).error(1);
    assert!(unknown.contains("UnknownIssuer"), "{unknown}");
    fas(&url, &["flows", "--ca", &ca]).error(1);
    assert_eq!(fas(&url, &["flows", "--cert", &cert]).code, 2, "a certificate needs its key");
    let swapped = fas(&url, &["flows", "--ca", &key]).error(2);
    assert!(swapped.contains("has no certificate"), "{swapped}");
}

#[test]
fn the_doctor_says_what_is_wrong_with_the_way_there() {
    let authority = Authority::new();
    let url = authority.serve();
    let ca = authority.path("ca.pem");
    let told = |url: &str, arguments: &[&str]| {
        let run = fas(url, &[&["doctor"], arguments].concat());
        assert_eq!((run.code, run.stdout.lines().count()), (2, 1), "{run:?}");
        assert!(run.stdout.starts_with("problem  reachable "), "{run:?}");
        run.stdout
    };
    let expect = |told: String, advice: &str| assert!(told.contains(advice), "{told}");
    expect(told(&url, &[]), "--ca");
    expect(told(&url, &["--ca", &ca]), "--cert and --key");
    let named = url.replace("127.0.0.1", "localhost");
    expect(told(&named, &["--ca", &ca]), "another name");
    let expired = authority.serve_as(authority.sign_until(2020));
    expect(told(&expired, &["--ca", &ca]), "Renew");
    expect(told(&url.replace("https", "http"), &[]), "https://");
    let plain = crate::fake::Fake::start().url;
    expect(told(&plain.replace("http", "https"), &[]), "http://");
    // Nobody is there at all.
    expect(told("http://127.0.0.1:9", &[]), "Is fas running");
}
