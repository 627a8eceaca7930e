//! Access to the services: identities, roles, the audit log.
//!
//! ```text
//! connection --certificate--+
//! header ------token--------+--> guard: who? may they? --> service: may it touch that place? --> leader
//!                                   |                          |
//!                                   +---- audit log, metric ---+
//! ```
//!
//! `proto::access` has the least role of each method. The guard decides before a request is decoded. Without TLS and
//! tokens it lets everybody in; then the server listens on its own machine, or the setting `insecure` is on.

mod caller; // identity of a caller
mod guard; //  check of each call
mod audit; //  log of changes, and of refused calls
#[cfg(test)]
mod tests;

use std::sync::Arc;

use daemon::PeerAddress;
use daemon::reread::Reread;
use model::{ClientRole, PeerName, TimestampMs, identity::PeerPart};
use proto::ApiError;
use proto::access::CallMethod;
use proto::relay;
use proto::token::Tokens;
use tonic::codegen::http::{HeaderMap, HeaderValue};

pub(crate) use audit::{Act, Audit, AuditWriter};
pub(crate) use caller::{Caller, Proof};
pub(crate) use guard::protect;

/// Kinds of refusals, as the metric has them: no identity that is known, too low a role, no such method, a place that is
/// not allowed, the lease of another worker.
pub(crate) const REFUSALS: [&str; 5] = ["identity", "role", "method", "place", "lease"];

/// Rule by which callers are let in.
#[derive(Debug, Clone, Default)]
pub struct Access {
    roles: Option<Roles>,
}

/// Sources of identities.
#[derive(Debug, Clone)]
struct Roles {
    /// Cluster that certificates must name; none for any.
    cluster: Option<String>,
    tokens: Option<Arc<Reread<Tokens>>>,
}

impl Access {
    /// Lets everybody in.
    pub fn open() -> Self {
        Self::default()
    }

    /// Asks each caller for a certificate of `cluster` (of any, if none is named) or one of `tokens`.
    pub fn by_role(cluster: Option<String>, tokens: Option<Arc<Reread<Tokens>>>) -> Self {
        Self { roles: Some(Roles { cluster, tokens }) }
    }

    /// True if callers need a role.
    pub(crate) fn is_by_role(&self) -> bool {
        self.roles.is_some()
    }

    /// Identifies the caller of a request.
    pub(crate) fn identify(
        &self,
        peer: Option<&PeerAddress>,
        headers: &HeaderMap,
        now_ms: TimestampMs,
    ) -> Result<Caller, ApiError> {
        let from = peer.map(|peer| peer.address);
        let Some(roles) = &self.roles else { return Ok(Caller::anybody(from)) };
        if let Some(certificate) = peer.and_then(|peer| peer.certificate.as_ref()) {
            if certificate.until_ms.is_some_and(|until_ms| until_ms <= now_ms) {
                return Err(nobody("the certificate of this connection has expired; connect with its successor"));
            }
            if let Some(name) = roles.owner(&certificate.uris, headers)? {
                return Ok(Caller { from, ..name });
            }
        }
        let Some(sent) = headers.get("authorization") else {
            return Err(nobody(
                "this coordinator asks for an identity; show a certificate (--tls-cert, --tls-key) or a token (--token-file)",
            ));
        };
        let token = sent.to_str().ok().and_then(|sent| sent.strip_prefix("Bearer "));
        let tokens = roles.tokens.as_ref().map(|tokens| tokens.current());
        match token.and_then(|token| tokens.as_ref()?.owner(token).cloned()) {
            Some(owner) => Ok(Caller { name: owner.name, role: Some(owner.role), from, proof: Proof::Token }),
            None => Err(nobody("the token is not known here; ask for one, and see `tailor token new`")),
        }
    }
}

impl Roles {
    /// Returns the owner that a certificate names; none if it names no owner of ours.
    fn owner(&self, uris: &[String], headers: &HeaderMap) -> Result<Option<Caller>, ApiError> {
        let mut ours = uris.iter().filter(|uri| PeerName::is_ours(uri));
        let (Some(uri), None) = (ours.next(), ours.next()) else {
            return match uris.iter().any(|uri| PeerName::is_ours(uri)) {
                true => {
                    Err(nobody("the certificate names several owners; one URI tailor://CLUSTER/ROLE/NAME is right"))
                }
                false => Ok(None),
            };
        };
        let peer: PeerName = uri.parse().map_err(|error| nobody(&format!("the certificate: {error}")))?;
        if self.cluster.as_ref().is_some_and(|cluster| *cluster != peer.cluster) {
            return Err(nobody(&format!("the certificate is of cluster '{}', not of this one", peer.cluster)));
        }
        match peer.part {
            PeerPart::Client(role) => {
                Ok(Some(Caller { name: peer.name, role: Some(role), from: None, proof: Proof::Certificate }))
            }
            // The pages of a coordinator that follows ask the one that leads, and act for those who look at them.
            PeerPart::Coordinator => match headers.get(relay::ON_BEHALF_OF) {
                None => Ok(Some(Caller {
                    name: peer.name,
                    role: Some(ClientRole::Viewer),
                    from: None,
                    proof: Proof::Certificate,
                })),
                Some(sent) => relayed(sent).map(Some),
            },
        }
    }
}

/// Returns the person for whom a coordinator calls.
pub(crate) fn relayed(sent: &HeaderValue) -> Result<Caller, ApiError> {
    let (role, name) =
        sent.to_str().ok().and_then(relay::parse).ok_or_else(|| nobody("the call is for nobody in particular"))?;
    Ok(Caller { name, role: Some(role), from: None, proof: Proof::Relayed })
}

fn nobody(reason: &str) -> ApiError {
    ApiError::Unauthenticated { reason: reason.to_owned() }
}

/// Checks that the caller's role allows the method.
fn check_role(caller: &Caller, method: &CallMethod) -> Result<(), ApiError> {
    match caller.role {
        Some(role) if !role.may(method.least) => {
            let (name, least) = (&caller.name, method.least);
            let reason = format!("{role} {name} may not call {}, which needs the role {least}", method.name);
            Err(ApiError::Denied { reason })
        }
        _ => Ok(()),
    }
}
