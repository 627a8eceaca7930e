//! The only crate that knows where bytes live: object stores by URI, segments as random-access bytes, objects written
//! create-only.
//!
//! Nothing outside this crate names a store's client. The seam to objects is the trait of the `object_store` crate;
//! the seam to the cluster's state is [`meta::MetaStore`].

// A place in an object store, opened from a URI.
pub mod root;
// Opening of places by callers that must not hang if a file system does.
mod reach;
// The way in which a process opens places.
mod opener;
// Places that jobs may touch.
pub mod allowed;
// Operations on many objects: removal in batches, listings as streams.
mod bulk;
// Segment lists that are stored as an object.
mod inputs;
// Folders under a root: listing and pruning.
pub mod folders;
// Unfinished uploads under a root.
pub mod uploads;
// Errors of object stores, by the caller's next step.
pub mod error;
// Description of a store that does not answer, for messages.
mod place_name;

// Metrics of the stores.
mod metrics;
// Requests, counted where they are made.
mod requests;
// Decorator that counts the requests to a folder.
mod metered;

// S3 and compatible stores.
pub mod s3;
// Retry policy for failed requests.
pub mod retry;

// Wait of a computing thread for an asynchronous result.
pub mod wait;
// Segments as random-access bytes.
pub mod segment;
// Objects as a worker's thread reads and writes them.
pub mod object;

// Private folders of this process, and safe opening of files in shared places.
pub mod private;

// Outcome of a write: applied, refused, or unknown.
pub mod outcome;
// State of the cluster: etcd, and its in-memory twin.
pub mod meta;

// Store for tests that deviates from another.
#[cfg(any(test, feature = "testing"))]
pub mod bent;

pub use allowed::{AllowedRoots, RootNotAllowed};
pub use error::StorageError;
pub use metrics::describe_metrics;
pub use opener::{Missing, Open, Opener};
pub use outcome::{Outcome, Settled, settle};
pub use place_name::store_of;
pub use requests::Tally;
pub use root::{Creation, Root};
pub use s3::{S3Settings, S3Store};
