//! Commits: at most [`COMMITS_AT_ONCE`] run at once, the others wait their turn, and a commit that no leader has begun
//! can still be withdrawn.
//!
//! ```text
//! Effect::Commit -> waiting -> record (committing) -> manifest -> Event::Committed | CommitFailed
//!                      |
//!                      +-- the job was cancelled, and no leader has begun it --> Event::CommitWithdrawn
//! ```

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use format::state_records::ShardPhase;
use futures::FutureExt as _;
use model::error::chain;
use scheduler::{Event, ShardOutput};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::Leader;
use super::message::Outcome;
use crate::bases::Round;
use crate::commit::{CommitError, Committed, commit};
use crate::probe::Probes;
use crate::report::Totals;

/// Most commits under way at once. Each asks the store for the objects that it names, and has a transaction or two:
/// enough to hide the round trips, few enough that a job of tens of thousands of empty shards leaves room for claims
/// and for the leader's lease.
pub(super) const COMMITS_AT_ONCE: usize = 64;
/// Most commits withdrawn in one turn of the leader's loop: thousands take milliseconds, and requests are answered in
/// between.
const WITHDRAWN_AT_ONCE: usize = 4096;
/// Pause before a commit whose store is away is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Most times that a commit is tried again while its store is away: about a minute, beside the store's own patience.
const COMMIT_TRIES_MAX: u32 = 12;

/// Commits that wait, and commits under way.
#[derive(Default)]
pub(crate) struct Commits {
    waiting: VecDeque<Box<ShardOutput>>,
    under_way: usize,
    /// Tasks of the commits under way. They stop with the leader, so that a deposed leader begins no further put.
    tasks: JoinSet<()>,
}

impl Leader {
    /// Queues a commit, which makes the shard's output visible when its turn comes.
    pub(super) fn commit(&mut self, output: Box<ShardOutput>) {
        self.commits.waiting.push_back(output);
    }

    /// Begins the commits whose turn it is, and withdraws the commits of cancelled jobs.
    pub(super) fn begin_commits(&mut self) {
        for _ in 0..WITHDRAWN_AT_ONCE {
            if self.commits.under_way >= COMMITS_AT_ONCE {
                return;
            }
            let Some(output) = self.commits.waiting.pop_front() else { return };
            self.begin_commit(output);
        }
    }

    fn begin_commit(&mut self, output: Box<ShardOutput>) {
        let (id, shard) = (output.plan.job.clone(), output.plan.shard);
        let is_cancelled = self.is_cancelled(&id);
        let span = self.commit_span(&id, shard);
        let Some(live) = self.jobs.get_mut(&id) else { return };
        let reason = live.head.reason.to_string();
        let Some(live_shard) = live.shards.get_mut(&shard) else { return };
        // A commit that a leader has begun may be visible already, so the shard ends as its commit does.
        if is_cancelled && live_shard.record.phase == ShardPhase::Running {
            return self.apply(Event::CommitWithdrawn { job: id, shard, cause: format!("cancelled: {reason}") });
        }
        live_shard.record.phase = ShardPhase::Committing;
        let (record, job, round) = (live_shard.record.clone(), Arc::clone(&live.job), Round::of(&live.head));
        let (journal, handle) = (self.journal.clone(), self.handle.clone());
        let probes = Arc::clone(&self.probes);
        self.commits.under_way += 1;
        self.commits.tasks.spawn(async move {
            let began = Instant::now();
            let output: Arc<ShardOutput> = Arc::from(output);
            let committing = async {
                journal.insist(|| journal.put_shard(&id, shard, &record)).await?;
                commit_patiently(&job, round, &output, &probes).await
            };
            // A panic becomes an error, because a shard whose commit reports nothing would stay open for ever.
            let result = AssertUnwindSafe(committing.instrument(span))
                .catch_unwind()
                .await
                .unwrap_or(Err(CommitError::Panicked));
            metrics::histogram!("tailor_commit_seconds").record(began.elapsed().as_secs_f64());
            if let Ok(committed) = &result {
                handle.coverage().committed(&job.dataset, &output, committed);
            }
            handle.send_outcome(Outcome::Committed { output, result });
        });
    }

    pub(super) fn committed(&mut self, output: &ShardOutput, result: Result<Committed, CommitError>) {
        self.commits.under_way -= 1;
        while self.commits.tasks.try_join_next().is_some() {}
        let (job, shard) = (output.plan.job.clone(), output.plan.shard);
        let event = match result {
            Err(CommitError::Journal(error)) => {
                self.over.get_or_insert(error.to_string());
                return;
            }
            Err(error) => {
                let cause = chain(&error);
                if let Some(invariant) = error.violates() {
                    crate::metrics::violated(invariant, &cause);
                }
                Event::CommitFailed { job, shard, cause }
            }
            Ok(committed) => {
                if let Some(live_shard) = self.jobs.get_mut(&job).and_then(|live| live.shards.get_mut(&shard)) {
                    live_shard.report.content_digest = Some(committed.digest);
                    live_shard.report.warnings = committed.warnings;
                    live_shard.report.totals = Totals::of(output);
                    live_shard.report.replaces = committed.replaces.map(|(version, _)| version);
                    live_shard.report.same_content = committed.replaces.map(|(_, is_same)| is_same);
                }
                Event::Committed { job, shard, version: committed.version }
            }
        };
        self.apply(event);
    }
}

/// Commits a shard, and tries again while its store is away, so that an outage of a minute does not fail an hour of
/// work.
async fn commit_patiently(
    job: &crate::Job,
    round: Round,
    output: &ShardOutput,
    probes: &Probes,
) -> Result<Committed, CommitError> {
    let mut tries = 0;
    loop {
        let committed = async {
            probes.check(&job.dataset).await?;
            commit(job, round, output).await
        };
        match committed.await {
            Err(CommitError::Storage(error)) if error.is_store_away() && tries < COMMIT_TRIES_MAX => {
                tracing::warn!(error = chain(&error), job = %job.id, shard = %output.plan.shard, "failed to commit a shard; trying again in 5 s");
            }
            result => return result,
        }
        tries += 1;
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}
