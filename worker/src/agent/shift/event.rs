//! Events of a shift's loop.

use model::{Grant, HeldAttempt};
use storage::meta::MetaError;

use crate::agent::reporter::Reported;
use crate::agent::standing::Step;
use crate::slot::AttemptOutcome;
use proto::dispatch::{DispatchError, Orders};

/// End of an operation that ran beside the loop.
pub(super) enum Event {
    /// A step of the registration ended.
    Stepped(Step, Result<(), Refusal>),
    /// The leader answered a claim.
    Claimed(Result<Vec<Grant>, DispatchError>),
    /// The leader answered a heartbeat.
    Beaten(Result<Orders, DispatchError>),
    /// An attempt has left its slot.
    Computed(Box<Grant>, Box<AttemptOutcome>),
    /// The report of an attempt has ended, or was given up.
    Reported(HeldAttempt, Reported),
    /// The leader knows of the attempts handed back, or will learn of them when the lease ends.
    HandedBack,
}

/// Failure of a registration step.
pub(super) enum Refusal {
    /// The cluster's state refused the record.
    State(MetaError),
    /// The leader refused the greeting.
    Leader(DispatchError),
}
