//! TLS of servers and clients: certificate, key and authority in files, read again when they change.
//!
//! | who | shows | checks its peer by |
//! |---|---|---|
//! | coordinator, gRPC | its certificate | `tls.ca`, if the client shows a certificate; without one the client needs a token |
//! | both servers, HTTP | its certificate | nothing: probes and scrapers have no certificate |
//! | coordinator, HTTP with the dashboard | its certificate | `tls.ca`, if the client shows a certificate: a browser may |
//! | worker and command line | their certificate, if they have one | `tls.ca`: the chain, the dates, and the name (see `verifier.rs`) |
//!
//! ```text
//! files --Reread--> Loaded: configurations of rustls --> each new connection takes the current one
//! ```
//!
//! A certificate that has expired is refused when it is read. One that expires later is refused by its peers, on new
//! connections at the handshake, on open ones with the next call (`coordinator::guard`). Sessions are not resumed,
//! because a resumed session would skip the check of the dates.

mod validity; // instants between which a certificate holds
mod verifier; // check of a server's certificate by its clients
mod settings; // settings of both servers, and the rule for sockets without TLS
mod dial; //     connections to servers
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use model::{Clock, SystemClock, TimestampMs};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::reread::{FileError, NamedFile, Reread};

pub use dial::{Inspected, TlsStream};
pub use settings::{Exposure, exposure, files};

/// Protocol of gRPC, as TLS negotiates it.
const HTTP_2: &[u8] = b"h2";
/// Protocol of probes.
const HTTP_1: &[u8] = b"http/1.1";
/// Time before the end of a certificate, from which on the end is reported as a problem.
pub const EXPIRES_SOON_MS: TimestampMs = 7 * 24 * 3600 * 1000;

/// Metric of the end of certificates.
const EXPIRES: &str = "tailor_certificate_expires_timestamp_seconds";

/// Files of one server or client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate and key to show, if any.
    pub own: Option<(NamedFile, NamedFile)>,
    /// Authority by which peers are checked, if any.
    pub authority: Option<NamedFile>,
}

/// TLS of this process; clones share the files.
#[derive(Debug, Clone)]
pub struct Tls {
    files: Arc<Reread<Loaded>>,
}

/// Configurations that the files give.
#[derive(Debug)]
struct Loaded {
    server: Option<ServerConfigs>,
    client: Option<Arc<ClientConfig>>,
    /// Authority of peers, for a look at a certificate that may be refused.
    roots: Option<Arc<RootCertStore>>,
    ends: Ends,
}

/// Configurations of a server.
#[derive(Debug)]
struct ServerConfigs {
    /// Configuration of gRPC.
    calls: Arc<ServerConfig>,
    /// Configuration of HTTP, which asks nobody for a certificate.
    probes: Arc<ServerConfig>,
    /// Configuration of HTTP that takes a certificate.
    pages: Arc<ServerConfig>,
}

/// Ends of the certificates of a process, as far as they can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// End of its own certificate.
    pub own_ms: Option<TimestampMs>,
    /// End of the authority that holds longest.
    pub authority_ms: Option<TimestampMs>,
}

impl Tls {
    /// Reads the files; none if none is set.
    ///
    /// # Errors
    /// A file cannot be read, does not parse, does not fit its partner, or its certificate has expired.
    pub fn load(files: &TlsFiles) -> Result<Option<Self>, FileError> {
        let named: Vec<_> =
            files.own.iter().flat_map(|(cert, key)| [cert, key]).chain(&files.authority).cloned().collect();
        if named.is_empty() {
            return Ok(None);
        }
        let files = files.clone();
        let parse = move |contents: &[Vec<u8>]| Loaded::parse(&files, contents, SystemClock.now_ms());
        Ok(Some(Self { files: Arc::new(Reread::load(named, parse)?) }))
    }

    /// Reads the files again and again, and keeps the metric of their ends.
    pub async fn follow(self) {
        metrics::describe_gauge!(EXPIRES, "End of the certificate that this process shows, and of its authority.");
        self.files.current().ends.publish();
        let files = Arc::clone(&self.files);
        let telling = async {
            loop {
                files.current().ends.warn(SystemClock.now_ms());
                tokio::time::sleep(WARN_EVERY).await;
            }
        };
        tokio::select! {
            () = telling => {}
            () = Arc::clone(&self.files).follow(|loaded| loaded.ends.publish()) => {}
        }
    }

