//! The `.proto` files and their generated code.
//!
//! The engine reads payloads in place (`format::payload`); these types serve the oracle, the importers and the
//! tests, which must not share the engine's reader.

/// Messages of package `tailor.v1`.
#[allow(missing_docs, reason = "generated from the commented .proto files")]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/tailor.v1.rs"));
}
