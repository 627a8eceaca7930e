//! gRPC in the simulation: real messages, services and statuses, over a network that delays, loses, repeats and
//! reorders.
//!
//! A client's request is taken as bytes before HTTP/2 would get it, and passed to the services of the addressed
//! coordinator.

mod channel; // client channel to a coordinator
mod serve; //   services of a coordinator

use bytes::Bytes;
use http::HeaderMap;

pub(crate) use channel::{SimChannel, framed, message};
pub(crate) use serve::serve;

/// Call as bytes.
#[derive(Debug, Clone)]
pub(crate) struct WireRequest {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Answer as bytes.
#[derive(Debug, Clone)]
pub(crate) struct WireAnswer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

/// Message that reaches a coordinator.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// Call with an id; its answer carries the same id.
    Call { id: u64, request: WireRequest },
    /// Notice that nobody waits for the answer any more.
    Reset { id: u64 },
}

impl WireRequest {
    /// Returns the method without its service.
    pub(crate) fn method(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

impl WireAnswer {
    /// Returns the gRPC status for the trace.
    pub(crate) fn status(&self) -> &str {
        let status = self.trailers.get("grpc-status").or_else(|| self.headers.get("grpc-status"));
        status.and_then(|status| status.to_str().ok()).unwrap_or("?")
    }
}
