//! Service for workers with two limits of message size: a report may be large, other messages are small.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use model::limits::{MESSAGE_BYTES_MAX, REQUEST_BYTES_MAX};
use proto::v1::worker_service_server::{SERVICE_NAME, WorkerServiceServer};
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;

use super::Workers;

/// Call that carries a report.
const LARGE_CALL: &str = "/Complete";

/// Copies of the service, one per limit.
#[derive(Debug, Clone)]
pub(crate) struct BySize {
    large: WorkerServiceServer<Workers>,
    small: WorkerServiceServer<Workers>,
}

impl BySize {
    /// Creates the service from copies that `workers` makes.
    pub(crate) fn new(workers: impl Fn() -> Workers) -> Self {
        let bounded = |bytes_max| {
            let server = WorkerServiceServer::new(workers());
            server.max_decoding_message_size(bytes_max).max_encoding_message_size(MESSAGE_BYTES_MAX)
        };
        Self { large: bounded(MESSAGE_BYTES_MAX), small: bounded(REQUEST_BYTES_MAX) }
    }
}

impl NamedService for BySize {
    const NAME: &'static str = SERVICE_NAME;
}

impl Service<http::Request<Body>> for BySize {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let server = if request.uri().path().ends_with(LARGE_CALL) { &mut self.large } else { &mut self.small };
        server.call(request)
    }
}
