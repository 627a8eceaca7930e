//! What the stores count: nothing of it fails a request, and a rise of it is the first sign of a store that ails.
//!
//! | metric | kind | labels | tells |
//! |---|---|---|---|
//! | `tailor_store_retries_total` | counter | `reason`: `throttled`, `failed`, `body`, `looked-up` | requests to an object store that were tried again, bodies that were read on where they broke, writes that were looked for because their answer was lost |
//! | `tailor_state_unknown_total` | counter | | transactions of the cluster's state whose outcome had to be read back |

use metrics::{counter, describe_counter};

const RETRIES: &str = "tailor_store_retries_total";
const UNKNOWN: &str = "tailor_state_unknown_total";

/// Why an object store is asked again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Again {
    /// It asked for time.
    Throttled,
    /// It failed, could not be reached, or did not answer.
    Failed,
    /// The body of its answer broke, or stalled.
    Body,
    /// The answer to a write was lost: it is looked whether it was done.
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

/// Says what each metric means, and starts it at zero: once a process.
pub fn describe_metrics() {
    describe_counter!(RETRIES, "Requests to an object store that were tried again, by reason");
    describe_counter!(UNKNOWN, "Transactions of the cluster's state whose outcome had to be read back");
    for again in Again::ALL {
        counter!(RETRIES, "reason" => again.label()).absolute(0);
    }
    counter!(UNKNOWN).absolute(0);
}

/// An object store is asked again.
pub(crate) fn asked_again(why: Again) {
    counter!(RETRIES, "reason" => why.label()).increment(1);
}

/// Nobody knows yet whether a transaction was applied.
pub(crate) fn outcome_unknown() {
    counter!(UNKNOWN).increment(1);
}
