//! The wire: the `.proto` files, their generated code, and the one place where it meets the model.
//!
//! Servers and clients speak [`v1`]; everything behind them speaks `model`. Between the two stand [`convert`] (messages),
//! [`status`] (errors) and [`client`] (which coordinator to ask, and for how long).
//!
//! The engine reads payloads in place (`format::payload`); the `Payload` of [`v1`] serves the oracle, the importers and
//! the tests, which must not share the engine's reader.

// Messages of the wire to values of the model, and back.
pub mod convert;
// What went wrong, by what the caller does next; to a gRPC status and back.
pub mod status;
// Pages: as many entries of a listing as one answer carries.
pub mod page;
// The one policy for asking: find the leader, keep to it, go on when it moves.
pub mod client;

pub use client::{EndpointsError, LeaderClient, Policy};
pub use convert::{FieldError, required};
pub use status::ApiError;

/// Messages and services of package `tailor.v1`.
#[allow(missing_docs, reason = "generated from the commented .proto files")]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/tailor.v1.rs"));
}

/// The compiled `.proto` files, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Bytes that a message takes on the wire.
pub fn message_bytes(message: &impl prost::Message) -> usize {
    message.encoded_len()
}
