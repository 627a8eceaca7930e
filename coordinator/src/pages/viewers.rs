//! Viewers: the identity of a request for a page. It is the identity of a call, by the same rule: a certificate of the
//! connection, or a token. A browser sends a token as the password of basic authentication, whatever the user's name.

use std::fmt;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use daemon::PeerAddress;
use dashboard::{Viewer, ViewerGuard, ViewerRefusal};
use model::{ClientRole, Clock};

use crate::access::Access;

/// Rule by which viewers are let in.
pub(super) struct Viewers {
    pub(super) access: Access,
    pub(super) clock: Arc<dyn Clock>,
}

impl fmt::Debug for Viewers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Viewers").field("access", &self.access).finish_non_exhaustive()
    }
}

impl ViewerGuard for Viewers {
    fn admit(&self, request: &Parts) -> Result<Viewer, ViewerRefusal> {
        let peer = request.extensions.get::<ConnectInfo<PeerAddress>>().map(|peer| &peer.0);
        let headers = with_bearer(&request.headers);
        let caller = self.access.identify(peer, &headers, self.clock.now_ms()).map_err(|error| {
            metrics::counter!("tailor_calls_refused_total", "reason" => "identity").increment(1);
            ViewerRefusal { reason: error.to_string(), is_unknown: true }
        })?;
        match caller.role {
            Some(role) if !role.may(ClientRole::Viewer) => {
                metrics::counter!("tailor_calls_refused_total", "reason" => "role").increment(1);
                let reason = format!("{role} {} may not look at these pages, which need the role viewer", caller.name);
                Err(ViewerRefusal { reason, is_unknown: false })
            }
            role => {
                let may_act = role.is_none_or(|role| role.may(ClientRole::Operator));
                Ok(Viewer { name: caller.proven(), may_act })
            }
        }
    }
}

/// Returns the headers with a token as a call has it, where a browser has sent it as a password.
fn with_bearer(headers: &HeaderMap) -> HeaderMap {
    let mut shown = HeaderMap::new();
    if let Some(sent) = headers.get(AUTHORIZATION) {
        shown.insert(AUTHORIZATION, password(sent).unwrap_or_else(|| sent.clone()));
    }
    shown
}

/// Returns the password of basic authentication as a bearer token; none if the header is something else.
fn password(sent: &HeaderValue) -> Option<HeaderValue> {
    let encoded = sent.to_str().ok()?.strip_prefix("Basic ")?;
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (_, password) = decoded.split_once(':')?;
    let mut value = HeaderValue::try_from(format!("Bearer {password}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}
