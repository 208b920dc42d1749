//! Connections to GitHub: TLS by the machine's certificate authorities and a bundle of one's own, through the proxy
//! that the environment names.
//!
//! Promises: nothing but the address that was asked for is connected to, and the proxy where there is one; what a proxy
//! sees of an exchange is the host's name.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioIo};
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tower::Service;

use crate::github::Error;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Connections by TLS. `bundle`: certificate authorities (PEM) that are trusted beside the machine's own; `proxies`:
/// which proxy leads to an address, if any.
///
/// # Errors
/// The bundle cannot be read or holds no certificate; or there is no certificate authority at all.
pub(super) fn encrypted(bundle: Option<&Path>, proxies: Matcher) -> Result<Octocrab, Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Invalid { message: format!("TLS cannot be set up: {error}") })?
        .with_root_certificates(authorities(bundle)?)
        .with_no_client_auth();
    let proxied = Proxied { matcher: Arc::new(proxies), direct: direct() };
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1().wrap_connector(proxied);
    let service: HttpClient<_, OctoBody> = HttpClient::builder(TokioExecutor::new()).build(connector);
    match OctocrabBuilder::new_empty().with_service(service).with_auth(AuthState::None).build() {
        Ok(crab) => Ok(crab),
    }
}

/// Without TLS and without a proxy: only this machine is reached so.
pub(super) fn plain() -> Octocrab {
    let service: HttpClient<HttpConnector, OctoBody> = HttpClient::builder(TokioExecutor::new()).build(direct());
    match OctocrabBuilder::new_empty().with_service(service).with_auth(AuthState::None).build() {
        Ok(crab) => crab,
    }
}

fn direct() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_nodelay(true);
    connector
}

fn authorities(bundle: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    // Some machines hold certificates that nothing can read any more; the others serve all the same.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = bundle {
        let wrong = |why: &dyn std::fmt::Display| Error::Invalid {
            message: format!("{} holds no certificate authorities in PEM form: {why}", path.display()),
        };
        let read = CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))?;
        let before = roots.len();
        for certificate in read {
            let certificate = certificate.map_err(|error| wrong(&error))?;
            roots.add(certificate).map_err(|error| wrong(&error))?;
        }
        if roots.len() == before {
            return Err(wrong(&"there is none in it"));
        }
    }
    if roots.is_empty() {
        return Err(Error::Invalid {
            message: "the machine has no certificate authorities to check GitHub's certificate with; install the \
                      package `ca-certificates`, or give --ca-bundle FILE"
                .to_owned(),
        });
    }
    Ok(roots)
}

/// Connects directly, or through the proxy that is named for an address.
#[derive(Clone)]
struct Proxied {
    matcher: Arc<Matcher>,
    direct: HttpConnector,
}

impl Service<Uri> for Proxied {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.direct.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let Some(found) = self.matcher.intercept(&address) else {
            let connecting = self.direct.call(address);
            return Box::pin(async move { Ok(connecting.await?) });
        };
        if found.uri().scheme() != Some(&Scheme::HTTP) {
            return Box::pin(async move { Err("only a proxy at an http:// address can be used".into()) });
        }
        let mut tunnel = Tunnel::new(found.uri().clone(), self.direct.clone());
        if let Some(login) = found.basic_auth() {
            tunnel = tunnel.with_auth(login.clone());
        }
        Box::pin(async move { Ok(tunnel.call(address).await?) })
    }
}
