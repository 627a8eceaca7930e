//! Proxy before an S3 server that misbehaves on command, for tests of a store and of processes that use one.
//!
//! Bytes pass unchanged, so signatures stay valid. Faults of whole processes, and of the network between them, are made
//! by the game days (`chaos/`), which have a proxy of their own.

// Requests and answers as bytes, with their ends.
mod message;
// Fates of requests.
mod proxy;

pub use proxy::{Fault, FaultProxy, answer, error_body};

#[cfg(test)]
mod tests;
