//! The wire: the `.proto` files, their generated code, and all conversions to and from the model.
//!
//! Servers and clients speak [`v1`]; the code behind them speaks `model`. In between are [`convert`] (messages),
//! [`status`] (errors) and [`client`] (search for the leader, timeouts). [`dispatch`] is the worker's side of the
//! protocol as a trait, so that one process needs no sockets.
//!
//! The engine reads payloads in place (`format::payload`). The `Payload` of [`v1`] serves the oracle, the importers
//! and the tests, which must not share the engine's reader.

// Conversions between messages and the model.
pub mod convert;
// Errors of calls, by the caller's next step, to and from gRPC statuses.
pub mod status;
// Pages of listings.
pub mod page;
// Calls of a worker to its leader, as a trait.
pub mod dispatch;
// Secret of a worker process, sent with each of its calls.
pub mod secret;
// Calls that a coordinator makes on behalf of a viewer of its pages.
pub mod relay;
// Least role of each method.
pub mod access;
// Bearer tokens, and the file of their hashes.
pub mod token;
// Client of the leader: finds it, stays with it, follows when it moves.
pub mod client;

pub use client::{CallPolicy, EndpointsError, LeaderClient};
pub use convert::{FieldError, required};
pub use dispatch::{Dispatch, DispatchError};
pub use status::ApiError;

/// Messages and services of package `tailor.v1`.
#[allow(missing_docs, reason = "generated from the commented .proto files")]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/tailor.v1.rs"));
}

/// Messages and service by which KEDA asks how many workers a pool should have.
#[allow(missing_docs, reason = "generated from the commented .proto files")]
pub mod externalscaler {
    include!(concat!(env!("OUT_DIR"), "/externalscaler.rs"));
}

/// Compiled `.proto` files, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Counts the bytes that a message takes on the wire.
pub fn message_bytes(message: &impl prost::Message) -> usize {
    message.encoded_len()
}
