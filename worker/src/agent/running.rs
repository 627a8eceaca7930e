//! The attempts of a shift.
//!
//! ```text
//!              computed                   reported
//!   Computing ----------> Reporting --------------> gone
//!       |                                            ^
//!       +--> HandedBack (reported at once) ----------+ computed: its thread has stopped
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{HeldAttempt, TaskKind, TraceParent};
use tokio::time::Instant;
use tracing::Span;

use crate::drain::Pace;
use crate::task::Progress;
use crate::trace;
use proto::dispatch::AttemptBeat;

/// Phase of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The attempt is being resolved, waits for its thread, or computes.
    Computing,
    /// The attempt has an outcome, which is being reported to the leader.
    Reporting,
    /// The attempt was given up; its thread is about to stop.
    HandedBack,
}

/// Attempt of this shift.
#[derive(Debug)]
pub(super) struct Attempt {
    /// Progress counters, with the flag that stops the attempt.
    pub(super) progress: Arc<Progress>,
    /// Phase, see the diagram above.
    pub(super) phase: Phase,
    /// Time of the grant.
    pub(super) began_at: Instant,
    /// Time for which the attempt had its slot, once it has left it.
    pub(super) took: Option<Duration>,
    /// Span of the attempt in its trace; a disabled one if nothing is traced.
    pub(super) span: Span,
    /// Position of that span, which heartbeats carry.
    pub(super) trace: Option<TraceParent>,
}

impl Attempt {
    fn slot_time(&self) -> Duration {
        self.took.unwrap_or_else(|| self.began_at.elapsed())
    }
}

/// Attempts of a shift by task and attempt id. When dropped, it stops them all.
#[derive(Debug, Default)]
pub(super) struct Running(BTreeMap<HeldAttempt, Attempt>);

impl Running {
    /// Adds an attempt in `Computing`.
    pub(super) fn begin(&mut self, held: HeldAttempt, span: Span) -> Arc<Progress> {
        let progress = Arc::<Progress>::default();
        let trace = daemon::trace::parent_of(&span);
        let attempt = Attempt {
            progress: Arc::clone(&progress),
            phase: Phase::Computing,
            began_at: Instant::now(),
            took: None,
            span,
            trace,
        };
        self.0.insert(held, attempt);
        progress
    }

    /// True if the shift has no attempt.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts the attempts in a phase.
    pub(super) fn count(&self, phase: Phase) -> usize {
        self.0.values().filter(|attempt| attempt.phase == phase).count()
    }

    /// Returns the attempt, if it is known.
    pub(super) fn get_mut(&mut self, held: &HeldAttempt) -> Option<&mut Attempt> {
        self.0.get_mut(held)
    }

    /// Forgets an attempt that has ended, with its outcome; returns the time for which it had its slot.
    pub(super) fn remove(&mut self, held: &HeldAttempt, outcome: &str) -> Duration {
        let Some(attempt) = self.0.remove(held) else { return Duration::ZERO };
        trace::end(&attempt.span, outcome);
        attempt.slot_time()
    }

    /// Lists the attempts that end with the lease: each with the time for which it had its slot.
    pub(super) fn lost(&self) -> impl Iterator<Item = (TaskKind, Duration)> {
        let ours = self.0.iter().filter(|(_, attempt)| attempt.phase != Phase::HandedBack);
        ours.map(|(held, attempt)| (held.task.task.kind, attempt.slot_time()))
    }

    /// Stops an attempt, as the leader ordered.
    pub(super) fn stop(&self, held: &HeldAttempt) {
        if let Some(attempt) = self.0.get(held) {
            tracing::info!(task = %held.task, attempt = %held.attempt, "attempt stopped by the leader");
            attempt.progress.cancel();
        }
    }

    /// Gives up the computing attempts. With a `pace`, attempts that are nearly done go on.
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

    /// Progress of each attempt that was not given up, for the next heartbeat.
    pub(super) fn beats(&self) -> Vec<AttemptBeat> {
        let ours = self.0.iter().filter(|(_, attempt)| attempt.phase != Phase::HandedBack);
        ours.map(|(held, attempt)| {
            let (bytes, points) = attempt.progress.so_far();
            let (stage, effort) = (attempt.progress.stage(), attempt.progress.effort(attempt.began_at.elapsed()));
            AttemptBeat { held: held.clone(), bytes, points, stage, effort, trace: attempt.trace }
        })
        .collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.values().for_each(|attempt| attempt.progress.cancel());
    }
}
