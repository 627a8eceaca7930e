//! The attempts of a shift.
//!
//! ```text
//!              computed                 told
//!   Computing ----------> Telling --------------> gone
//!       |                                          ^
//!       +--> HandedBack (told at once) ------------+ computed: its thread has stopped
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use model::HeldAttempt;
use tokio::time::Instant;

use crate::drain::Pace;
use crate::leader::AttemptBeat;
use crate::task::Progress;

/// How far an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// It is resolved, waits for its thread, or computes.
    Computing,
    /// It has an outcome, which the leader is told.
    Telling,
    /// It is somebody else's; its thread stops.
    HandedBack,
}

/// One attempt.
#[derive(Debug)]
pub(super) struct Attempt {
    /// Who watches, and how to stop it.
    pub(super) progress: Arc<Progress>,
    /// How far it is.
    pub(super) phase: Phase,
    /// When it was granted.
    pub(super) began_at: Instant,
}

/// All of them. Dropped, it stops them.
#[derive(Debug, Default)]
pub(super) struct Running(BTreeMap<HeldAttempt, Attempt>);

impl Running {
    /// Adds an attempt that begins.
    pub(super) fn begin(&mut self, held: HeldAttempt) -> Arc<Progress> {
        let progress = Arc::<Progress>::default();
        let attempt = Attempt { progress: Arc::clone(&progress), phase: Phase::Computing, began_at: Instant::now() };
        self.0.insert(held, attempt);
        progress
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many are in a phase.
    pub(super) fn count(&self, phase: Phase) -> usize {
        self.0.values().filter(|attempt| attempt.phase == phase).count()
    }

    /// The attempt.
    pub(super) fn get_mut(&mut self, held: &HeldAttempt) -> Option<&mut Attempt> {
        self.0.get_mut(held)
    }

    /// Takes the attempt out.
    pub(super) fn remove(&mut self, held: &HeldAttempt) {
        self.0.remove(held);
    }

    /// Stops an attempt that the leader wants stopped.
    pub(super) fn stop(&self, held: &HeldAttempt) {
        if let Some(attempt) = self.0.get(held) {
            tracing::info!(task = %held.task, attempt = %held.attempt, "attempt stopped by the leader");
            attempt.progress.cancel();
        }
    }

    /// Gives up what computes; of these, attempts that are nearly done go on where their `pace` is given.
    pub(super) fn give_up(&mut self, pace: Option<&Pace>) -> Vec<HeldAttempt> {
        let mut given_up = Vec::new();
        for (held, attempt) in self.0.iter_mut().filter(|(_, attempt)| attempt.phase == Phase::Computing) {
            let elapsed = attempt.began_at.elapsed();
            if pace.is_some_and(|pace| pace.is_nearly_done(held.task.task.kind, elapsed, &attempt.progress)) {
                continue;
            }
            attempt.progress.cancel();
            attempt.phase = Phase::HandedBack;
            given_up.push(held.clone());
        }
        given_up
    }

    /// How far each is that is still ours.
    pub(super) fn beats(&self) -> Vec<AttemptBeat> {
        let ours = self.0.iter().filter(|(_, attempt)| attempt.phase != Phase::HandedBack);
        ours.map(|(held, attempt)| {
            let (bytes, points) = attempt.progress.so_far();
            AttemptBeat { held: held.clone(), bytes, points }
        })
        .collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.values().for_each(|attempt| attempt.progress.cancel());
    }
}
