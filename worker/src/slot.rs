//! Slot: runs one attempt at a time, and keeps contexts and arenas between attempts.

use model::{Broken, Effort, Failure, FailureClass, Invariant, MapReport, ReduceReport};

use crate::limits::SlotLimits;
use crate::map::Mapper;
use crate::reduce::Reducer;
use crate::task::{Assignment, AttemptContext, Work};

/// AttemptOutcome of an attempt on its slot.
#[derive(Debug)]
pub enum AttemptOutcome {
    /// The attempt wrote a run.
    Mapped(MapReport),
    /// The attempt wrote its parts.
    Reduced(ReduceReport),
    /// The attempt wrote nothing that counts.
    Failed(Failure),
}

impl AttemptOutcome {
    /// Puts requests and time of the attempt into its report.
    pub(crate) fn set_effort(&mut self, effort: Effort) {
        match self {
            Self::Mapped(report) => report.effort = Some(effort),
            Self::Reduced(report) => report.effort = Some(effort),
            Self::Failed(_) => {}
        }
    }
}

/// Capacity for one attempt. Mapper and reducer are made on first use: a slot that never reduces has no memory for
/// it.
pub struct Slot {
    limits: SlotLimits,
    mapper: Option<Mapper>,
    reducer: Option<Reducer>,
}

impl Slot {
    /// Creates a slot that works within `limits`.
    pub fn new(limits: SlotLimits) -> Self {
        Self { limits, mapper: None, reducer: None }
    }

    /// Runs one attempt on this thread, which may block. A panic in it fails the attempt, not the worker.
    pub fn run(&mut self, assignment: &Assignment, ctx: &AttemptContext<'_>) -> AttemptOutcome {
        let attempt = std::panic::AssertUnwindSafe(|| self.try_run(assignment, ctx));
        std::panic::catch_unwind(attempt).unwrap_or_else(|panic| {
            // The arenas may be in any state after a panic, so they are made anew.
            (self.mapper, self.reducer) = (None, None);
            let (message, violates) = read_panic(panic.as_ref());
            let message = format!("task {} panicked: {message}; please report this", assignment.task);
            AttemptOutcome::Failed(Failure { class: FailureClass::Bug, message, violates })
        })
    }

    fn try_run(&mut self, assignment: &Assignment, ctx: &AttemptContext<'_>) -> AttemptOutcome {
        // The attempt may have been cancelled while it waited for a thread.
        if let Err(error) = ctx.progress.check() {
            return AttemptOutcome::Failed(error.into());
        }
        let outcome = match &assignment.work {
            Work::Map { splits } => {
                // Dropped, because it is small and quickly made; the mapper's arena is worth keeping.
                self.reducer = None;
                let mapper = self.mapper.get_or_insert_with(|| Mapper::new(self.limits));
                mapper.run(assignment, splits, ctx).map(AttemptOutcome::Mapped)
            }
            Work::Reduce { partition, list, runs } => {
                let reducer = self.reducer.get_or_insert_with(|| Reducer::new(self.limits));
                reducer.run(assignment, *partition, (*list, runs), ctx).map(AttemptOutcome::Reduced)
            }
        };
        outcome.unwrap_or_else(|error| AttemptOutcome::Failed(error.blame(&ctx.stores.local).into()))
    }
}

/// Reads the message of a panic, and the invariant that it carries.
fn read_panic(panic: &(dyn std::any::Any + Send)) -> (String, Option<Invariant>) {
    if let Some(broken) = panic.downcast_ref::<Broken>() {
        return (broken.to_string(), Some(broken.invariant));
    }
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    (text.unwrap_or("without a message").to_owned(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_read_with_its_text_and_its_invariant() {
        let read = |panics: fn()| read_panic(std::panic::catch_unwind(panics).expect_err("it panics").as_ref());
        let broken = read(|| Invariant::Dt2.broken("org 1 comes after org 2"));
        assert_eq!(broken, ("DT-2: org 1 comes after org 2".to_owned(), Some(Invariant::Dt2)));
        assert_eq!(read(|| panic!("DT-2: {} is text", "this")), ("DT-2: this is text".to_owned(), None));
        assert_eq!(read(|| std::panic::panic_any(7)), ("without a message".to_owned(), None));
    }
}
