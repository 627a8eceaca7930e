//! Requests to object stores, counted where they are made: for the metrics of the process, and for the attempt that made
//! them.
//!
//! | request | counted by |
//! |---|---|
//! | to a bucket | `s3::calls`, each try alone, because the store prices each |
//! | to a folder, or to a store that a test hands in | [`crate::metered`], each call |
//! | to a file that a slot reads or writes itself | `object` and `segment`: each piece that is read or mapped, each object |
//!
//! A worker's own scratch folder is not counted: no store serves it. The time of a request ends with the head of its
//! answer; a body is read at the pace of its reader.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use model::{RequestKind, Requests};
use tokio::time::Instant;

use crate::metrics;

/// End of a request, as the label of its metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestEnd {
    /// The store did it.
    Ok,
    /// The object does not exist.
    NotFound,
    /// A condition of the request does not hold: the object exists, or is another one.
    Conflict,
    /// The store asked for fewer requests.
    Throttled,
    /// The store refused the caller.
    Denied,
    /// The store failed, or could not be reached.
    Error,
    /// The caller went away before there was an answer.
    Abandoned,
}

impl RequestEnd {
    /// Every end.
    pub(crate) const ALL: [Self; 7] =
        [Self::Ok, Self::NotFound, Self::Conflict, Self::Throttled, Self::Denied, Self::Error, Self::Abandoned];

    /// Returns the label.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::Throttled => "throttled",
            Self::Denied => "denied",
            Self::Error => "error",
            Self::Abandoned => "abandoned",
        }
    }

    /// Returns the end of a request by the result of the `object_store` crate.
    pub(crate) const fn of<T>(result: &Result<T, object_store::Error>) -> Self {
        use object_store::Error;
        match result {
            Ok(_) => Self::Ok,
            Err(Error::NotFound { .. }) => Self::NotFound,
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. }) => Self::Conflict,
            Err(Error::PermissionDenied { .. } | Error::Unauthenticated { .. }) => Self::Denied,
            Err(_) => Self::Error,
        }
    }

    /// Returns the end of an operation on a file.
    pub(crate) fn of_file<T>(result: &std::io::Result<T>) -> Self {
        use std::io::ErrorKind;
        match result.as_ref().map_err(std::io::Error::kind) {
            Ok(_) => Self::Ok,
            Err(ErrorKind::NotFound) => Self::NotFound,
            Err(ErrorKind::AlreadyExists) => Self::Conflict,
            Err(ErrorKind::PermissionDenied) => Self::Denied,
            Err(_) => Self::Error,
        }
    }
}

/// Requests of one attempt, and the time for which a store made them wait.
#[derive(Debug, Default)]
pub struct Tally {
    counts: [AtomicU64; RequestKind::ALL.len()],
    throttled_us: AtomicU64,
}

impl Tally {
    /// Returns the requests so far, by kind.
    pub fn requests(&self) -> Requests {
        let mut requests = Requests::default();
        for (kind, count) in RequestKind::ALL.into_iter().zip(&self.counts) {
            requests.add(kind, count.load(Ordering::Relaxed));
        }
        requests
    }

    /// Returns the time for which requests waited because a store asked for fewer, summed over those that waited side by
    /// side.
    pub fn throttled(&self) -> Duration {
        Duration::from_micros(self.throttled_us.load(Ordering::Relaxed))
    }
}

/// Meter of a place: counts for the process, and for an attempt if the place was opened for one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter {
    tally: Option<Arc<Tally>>,
    /// True for a place that no store serves.
    is_off: bool,
}

impl Meter {
    /// Creates the meter of a place that was opened for an attempt.
    pub(crate) fn of(tally: Arc<Tally>) -> Self {
        Self { tally: Some(tally), is_off: false }
    }

    /// Creates a meter that counts nothing.
    pub(crate) fn off() -> Self {
        Self { tally: None, is_off: true }
    }

    /// Begins a request.
    pub(crate) fn begin(&self, kind: RequestKind) -> CountedRequest {
        self.note(kind);
        CountedRequest { kind, end: RequestEnd::Abandoned, began: (!self.is_off).then(Instant::now) }
    }

    /// Counts a request that is over, and whose time is not known.
    pub(crate) fn count(&self, kind: RequestKind, end: RequestEnd) {
        self.note(kind);
        if !self.is_off {
            metrics::request_ended(kind, end);
        }
    }

    fn note(&self, kind: RequestKind) {
        if let Some(tally) = &self.tally {
            tally.counts[kind as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds time for which a request waited because the store asked for fewer.
    pub(crate) fn throttled(&self, waited: Duration) {
        if let Some(tally) = &self.tally {
            tally.throttled_us.fetch_add(waited.as_micros() as u64, Ordering::Relaxed);
        }
    }
}

/// Request that is under way. It is counted when it ends, or when its caller drops it.
#[derive(Debug)]
pub(crate) struct CountedRequest {
    kind: RequestKind,
    end: RequestEnd,
    /// None if the request is not counted.
    began: Option<Instant>,
}

impl CountedRequest {
    /// Sets the end that is counted when the request is dropped.
    pub(crate) fn will_end(&mut self, end: RequestEnd) {
        self.end = end;
    }

    /// Ends the request.
    pub(crate) fn end(mut self, end: RequestEnd) {
        self.end = end;
    }
}

impl Drop for CountedRequest {
    fn drop(&mut self) {
        if let Some(began) = self.began {
            metrics::request_ended(self.kind, self.end);
            metrics::request_took(self.kind, began.elapsed());
        }
    }
}
