//! Connections of clients under TLS.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use model::TimestampMs;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{PeerCertificate, Tls, verifier};

/// Stream of a client under TLS.
pub type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

/// Certificate of a server, as a client without trust sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// End of the certificate; none if the server showed none that can be read.
    pub until_ms: Option<TimestampMs>,
    /// Verdict of the check that a client makes.
    pub verdict: Result<(), String>,
}

impl Tls {
    /// Connects to a server, checks its certificate, and shows ours if there is one.
    ///
    /// # Errors
    /// The server cannot be reached, or its certificate is refused.
    pub async fn dial(&self, host: &str, port: u16) -> io::Result<TlsStream> {
        connect(self.for_client()?, host, port).await
    }

    /// Looks at the certificate of a server, also at one that is refused.
    ///
    /// # Errors
    /// The server cannot be reached.
    pub async fn inspect(&self, host: &str, port: u16) -> io::Result<Inspected> {
        let current = self.files.current();
        let Some(roots) = current.roots.clone() else {
            return Err(io::Error::other("no authority to check servers by"));
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let by_name = verifier::ByNameOrPart::new(roots, Arc::clone(&provider)).map_err(io::Error::other)?;
        let recording = Arc::new(Recording { by_name, seen: Mutex::default() });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&recording) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        let connected = connect(Arc::new(config), host, port).await;
        let seen = recording.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (seen, connected) {
            (Some(inspected), _) => Ok(inspected),
            (None, Ok(_)) => Err(io::Error::other("the server showed no certificate")),
            (None, Err(error)) => Err(error),
        }
    }
}

async fn connect(config: Arc<ClientConfig>, host: &str, port: u16) -> io::Result<TlsStream> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    TlsConnector::from(config).connect(name, stream).await
}

/// Verifier that remembers the certificate and the verdict.
#[derive(Debug)]
struct Recording {
    by_name: verifier::ByNameOrPart,
    seen: Mutex<Option<Inspected>>,
}

impl ServerCertVerifier for Recording {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.by_name.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let until_ms = PeerCertificate::read(end_entity).and_then(|certificate| certificate.until_ms);
        let verdict = verified.as_ref().map(drop).map_err(ToString::to_string);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(Inspected { until_ms, verdict });
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_name.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.by_name.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.by_name.supported_verify_schemes()
    }
}
