//! Proxies that disturb the network between two processes. They pass bytes unchanged, so signatures stay valid.

// Proxy for S3, request by request.
pub mod http;
// Proxy for gRPC, by connection.
pub mod tcp;
mod message;

pub use http::{Fault, HttpProxy};
pub use tcp::{Network, TcpProxy};
