//! The only crate that knows where bytes live: object stores by URI, segments as random-access bytes, objects written
//! create-only.
//!
//! Nothing outside this crate names a store's client. The seam to objects is the `object_store` crate's trait; the seam to
//! the cluster's state is [`meta::MetaStore`].

// A place in an object store, opened from a URI.
pub mod root;
// The same, for whoever must not hang where a file system does.
mod reach;
// Operations on many objects: removal in batches, listings as streams.
mod bulk;
// The segments that a plan or a manifest is about.
mod inputs;
// Folders under a root: listed, pruned.
pub mod folders;
// Uploads under a root that nobody finished.
pub mod uploads;
// What went wrong with a store, by what the caller does next.
pub mod error;
// What a store is called where it does not answer.
mod place_name;

// What the stores count.
mod metrics;

// S3 and the stores that speak like it.
pub mod s3;
// When a failed request is tried again.
pub mod retry;

// How a thread that computes waits for what is asynchronous.
pub mod wait;
// Segments as random-access bytes.
pub mod segment;
// Objects as a worker's thread reads and writes them.
pub mod object;

// Folders of this process alone, and opening what others may have put there.
pub mod private;

// How a write ended: applied, refused, or unknown.
pub mod outcome;
// The state of the cluster: etcd, and its twin in memory.
pub mod meta;

pub use error::StorageError;
pub use metrics::describe_metrics;
pub use outcome::{Outcome, Settled, settle};
pub use place_name::store_of;
pub use root::{Creation, Root};
pub use s3::{S3Settings, S3Store};
