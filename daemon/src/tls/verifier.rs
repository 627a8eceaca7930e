//! Check of a server's certificate by its clients.
//!
//! The chain must lead to `tls.ca`, the dates must hold, and one of these two must be so:
//!
//! - the certificate is for the host of the URL, as in any TLS;
//! - the certificate says that its owner is a coordinator, by the URI `tailor://<cluster>/coordinator/<name>`. A pod is
//!   called by its address, which no certificate knows before the pod is there. The authority of a cluster gives this
//!   part to coordinators alone, so a worker cannot pose as one.

use std::sync::Arc;

use model::PeerName;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::PeerCertificate;

/// Verifier that accepts a server by its name or its part.
#[derive(Debug)]
pub(super) struct ByNameOrPart {
    by_name: Arc<WebPkiServerVerifier>,
}

impl ByNameOrPart {
    pub(super) fn new(roots: Arc<RootCertStore>, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let by_name = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
        Ok(Self { by_name: by_name.map_err(|error| Error::General(error.to_string()))? })
    }
}

impl ServerCertVerifier for ByNameOrPart {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.by_name.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // rustls looks at the name last: chain and dates hold.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if is_coordinator(end_entity) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
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

/// True if the certificate names one owner, a coordinator.
fn is_coordinator(certificate: &CertificateDer<'_>) -> bool {
    let Some(certificate) = PeerCertificate::read(certificate) else { return false };
    let mut ours = certificate.uris.iter().filter(|uri| PeerName::is_ours(uri));
    ours.next().is_some_and(|uri| PeerName::is_coordinator(uri)) && ours.next().is_none()
}
