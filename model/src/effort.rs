//! Effort of attempts: their requests to object stores, and the time that they took.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Kind of a request to an object store, as stores count and price it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RequestKind {
    /// Reads an object, or a range of it.
    Get,
    /// Reads size and etag of an object.
    Head,
    /// Lists a page of objects or of uploads.
    List,
    /// Writes an object in one piece.
    Put,
    /// Begins an upload in parts, sends a part, or completes the upload.
    Multipart,
    /// Copies an object.
    Copy,
    /// Removes objects, or aborts an upload.
    Delete,
    /// Asks for a property of the bucket.
    Other,
}

impl RequestKind {
    /// Every kind.
    pub const ALL: [Self; 8] =
        [Self::Get, Self::Head, Self::List, Self::Put, Self::Multipart, Self::Copy, Self::Delete, Self::Other];

    /// Returns the name, as in labels and documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::List => "list",
            Self::Put => "put",
            Self::Multipart => "multipart",
            Self::Copy => "copy",
            Self::Delete => "delete",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for RequestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Number of requests of each kind, tries that failed included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requests {
    /// See [`RequestKind::Get`].
    pub get: u64,
    /// See [`RequestKind::Head`].
    pub head: u64,
    /// See [`RequestKind::List`].
    pub list: u64,
    /// See [`RequestKind::Put`].
    pub put: u64,
    /// See [`RequestKind::Multipart`].
    pub multipart: u64,
    /// See [`RequestKind::Copy`].
    pub copy: u64,
    /// See [`RequestKind::Delete`].
    pub delete: u64,
    /// See [`RequestKind::Other`].
    pub other: u64,
}

impl Requests {
    /// No request.
    pub const ZERO: Self = Self { get: 0, head: 0, list: 0, put: 0, multipart: 0, copy: 0, delete: 0, other: 0 };

    /// Returns the number of requests of one kind.
    pub const fn of(&self, kind: RequestKind) -> u64 {
        match kind {
            RequestKind::Get => self.get,
            RequestKind::Head => self.head,
            RequestKind::List => self.list,
            RequestKind::Put => self.put,
            RequestKind::Multipart => self.multipart,
            RequestKind::Copy => self.copy,
            RequestKind::Delete => self.delete,
            RequestKind::Other => self.other,
        }
    }

    /// Adds requests of one kind. A count that another process made up stays at the largest number.
    pub fn add(&mut self, kind: RequestKind, count: u64) {
        let of_kind = match kind {
            RequestKind::Get => &mut self.get,
            RequestKind::Head => &mut self.head,
            RequestKind::List => &mut self.list,
            RequestKind::Put => &mut self.put,
            RequestKind::Multipart => &mut self.multipart,
            RequestKind::Copy => &mut self.copy,
            RequestKind::Delete => &mut self.delete,
            RequestKind::Other => &mut self.other,
        };
        *of_kind = of_kind.saturating_add(count);
    }

    /// Returns the number of requests of all kinds.
    pub fn total(&self) -> u64 {
        RequestKind::ALL.iter().fold(0, |sum, kind| sum.saturating_add(self.of(*kind)))
    }

    /// Returns the requests that S3 prices like a read.
    pub const fn reads(&self) -> u64 {
        self.get.saturating_add(self.head).saturating_add(self.other)
    }

    /// Returns the requests that S3 prices like a write. A removal is free.
    pub const fn writes(&self) -> u64 {
        self.put.saturating_add(self.multipart).saturating_add(self.list).saturating_add(self.copy)
    }
}

impl AddAssign<&Requests> for Requests {
    fn add_assign(&mut self, other: &Self) {
        RequestKind::ALL.iter().for_each(|kind| self.add(*kind, other.of(*kind)));
    }
}

/// Effort of an attempt, or of several together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Effort {
    /// Time from the grant to the end, in which the attempt holds its slot.
    pub wall: Duration,
    /// Requests to the job's stores. Those for its plan and for its report are not among them.
    pub requests: Requests,
    /// Time that requests waited because a store asked for fewer, summed over requests that waited side by side.
    pub throttled: Duration,
}

impl Effort {
    /// No effort.
    pub const ZERO: Self = Self { wall: Duration::ZERO, requests: Requests::ZERO, throttled: Duration::ZERO };
}

impl AddAssign<&Effort> for Effort {
    fn add_assign(&mut self, other: &Self) {
        self.wall = self.wall.saturating_add(other.wall);
        self.requests += &other.requests;
        self.throttled = self.throttled.saturating_add(other.throttled);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_counted_under_its_own_name_and_priced_once_or_never() {
        let mut requests = Requests::default();
        for (at, kind) in RequestKind::ALL.into_iter().enumerate() {
            requests.add(kind, 1 << at);
            assert_eq!(requests.of(kind), 1 << at, "{kind}");
        }
        let json = serde_json::to_value(requests).expect("numbers");
        for kind in RequestKind::ALL {
            assert_eq!(json[kind.name()], requests.of(kind), "{kind}");
        }
        assert_eq!(requests.total(), 255);
        assert_eq!(requests.reads() + requests.writes() + requests.delete, requests.total());
        requests += &Requests { get: u64::MAX, ..Requests::default() };
        assert_eq!(requests.get, u64::MAX);
    }
}
