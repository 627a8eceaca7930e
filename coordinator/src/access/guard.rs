//! Guard: identifies the caller of each request, checks the role, and passes the caller's identity to the services.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use daemon::PeerAddress;
use model::Clock;
use proto::ApiError;
use proto::access::{CallRule, rule};
use tonic::Status;
use tonic::service::Routes;

use super::{Access, Audit, Caller, check_role};

/// Rule, clock and log of a guard.
#[derive(Debug, Clone)]
struct Guard {
    access: Access,
    clock: Arc<dyn Clock>,
    audit: Audit,
}

/// Puts a guard before all services of `routes`.
pub(crate) fn protect(routes: Routes, access: Access, clock: Arc<dyn Clock>, audit: Audit) -> Routes {
    let guard = Guard { access, clock, audit };
    Routes::from(routes.into_axum_router().layer(middleware::from_fn_with_state(guard, check)))
}

async fn check(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    match guard.admit(&request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refused) => Status::from(refused).into_http(),
    }
}

impl Guard {
    /// Returns the caller if the call may be made.
    fn admit(&self, request: &Request) -> Result<Caller, ApiError> {
        let peer = request.extensions().get::<PeerAddress>();
        let path = request.uri().path();
        let method = match rule(path) {
            _ if !self.access.is_by_role() => return Ok(Caller::anybody(peer.map(|peer| peer.address))),
            CallRule::Anybody => return Ok(Caller::anybody(peer.map(|peer| peer.address))),
            CallRule::Needs(method) => Some(method),
            CallRule::Nobody => None,
        };
        let caller = self.access.identify(peer, request.headers(), self.clock.now_ms()).inspect_err(|refused| {
            let caller = Caller::anybody(peer.map(|peer| peer.address));
            self.audit.refuse(&caller, method.map_or("unknown", |method| method.name), "identity", refused);
        })?;
        let Some(method) = method else {
            // The path is the caller's text, so it goes into no log.
            let refused = ApiError::Denied { reason: "no method of this coordinator has that name".to_owned() };
            self.audit.refuse(&caller, "unknown", "method", &refused);
            return Err(refused);
        };
        check_role(&caller, method).inspect_err(|refused| {
            self.audit.refuse(&caller, method.name, "role", refused);
        })?;
        Ok(caller)
    }
}
