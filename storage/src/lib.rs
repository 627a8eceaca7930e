//! The only crate that knows where bytes live: object stores by URI, segments as random-access bytes, objects written
//! create-only.
//!
//! Nothing outside this crate names a store's client. The seam is the `object_store` crate's trait.

/// A place in an object store, opened from a URI.
pub mod root;
/// What went wrong with a store, by what the caller does next.
pub mod error;

/// S3 and the stores that speak like it.
pub mod s3;
/// When a failed request is tried again.
pub mod retry;

/// Segments as random-access bytes.
pub mod segment;
/// Objects as a worker's thread reads and writes them.
pub mod object;

pub use error::StorageError;
pub use root::{Creation, Root};
pub use s3::{S3Settings, S3Store};
