//! Metrics of the stores. None of these events fails a request, and a rise is the first sign of a store in trouble.
//!
//! | metric | kind | labels | tells |
//! |---|---|---|---|
//! | `tailor_store_requests_total` | counter | `op`: kind of [`RequestKind`]; `outcome`: see [`RequestEnd`] | requests to object stores, each try alone |
//! | `tailor_store_request_seconds` | histogram | `op` | time from a request to the head of its answer |
//! | `tailor_store_retries_total` | counter | `reason`: `throttled`, `failed`, `body`, `looked-up` | requests to an object store that were tried again, bodies that were read on where they broke, writes that were looked for because their answer was lost |
//! | `tailor_state_request_seconds` | histogram | `op`: `read`, `list`, `change`, `grant`, `renew`, `revoke`, `watch`, `log` in | time of a request to etcd, further endpoints included |
//! | `tailor_state_unknown_total` | counter | | transactions of the cluster's state whose outcome had to be read back |
//! | `tailor_etcd_endpoints_put_aside_total` | counter | | endpoints of etcd that hung or broke, and did not answer a probe either: the others were asked |
//! | `tailor_lease_renewal_gap_seconds` | gauge | | longest time between two renewals of a lease that were answered, since the process began; a gap that lasts counts at each try |

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use model::RequestKind;

use crate::requests::RequestEnd;

const REQUESTS: &str = "tailor_store_requests_total";
const REQUEST_SECONDS: &str = "tailor_store_request_seconds";
const STATE_SECONDS: &str = "tailor_state_request_seconds";
const RETRIES: &str = "tailor_store_retries_total";
const UNKNOWN: &str = "tailor_state_unknown_total";
const PUT_ASIDE: &str = "tailor_etcd_endpoints_put_aside_total";
const RENEWAL_GAP: &str = "tailor_lease_renewal_gap_seconds";

/// Operations on etcd whose time is recorded.
const STATE_OPERATIONS: [&str; 6] = ["read", "list", "change", "grant", "renew", "revoke"];

/// Reason for which an object store is asked again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Again {
    /// The store asked for time.
    Throttled,
    /// The store failed, could not be reached, or did not answer.
    Failed,
    /// The body of its answer broke, or stalled.
    Body,
    /// The answer to a write was lost, so the object is looked up.
    LookedUp,
}

impl Again {
    const ALL: [Self; 4] = [Self::Throttled, Self::Failed, Self::Body, Self::LookedUp];

    const fn label(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Failed => "failed",
            Self::Body => "body",
            Self::LookedUp => "looked-up",
        }
    }
}

/// Describes each metric, and starts it at zero. Call it once per process.
pub fn describe_metrics() {
    describe_counter!(REQUESTS, "Requests to object stores, by kind and outcome, each try alone");
    describe_histogram!(REQUEST_SECONDS, "Time from a request to an object store to the head of its answer, by kind");
    describe_histogram!(STATE_SECONDS, "Time of a request to etcd, by operation");
    describe_counter!(RETRIES, "Requests to an object store that were tried again, by reason");
    describe_counter!(UNKNOWN, "Transactions of the cluster's state whose outcome had to be read back");
    describe_counter!(PUT_ASIDE, "Endpoints of etcd that hung or broke, and were put aside for the others");
    describe_gauge!(
        RENEWAL_GAP,
        "Longest time between two renewals of a lease that were answered, since the process began"
    );
    for kind in RequestKind::ALL {
        for end in RequestEnd::ALL {
            counter!(REQUESTS, "op" => kind.name(), "outcome" => end.label()).absolute(0);
        }
        // A histogram is served from the moment that it is named.
        drop(histogram!(REQUEST_SECONDS, "op" => kind.name()));
    }
    for again in Again::ALL {
        counter!(RETRIES, "reason" => again.label()).absolute(0);
    }
    for operation in STATE_OPERATIONS {
        drop(histogram!(STATE_SECONDS, "op" => operation));
    }
    counter!(UNKNOWN).absolute(0);
    counter!(PUT_ASIDE).absolute(0);
    gauge!(RENEWAL_GAP).set(0.0);
}

/// Counts a request to an object store.
pub(crate) fn request_ended(kind: RequestKind, end: RequestEnd) {
    counter!(REQUESTS, "op" => kind.name(), "outcome" => end.label()).increment(1);
}

/// Records the time of a request to an object store.
pub(crate) fn request_took(kind: RequestKind, took: Duration) {
    histogram!(REQUEST_SECONDS, "op" => kind.name()).record(took.as_secs_f64());
}

/// Records the time of a request to etcd.
pub(crate) fn state_asked(operation: &'static str, took: Duration) {
    histogram!(STATE_SECONDS, "op" => operation).record(took.as_secs_f64());
}

/// Counts a repeated request to an object store.
pub(crate) fn asked_again(why: Again) {
    counter!(RETRIES, "reason" => why.label()).increment(1);
}

/// Counts a transaction whose outcome is unknown.
pub(crate) fn outcome_unknown() {
    counter!(UNKNOWN).increment(1);
}

/// Counts an endpoint of etcd that was put aside.
pub(crate) fn endpoint_put_aside() {
    counter!(PUT_ASIDE).increment(1);
}

/// Records the time for which a lease was not renewed.
pub(crate) fn renewal_gap(gap: Duration) {
    static LONGEST_MS: AtomicU64 = AtomicU64::new(0);
    let gap_ms = u64::try_from(gap.as_millis()).unwrap_or(u64::MAX);
    if LONGEST_MS.fetch_max(gap_ms, Ordering::Relaxed) < gap_ms {
        gauge!(RENEWAL_GAP).set(gap.as_secs_f64());
    }
}
