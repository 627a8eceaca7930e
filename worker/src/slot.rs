//! A slot: runs one attempt at a time, and keeps contexts and arenas between them.

use std::sync::Arc;

use model::{Failure, FailureClass, MapReport, ReduceReport};

use crate::limits::SlotLimits;
use crate::map::Mapper;
use crate::reduce::Reducer;
use crate::task::{Assignment, Belongs, Progress, Stores, Surroundings, Work};

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
    stores: Stores,
    limits: SlotLimits,
    mapper: Option<Mapper>,
    reducer: Option<Reducer>,
}

impl Slot {
    /// A slot that works within `limits`.
    pub fn new(stores: Stores, limits: SlotLimits) -> Self {
        Self { stores, limits, mapper: None, reducer: None }
    }

    /// Runs one attempt on this thread, which may block. A panic in it fails the attempt, not the worker.
    pub fn run(&mut self, assignment: &Assignment, belongs: &Belongs<'_>, progress: &Arc<Progress>) -> Outcome {
        let attempt = std::panic::AssertUnwindSafe(|| self.try_run(assignment, belongs, progress));
        std::panic::catch_unwind(attempt).unwrap_or_else(|panic| {
            // The arenas may be in any state.
            (self.mapper, self.reducer) = (None, None);
            let message = panic_message(panic.as_ref());
            Outcome::Failed(Failure {
                class: FailureClass::Bug,
                message: format!("task {} panicked: {message}; please report this", assignment.task),
            })
        })
    }

    fn try_run(&mut self, assignment: &Assignment, belongs: &Belongs<'_>, progress: &Arc<Progress>) -> Outcome {
        let around = Surroundings { stores: &self.stores, belongs, progress };
        let outcome = match &assignment.work {
            Work::Map { splits } => {
                // Small and quickly made; the arena of the mapper is what is worth keeping.
                self.reducer = None;
                let mapper = self.mapper.get_or_insert_with(|| Mapper::new(self.limits));
                mapper.run(assignment, splits, &around).map(Outcome::Mapped)
            }
            Work::Reduce { partition, runs } => {
                let reducer = self.reducer.get_or_insert_with(|| Reducer::new(self.limits));
                reducer.run(assignment, *partition, runs, &around).map(Outcome::Reduced)
            }
        };
        outcome.unwrap_or_else(|error| Outcome::Failed(error.into()))
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a message")
}
