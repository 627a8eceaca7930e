//! The object store in the simulation: one bucket for all, behind a network and a server that fail.

mod client; //  what a process holds
mod service; // the objects

use std::ops::Range;

use bytes::Bytes;
use object_store::ObjectMeta;

pub(crate) use client::BucketClient;
pub(crate) use service::{Bucket, Stored};

/// A request. Keys are those of the bucket.
#[derive(Debug, Clone)]
pub(crate) enum ObjectCall {
    /// A range of an object, or all of it; its head alone.
    Get { key: String, range: Option<object_store::GetRange>, if_match: Option<String>, head: bool },
    /// A write. `id` tells this write from all others, however often it is sent.
    Put { key: String, bytes: Bytes, create: bool, id: u64 },
    /// A removal.
    Delete { key: String },
    /// Every object under a prefix.
    List { prefix: String },
}

/// What a request that was done brings.
#[derive(Debug, Clone)]
pub(crate) enum ObjectAnswer {
    /// The object.
    Got { meta: ObjectMeta, range: Range<u64>, bytes: Bytes },
    /// It is written; its tag.
    Put { etag: String },
    /// It is gone.
    Deleted,
    /// The objects.
    Listed(Vec<ObjectMeta>),
    /// There is no such object.
    NotFound,
    /// There is one already.
    Exists,
    /// It is another than was asked for.
    Changed,
    /// The store asks for time. Nothing was done.
    SlowDown,
}

impl ObjectCall {
    /// The key, or the prefix.
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Get { key, .. } | Self::Put { key, .. } | Self::Delete { key } => key,
            Self::List { prefix } => prefix,
        }
    }

    /// What it is, for the trace.
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
