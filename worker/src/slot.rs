//! A slot: runs one attempt at a time, and keeps contexts and arenas between them.

use model::{Failure, FailureClass, MapReport, ReduceReport};

use crate::limits::SlotLimits;
use crate::map::Mapper;
use crate::reduce::Reducer;
use crate::task::{Assignment, Surroundings, Work};

/// What became of an attempt.
#[derive(Debug)]
pub enum Outcome {
    /// A run was written.
    Mapped(MapReport),
    /// The parts were written.
    Reduced(ReduceReport),
    /// Nothing that counts was written.
    Failed(Failure),
}

/// One thread's worth of work. Made on first use: a slot that never reduces has no memory for it.
pub struct Slot {
    limits: SlotLimits,
    mapper: Option<Mapper>,
    reducer: Option<Reducer>,
}

impl Slot {
    /// A slot that works within `limits`.
    pub fn new(limits: SlotLimits) -> Self {
        Self { limits, mapper: None, reducer: None }
    }

    /// Runs one attempt on this thread, which may block. A panic in it fails the attempt, not the worker.
    pub fn run(&mut self, assignment: &Assignment, around: &Surroundings<'_>) -> Outcome {
        let attempt = std::panic::AssertUnwindSafe(|| self.try_run(assignment, around));
        std::panic::catch_unwind(attempt).unwrap_or_else(|panic| {
            // The arenas may be in any state.
            (self.mapper, self.reducer) = (None, None);
            let message = panic_message(panic.as_ref());
            let message = format!("task {} panicked: {message}; please report this", assignment.task);
            Outcome::Failed(Failure { class: FailureClass::Bug, message })
        })
    }

    fn try_run(&mut self, assignment: &Assignment, around: &Surroundings<'_>) -> Outcome {
        // It may have waited for a thread while it was told to stop.
        if let Err(error) = around.progress.check() {
            return Outcome::Failed(error.into());
        }
        let outcome = match &assignment.work {
            Work::Map { splits } => {
                // Small and quickly made; the arena of the mapper is what is worth keeping.
                self.reducer = None;
                let mapper = self.mapper.get_or_insert_with(|| Mapper::new(self.limits));
                mapper.run(assignment, splits, around).map(Outcome::Mapped)
            }
            Work::Reduce { partition, runs } => {
                let reducer = self.reducer.get_or_insert_with(|| Reducer::new(self.limits));
                reducer.run(assignment, *partition, runs, around).map(Outcome::Reduced)
            }
        };
        outcome.unwrap_or_else(|error| Outcome::Failed(error.blame(&around.stores.local).into()))
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
