//! Connection of pages to a coordinator: to the services of this process directly, to others over the network.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use proto::client::Link;
use proto::relay;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Service, StdError, http};
use tonic::service::Routes;

use crate::access::{Caller, relayed};

/// Services of this process, once it has them: before etcd is reached there are none.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnServices(Arc<OnceLock<Routes>>);

impl OwnServices {
    /// Sets the services, without a guard before them: pages have a guard of their own.
    pub(crate) fn set(&self, services: Routes) {
        // A process has one coordinator, so there is nothing to replace.
        let _ = self.0.set(services);
    }
}

/// Connection to one coordinator.
#[derive(Clone)]
pub(crate) enum Reach {
    /// This coordinator.
    Own(OwnServices),
    /// Coordinator that leads instead.
    Other(Link),
}

impl Service<http::Request<Body>> for Reach {
    type Response = http::Response<Body>;
    type Error = StdError;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, StdError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let services = match self {
            Self::Other(link) => return link.call(request),
            Self::Own(services) => services.0.get().cloned(),
        };
        let Some(mut services) = services else {
            let away = Status::unavailable("this coordinator has not reached etcd yet");
            return Box::pin(async move { Ok(away.into_http()) });
        };
        let caller = match request.headers().get(relay::ON_BEHALF_OF).map(relayed) {
            None => Caller::pages(),
            Some(Ok(person)) => person,
            Some(Err(refused)) => return Box::pin(async move { Ok(Status::from(refused).into_http()) }),
        };
        request.extensions_mut().insert(caller);
        Box::pin(async move { Ok(services.call(request).await?) })
    }
}