    /// Ends of the certificates in use.
    pub fn ends(&self) -> Ends {
        self.files.current().ends
    }

    /// True if there is a certificate to show, so that a server can be one under TLS.
    pub fn has_certificate(&self) -> bool {
        self.files.current().server.is_some()
    }

    /// True if peers can be checked.
    pub fn has_authority(&self) -> bool {
        self.files.current().client.is_some()
    }

    /// Number of changes of the files so far.
    pub fn generation(&self) -> u64 {
        self.files.generation()
    }

    /// Returns the current configuration for calls.
    pub(crate) fn for_calls(&self) -> Option<Arc<ServerConfig>> {
        self.files.current().server.as_ref().map(|server| Arc::clone(&server.calls))
    }

    /// Returns the current configuration for probes.
    pub(crate) fn for_probes(&self) -> Option<Arc<ServerConfig>> {
        self.files.current().server.as_ref().map(|server| Arc::clone(&server.probes))
    }

    /// Returns the current configuration for pages.
    pub(crate) fn for_pages(&self) -> Option<Arc<ServerConfig>> {
        self.files.current().server.as_ref().map(|server| Arc::clone(&server.pages))
    }

    fn for_client(&self) -> io::Result<Arc<ClientConfig>> {
        let client = self.files.current().client.clone();
        client.ok_or_else(|| io::Error::other("no authority to check servers by; set tls.ca"))
    }
}

/// Interval between two log lines on a certificate that ends soon.
const WARN_EVERY: std::time::Duration = std::time::Duration::from_secs(6 * 3600);

impl Ends {
    fn publish(&self) {
        for (certificate, end) in [("own", self.own_ms), ("authority", self.authority_ms)] {
            if let Some(end_ms) = end {
                metrics::gauge!(EXPIRES, "certificate" => certificate).set(end_ms as f64 / 1000.0);
            }
        }
    }

    fn warn(&self, now_ms: TimestampMs) {
        for (certificate, end) in [("own", self.own_ms), ("authority", self.authority_ms)] {
            if let Some(left_ms) = end.map(|end_ms| end_ms - now_ms).filter(|left_ms| *left_ms < EXPIRES_SOON_MS) {
                let left = in_words(left_ms);
                tracing::warn!(certificate, left, "a certificate ends soon or has ended; peers refuse it then");
            }
        }
    }
}

/// Formats the time until an end, or since it.
pub fn in_words(left_ms: TimestampMs) -> String {
    let hours = left_ms.abs() / 3_600_000;
    let span = if hours >= 48 { format!("{} days", hours / 24) } else { format!("{hours} hours") };
    if left_ms > 0 { format!("in {span}") } else { format!("{span} ago") }
}

impl Loaded {
    fn parse(files: &TlsFiles, contents: &[Vec<u8>], now_ms: TimestampMs) -> Result<Self, FileError> {
        let mut contents = contents.iter();
        let mut next = || contents.next().expect("a content for each file").as_slice();
        let own = match &files.own {
            Some((cert, key)) => Some(Own::parse((cert, next()), (key, next()), now_ms)?),
            None => None,
        };
        let authority = match &files.authority {
            Some(file) => Some(Authority::parse(file, next(), now_ms)?),
            None => None,
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = match (&own, &files.own) {
            (Some(own), Some((_, key))) => {
                let roots = authority.as_ref().map(|authority| Arc::clone(&authority.roots));
                let made = own.serve_all(&provider, roots);
                Some(made.map_err(|error| FileError::new(key, error))?)
            }
            _ => None,
        };
        let client = match (&authority, &files.authority) {
            (Some(authority), Some(file)) => {
                let made = authority.call(&provider, own.as_ref());
                Some(made.map_err(|error| FileError::new(file, error))?)
            }
            _ => None,
        };
        let ends = Ends {
            own_ms: own.as_ref().and_then(|own| own.until_ms),
            authority_ms: authority.as_ref().and_then(|authority| authority.until_ms),
        };
        let roots = authority.map(|authority| authority.roots);
        Ok(Self { server, client, roots, ends })
    }
}

/// Certificate to show, with its key.
struct Own {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    until_ms: Option<TimestampMs>,
}

impl Own {
    fn parse(cert: (&NamedFile, &[u8]), key: (&NamedFile, &[u8]), now_ms: TimestampMs) -> Result<Self, FileError> {
        let chain = certificates(cert.0, cert.1)?;
        let until_ms = validity::of(&chain[0]).map(|validity| validity.until_ms);
        if let Some(left_ms) = until_ms.map(|until_ms| until_ms - now_ms).filter(|left_ms| *left_ms <= 0) {
            return Err(FileError::new(cert.0, format!("the certificate expired {}; renew it", in_words(left_ms))));
        }
        let parsed = PrivateKeyDer::from_pem_slice(key.1);
        let key = parsed.map_err(|error| FileError::new(key.0, format!("no private key in PEM: {error}")))?;
        Ok(Self { chain, key, until_ms })
    }

