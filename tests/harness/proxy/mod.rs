//! What stands between two processes and makes their network worse: bytes pass as they are, so signatures stay valid.

// Requests to S3, one by one.
pub mod http;
// Connections of gRPC, as a whole.
pub mod tcp;
mod message;

pub use http::{Fault, HttpProxy};
pub use tcp::{Network, TcpProxy};
