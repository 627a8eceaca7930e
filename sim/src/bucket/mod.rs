//! Object store of the simulation: one bucket for all processes, behind a network and a server that fail.

mod client; //  client in a process
mod service; // objects and their changes

use std::ops::Range;

use bytes::Bytes;
use object_store::ObjectMeta;

pub(crate) use client::BucketClient;
pub(crate) use service::{Bucket, Stored};

/// Request to the bucket, with full keys.
#[derive(Debug, Clone)]
pub(crate) enum ObjectCall {
    /// Reads a range of an object, a whole object, or only its head.
    Get { key: String, range: Option<object_store::GetRange>, if_match: Option<String>, head: bool },
    /// Writes an object. `id` identifies the write, however often it is sent.
    Put { key: String, bytes: Bytes, create: bool, id: u64 },
    /// Removes an object, if it exists.
    Delete { key: String },
    /// Lists every object under a prefix.
    List { prefix: String },
}

/// Answer to a request.
#[derive(Debug, Clone)]
pub(crate) enum ObjectAnswer {
    /// Object that was read.
    Got { meta: ObjectMeta, range: Range<u64>, bytes: Bytes },
    /// The object is written, with this etag.
    Put { etag: String },
    /// The object is removed.
    Deleted,
    /// Objects under the prefix.
    Listed(Vec<ObjectMeta>),
    /// No such object exists.
    NotFound,
    /// The object already exists.
    Exists,
    /// The object has changed since the etag in the request.
    Changed,
    /// The store asks for time, and has done nothing.
    SlowDown,
}

impl ObjectCall {
    /// Returns the key or the prefix.
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Get { key, .. } | Self::Put { key, .. } | Self::Delete { key } => key,
            Self::List { prefix } => prefix,
        }
    }

    /// Returns the operation's name for the trace.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Get { head: true, .. } => "head",
            Self::Get { .. } => "get",
            Self::Put { create: true, .. } => "create",
            Self::Put { .. } => "put",
            Self::Delete { .. } => "delete",
            Self::List { .. } => "list",
        }
    }
}
