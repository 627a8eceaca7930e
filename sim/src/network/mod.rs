//! gRPC in the simulation: real messages, services and statuses, over a network that delays, loses, repeats and reorders.
//!
//! What a client sends is taken as bytes before HTTP/2 would have it, and given to the services of whichever coordinator it
//! is meant for.

mod channel; // a client's way to a coordinator
mod serve; //   a coordinator's way to its services

use bytes::Bytes;
use http::HeaderMap;

pub(crate) use channel::{SimChannel, framed, message};
pub(crate) use serve::serve;

/// A call as bytes.
#[derive(Debug, Clone)]
pub(crate) struct WireRequest {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An answer as bytes.
#[derive(Debug, Clone)]
pub(crate) struct WireAnswer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

/// What reaches a coordinator.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A call; its answer bears the same id.
    Call { id: u64, request: WireRequest },
    /// Nobody waits for the answer any more.
    Reset { id: u64 },
}

impl WireRequest {
    /// The method alone.
    pub(crate) fn method(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

impl WireAnswer {
    /// The gRPC status, for the trace.
    pub(crate) fn status(&self) -> &str {
        let status = self.trailers.get("grpc-status").or_else(|| self.headers.get("grpc-status"));
        status.and_then(|status| status.to_str().ok()).unwrap_or("?")
    }
}
