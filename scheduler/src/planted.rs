//! Bugs that cannot be planted at a seam, for the simulation's own tests: decisions that are wrong.
//!
//! Only where the feature `planted` is on; a scheduler that ships has none of it.

use std::cell::Cell;

/// A wrong decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// A split is believed about where its first frame starts.
    StitchOff,
    /// Runs are gathered in the order in which they were written.
    ArrivalOrder,
    /// A claim of a worker that is gone brings it back.
    ClaimRevives,
    /// The numbers of attempts have no gaps: one that was never written counts as a broken promise.
    GapIsViolated,
    /// Whatever a report says is believed.
    ReportBelieved,
}

thread_local! {
    static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
}

/// Plants a bug in every scheduler of this thread, or none.
pub fn plant(planted: Option<Planted>) {
    PLANTED.set(planted);
}

/// Whether a bug is planted on this thread.
pub fn is_planted(planted: Planted) -> bool {
    PLANTED.get() == Some(planted)
}
