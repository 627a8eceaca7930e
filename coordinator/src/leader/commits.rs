//! Commits: so many at once, the others wait their turn, and one that has not begun can still be withdrawn.
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
use scheduler::{Event, ShardOutput};
use tokio::task::JoinSet;

use super::Leader;
use super::message::Outcome;
use crate::bases::Round;
use crate::commit::{CommitError, Committed, commit};
use crate::error::describe;
use crate::probe::Probes;
use crate::report::Totals;

/// Commits under way at once. Each asks the store for what it names, and has a transaction or two: enough to hide the round
/// trips, few enough that a job of tens of thousands of empty shards leaves room for claims and for the leader's lease.
pub(super) const COMMITS_AT_ONCE: usize = 64;
/// Commits withdrawn in one turn of the leader's loop: thousands take milliseconds, and whoever asks is answered in between.
const WITHDRAWN_AT_ONCE: usize = 4096;
/// Until a commit is tried again whose store is away.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How often a commit is tried while its store is away: a minute or so beside the store's own patience.
const COMMIT_TRIES_MAX: u32 = 12;

/// Commits that wait, and those under way.
#[derive(Default)]
pub(crate) struct Commits {
    waiting: VecDeque<Box<ShardOutput>>,
    under_way: usize,
    /// Tasks of the commits under way. They stop with the leader: one that is deposed begins no further put.
    tasks: JoinSet<()>,
}

impl Leader {
    /// A shard's output is to be made visible, as soon as it is its turn.
    pub(super) fn commit(&mut self, output: Box<ShardOutput>) {
        self.commits.waiting.push_back(output);
    }

    /// Begins the commits whose turn it is, and withdraws those of jobs that were cancelled.
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
        let Some(live) = self.jobs.get_mut(&id) else { return };
        let reason = live.head.reason.to_string();
        let Some(of) = live.shards.get_mut(&shard) else { return };
        // One that a leader has begun may be visible already: it ends as its commit does.
        if is_cancelled && of.record.phase == ShardPhase::Running {
            return self.apply(Event::CommitWithdrawn { job: id, shard, cause: format!("cancelled: {reason}") });
        }
        of.record.phase = ShardPhase::Committing;
        let (record, job, round) = (of.record.clone(), Arc::clone(&live.job), Round::of(&live.head));
        let (journal, handle) = (self.journal.clone(), self.handle.clone());
        let probes = Arc::clone(&self.probes);
        self.commits.under_way += 1;
        self.commits.tasks.spawn(async move {
            let output: Arc<ShardOutput> = Arc::from(output);
            let committing = async {
                journal.insist(|| journal.put_shard(&id, shard, &record)).await?;
                commit_patiently(&job, round, &output, &probes).await
            };
            // A shard whose commit says nothing would stay open for ever.
            let result = AssertUnwindSafe(committing).catch_unwind().await.unwrap_or(Err(CommitError::Panicked));
            handle.tell(Outcome::Committed { output, result });
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
                let cause = describe(&error);
                if let Some(invariant) = error.violates() {
                    crate::metrics::violated(invariant, &cause);
                }
                Event::CommitFailed { job, shard, cause }
            }
            Ok(committed) => {
                if let Some(of) = self.jobs.get_mut(&job).and_then(|live| live.shards.get_mut(&shard)) {
                    of.report.content_digest = Some(committed.digest);
                    of.report.warnings = committed.warnings;
                    of.report.totals = Totals::of(output);
                    of.report.replaces = committed.replaces.map(|(version, _)| version);
                    of.report.same_content = committed.replaces.map(|(_, is_same)| is_same);
                }
                Event::Committed { job, shard, version: committed.version }
            }
        };
        self.apply(event);
    }
}

/// Commits, and waits for a store that is away: the work is done, and an hour of it is not given up for a minute.
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
                tracing::warn!(%error, shard = %output.plan.shard, "commit failed; trying again in 5 s");
            }
            result => return result,
        }
        tries += 1;
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}
