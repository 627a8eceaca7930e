//! Planted bugs for the simulation's own tests: wrong decisions that no fault at a seam could cause.
//!
//! They exist only with the feature `planted`, which no released scheduler has.

use std::cell::Cell;

/// Wrong decision to plant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// Accept the reported first frame of every split, even if the stitch refutes it.
    StitchOff,
    /// Gather runs in the order in which they were written.
    ArrivalOrder,
    /// Treat a gap in attempt numbers (a claim that was never written) as a broken invariant.
    GapIsViolated,
    /// Accept every report unchecked.
    ReportBelieved,
}

thread_local! {
    static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
}

/// Plants a bug in every scheduler of this thread; `None` removes it.
pub fn plant(planted: Option<Planted>) {
    PLANTED.set(planted);
}

/// True if `planted` is planted on this thread.
pub fn is_planted(planted: Planted) -> bool {
    PLANTED.get() == Some(planted)
}
