//! What the loop of a shift hears.

use model::{Grant, HeldAttempt};
use storage::meta::MetaError;

use crate::agent::standing::Step;
use crate::agent::tell::Told;
use crate::leader::{LeaderError, Orders};
use crate::slot::Outcome;

/// Something has ended.
pub(super) enum Event {
    /// A step of the registration.
    Stepped(Step, Result<(), Refusal>),
    /// A claim.
    Claimed(Result<Vec<Grant>, LeaderError>),
    /// A heartbeat.
    Beaten(Result<Orders, LeaderError>),
    /// An attempt, on its slot.
    Computed(Box<Grant>, Box<Outcome>),
    /// An attempt, for the leader.
    Told(HeldAttempt, Told),
    /// The leader knows what was handed back, or will by the end of the lease.
    HandedBack,
}

/// Why a step of the registration was not done.
pub(super) enum Refusal {
    /// By the cluster's state.
    State(MetaError),
    /// By the leader.
    Leader(LeaderError),
}
