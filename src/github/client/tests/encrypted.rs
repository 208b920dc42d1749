//! TLS by authorities of one's own, and proxies.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt as _;
use hyper_util::client::proxy::matcher::Matcher;
use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use super::clock;
use crate::github::Error;
use crate::github::client::transport::{Answer, Call, Transport};

/// A name that nobody can look up: who reaches it came through the proxy.
const NAME: &str = "github.invalid";

/// A server that speaks TLS by a certificate of an authority of its own, for this name.
struct Encrypted {
    port: u16,
    bundle: PathBuf,
    _folder: tempfile::TempDir,
}

impl Encrypted {
    async fn start(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed");
        let key = KeyPair::generate().expect("a key");
        let named = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = named.signed_by(&key, &authority).expect("signed");
        let folder = tempfile::tempdir().expect("a folder");
        let bundle = folder.path().join("authorities.pem");
        std::fs::write(&bundle, authority.pem()).expect("written");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("its address").port();
        tokio::spawn(answer_all(listener, TlsAcceptor::from(Arc::new(config))));
        Self { port, bundle, _folder: folder }
    }
}

/// Answers one request of each connection.
async fn answer_all(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((connection, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // Whoever does not trust us goes away here.
            let Ok(connection) = acceptor.accept(connection).await else { return };
            let mut connection = BufReader::new(connection);
            head(&mut connection).await;
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            connection.write_all(answer.as_bytes()).await.expect("answered");
            drop(connection.shutdown().await);
        });
    }
}

/// The lines before a body.
async fn head(connection: &mut (impl tokio::io::AsyncBufRead + Unpin)) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).await.expect("read");
        if line.trim().is_empty() {
            return lines;
        }
        lines.push(line.trim().to_owned());
    }
}

/// A proxy that leads every tunnel to one port, and tells what it was asked.
async fn proxy(to: u16) -> (u16, mpsc::UnboundedReceiver<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let (told, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let mut client = BufReader::new(client);
            told.send(head(&mut client).await).expect("somebody listens");
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("answered");
            let mut server = TcpStream::connect(("127.0.0.1", to)).await.expect("the server");
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut client, &mut server).await });
        }
    });
    (port, asked)
}

async fn asks(transport: &Transport) -> Result<Answer, Error> {
    transport.exchange(&Call::get("/app".to_owned(), "the App"), Some(&SecretString::from("of-the-test"))).await
}

#[tokio::test]
async fn a_server_is_trusted_by_the_bundle_that_is_given_and_by_nothing_else() {
    let server = Encrypted::start("localhost").await;
    let url = format!("https://localhost:{}/api/v3", server.port);
    let to = |bundle: Option<&PathBuf>| {
        Transport::through(&url, bundle.map(PathBuf::as_path), Matcher::builder().build(), clock())
    };
    assert_eq!(asks(&to(Some(&server.bundle)).expect("a way")).await.expect("answered").body, b"{}");
    let other = Encrypted::start("localhost").await;
    let refused = asks(&to(Some(&other.bundle)).expect("a way")).await.expect_err("of another authority");
    assert!(matches!(refused, Error::Unreachable { .. }), "{refused}");
    let wrong = server.bundle.with_file_name("empty.pem");
    std::fs::write(&wrong, "no certificate\n").expect("written");
    for path in [wrong.clone(), wrong.with_file_name("missing.pem")] {
        let error = to(Some(&path)).expect_err("nothing to trust").to_string();
        assert!(error.contains(&path.display().to_string()) && error.contains("PEM"), "{error}");
    }
}

#[tokio::test]
async fn a_proxy_is_told_the_hosts_name_and_nothing_of_the_exchange() {
    let server = Encrypted::start(NAME).await;
    let (port, mut asked) = proxy(server.port).await;
    let proxies = || Matcher::builder().https(format!("http://me:word@127.0.0.1:{port}"));
    let url = format!("https://{NAME}/api/v3");
    let way = Transport::through(&url, Some(&server.bundle), proxies().build(), clock()).expect("a way");
    assert_eq!(asks(&way).await.expect("answered").body, b"{}");
    let lines = asked.recv().await.expect("it was asked");
    assert_eq!(lines[0], format!("CONNECT {NAME}:443 HTTP/1.1"));
    let authorization = lines.iter().find(|line| line.to_lowercase().starts_with("proxy-authorization: basic"));
    assert!(authorization.is_some(), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("of-the-test") || line.contains("/app")), "{lines:?}");
    // A host that is excepted is connected to directly.
    let near = Encrypted::start("localhost").await;
    let url = format!("https://localhost:{}", near.port);
    let way = Transport::through(&url, Some(&near.bundle), proxies().no("localhost").build(), clock()).expect("a way");
    assert_eq!(asks(&way).await.expect("answered").body, b"{}");
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn a_proxy_behind_tls_is_refused_not_spoken_to_in_the_clear() {
    let server = Encrypted::start(NAME).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = nobody.local_addr().expect("its address").port();
    let proxies = Matcher::builder().https(format!("https://127.0.0.1:{port}")).build();
    let url = format!("https://{NAME}");
    let way = Transport::through(&url, Some(&server.bundle), proxies, clock()).expect("a way");
    assert!(matches!(asks(&way).await.expect_err("refused"), Error::Unreachable { .. }));
    assert!(nobody.accept().now_or_never().is_none(), "it was connected to");
}
