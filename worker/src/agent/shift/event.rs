//! Events of a shift's loop.

use model::{Grant, HeldAttempt};
use storage::meta::MetaError;

use crate::agent::standing::Step;
use crate::agent::tell::Told;
use crate::leader::{LeaderError, Orders};
use crate::slot::AttemptOutcome;

/// End of an operation that ran beside the loop.
pub(super) enum Event {
    /// A step of the registration ended.
    Stepped(Step, Result<(), Refusal>),
    /// The leader answered a claim.
    Claimed(Result<Vec<Grant>, LeaderError>),
    /// The leader answered a heartbeat.
    Beaten(Result<Orders, LeaderError>),
    /// An attempt has left its slot.
    Computed(Box<Grant>, Box<AttemptOutcome>),
    /// The leader has been told of an attempt, or the telling was given up.
    Told(HeldAttempt, Told),
    /// The leader knows of the attempts handed back, or will learn of them when the lease ends.
    HandedBack,
}

/// Failure of a registration step.
pub(super) enum Refusal {
    /// The cluster's state refused the record.
    State(MetaError),
    /// The leader refused the greeting.
    Leader(LeaderError),
}