    /// Builds the configurations of a server whose clients may show certificates of `roots`, if there are any.
    fn serve_all(
        &self,
        provider: &Arc<CryptoProvider>,
        roots: Option<Arc<RootCertStore>>,
    ) -> Result<ServerConfigs, rustls::Error> {
        Ok(ServerConfigs {
            calls: self.serve(provider, roots.clone(), HTTP_2)?,
            probes: self.serve(provider, None, HTTP_1)?,
            pages: self.serve(provider, roots, HTTP_1)?,
        })
    }

    /// Builds the configuration of a server that checks certificates of clients by `roots`, if there are any.
    fn serve(
        &self,
        provider: &Arc<CryptoProvider>,
        roots: Option<Arc<RootCertStore>>,
        protocol: &[u8],
    ) -> Result<Arc<ServerConfig>, rustls::Error> {
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(provider)).with_safe_default_protocol_versions()?;
        let builder = match roots {
            Some(roots) => {
                // A client without a certificate may still have a token, so it is let in as nobody.
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider))
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| rustls::Error::General(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = vec![protocol.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}

/// Certificates by which peers are checked.
struct Authority {
    roots: Arc<RootCertStore>,
    until_ms: Option<TimestampMs>,
}

impl Authority {
    fn parse(file: &NamedFile, pem: &[u8], now_ms: TimestampMs) -> Result<Self, FileError> {
        let mut roots = RootCertStore::empty();
        let mut until_ms = None;
        for certificate in certificates(file, pem)? {
            until_ms = until_ms.max(validity::of(&certificate).map(|validity| validity.until_ms));
            roots.add(certificate).map_err(|error| FileError::new(file, error))?;
        }
        if let Some(left_ms) = until_ms.map(|until_ms| until_ms - now_ms).filter(|left_ms| *left_ms <= 0) {
            return Err(FileError::new(file, format!("the authority expired {}; renew it", in_words(left_ms))));
        }
        Ok(Self { roots: Arc::new(roots), until_ms })
    }

    /// Builds the configuration of a client that shows `own`, if it has a certificate.
    fn call(&self, provider: &Arc<CryptoProvider>, own: Option<&Own>) -> Result<Arc<ClientConfig>, rustls::Error> {
        let verifier = verifier::ByNameOrPart::new(Arc::clone(&self.roots), Arc::clone(provider))?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match own {
            Some(own) => builder.with_client_auth_cert(own.chain.clone(), own.key.clone_key())?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![HTTP_2.to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Arc::new(config))
    }
}

fn certificates(file: &NamedFile, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let parsed = parsed.map_err(|error| FileError::new(file, format!("no certificates in PEM: {error}")))?;
    if parsed.is_empty() {
        return Err(FileError::new(file, "the file has no certificate in PEM"));
    }
    Ok(parsed)
}

/// Certificate that a peer has shown, and rustls has verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// URIs among its subject alternative names.
    pub uris: Vec<String>,
    /// End of its validity; none if it cannot be read.
    pub until_ms: Option<TimestampMs>,
}

impl PeerCertificate {
    /// Reads a certificate; none if it is malformed.
    fn read(certificate: &CertificateDer<'_>) -> Option<Self> {
        let parsed = webpki::EndEntityCert::try_from(certificate).ok()?;
        let uris = parsed.valid_uri_names().map(str::to_owned).collect();
        Some(Self { uris, until_ms: validity::of(certificate).map(|validity| validity.until_ms) })
    }

    /// Reads the certificate of the peer of a connection.
    pub(crate) fn of_client(connection: &rustls::ServerConnection) -> Option<Self> {
        Self::read(connection.peer_certificates()?.first()?)
    }
}
