//! The loop that performs the scheduler's effects and feeds their outcomes back as events.
//!
//! It owns the state and every channel: whoever wants something sends a message. A claim that finds no work waits until
//! there is some, or until the job has ended.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use format::keys;
use model::{AttemptId, FencingToken, ShardId, ShardPlan, TaskId};
use scheduler::{Effect, Event, ShardEnd, ShardOutput, State, WorkerId, event::TaskInput};
use tokio::sync::{mpsc, oneshot};
use worker::Outcome;
use worker::task::{Assignment, Progress};

use crate::JobError;
use crate::assignment::assignment;
use crate::commit::{CommitError, Committed, commit};
use crate::embedded::Watcher;
use crate::job::{Job, Resources};
use crate::report::ShardReport;

/// What a slot is given: the attempt, and where it tells how far it is.
pub(crate) type Given = (Assignment, Arc<Progress>);

/// What reaches the driver.
pub(crate) enum Message {
    /// A slot is free; no answer means that the job has ended.
    Claim { reply: oneshot::Sender<Given> },
    /// An attempt ended.
    Ended { shard: ShardId, task: TaskId, attempt: AttemptId, outcome: Box<Outcome> },
    /// A commit ended.
    Committed { output: Arc<ShardOutput>, result: Result<Committed, CommitError> },
    /// The operator wants the job to end.
    Cancel { cause: String },
}

/// The embedded worker: all slots of this process.
const WORKER: WorkerId = WorkerId(0);

/// The driver of one job.
pub(crate) struct Driver<'a> {
    job: Arc<Job>,
    resources: &'a Resources,
    watcher: &'a dyn Watcher,
    state: State,
    mailbox: mpsc::UnboundedSender<Message>,
    waiting: VecDeque<oneshot::Sender<Given>>,
    running: BTreeMap<(ShardId, TaskId, AttemptId), Arc<Progress>>,
    next_token: u64,
    reports: BTreeMap<ShardId, ShardReport>,
    begun: BTreeMap<ShardId, Instant>,
}

impl<'a> Driver<'a> {
    /// A driver whose messages come through `mailbox`.
    pub(crate) fn new(
        job: Arc<Job>,
        resources: &'a Resources,
        watcher: &'a dyn Watcher,
        mailbox: mpsc::UnboundedSender<Message>,
    ) -> Self {
        // Tokens grow from job to job as well as inside one: 22 bits of assignments, then the clock moves on.
        let next_token = job.clock.now_ms().cast_unsigned() << 22;
        Self {
            job,
            resources,
            watcher,
            state: State::default(),
            mailbox,
            waiting: VecDeque::new(),
            running: BTreeMap::new(),
            next_token,
            reports: BTreeMap::new(),
            begun: BTreeMap::new(),
        }
    }

    /// Runs the job to its end; returns what became of each shard.
    pub(crate) async fn run(
        mut self,
        plans: Vec<ShardPlan>,
        mut messages: mpsc::UnboundedReceiver<Message>,
    ) -> Result<Vec<ShardReport>, JobError> {
        for plan in plans {
            self.reports.insert(plan.shard, ShardReport::planned(&plan));
            self.apply(Event::Planned { plan: Arc::new(plan) }).await;
        }
        while !self.state.has_ended() {
            let Some(message) = messages.recv().await else { break };
            self.take(message).await;
            self.serve().await;
        }
        // Dropping the claims that wait tells the slots to leave.
        self.waiting.clear();
        if let Some(open) = self.reports.values().find(|report| report.state == "open") {
            return Err(JobError::Abandoned(open.shard));
        }
        Ok(self.reports.into_values().collect())
    }

    async fn take(&mut self, message: Message) {
        match message {
            Message::Claim { reply } => self.waiting.push_back(reply),
            Message::Ended { shard, task, attempt, outcome } => {
                self.running.remove(&(shard, task, attempt));
                let event = match *outcome {
                    Outcome::Mapped(report) => Event::Mapped { shard, task, attempt, report },
                    Outcome::Reduced(report) => Event::Reduced { shard, task, attempt, report },
                    Outcome::Failed(failure) => {
                        tracing::debug!(%shard, %task, %attempt, class = ?failure.class, error = %failure, "attempt failed");
                        Event::Failed { shard, task, attempt, failure }
                    }
                };
                self.apply(event).await;
            }
            Message::Committed { output, result } => self.committed(&output, result).await,
            Message::Cancel { cause } => self.apply(Event::Cancelled { cause }).await,
        }
    }

    /// Gives work to the claims that wait, as far as there is any.
    async fn serve(&mut self) {
        self.waiting.retain(|reply| !reply.is_closed());
        while !self.waiting.is_empty() {
            self.next_token += 1;
            let token = FencingToken(self.next_token);
            let effects = scheduler::step(&mut self.state, Event::Claim { worker: WORKER, slots: 1, token });
            if effects.is_empty() {
                return;
            }
            self.perform(effects).await;
        }
    }

    async fn apply(&mut self, event: Event) {
        let effects = scheduler::step(&mut self.state, event);
        self.perform(effects).await;
    }

    async fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Assign { shard, task, attempt, plan, input, .. } => {
                    self.assign(shard, task, attempt, &plan, input);
                }
                Effect::Stop { shard, task, attempt, .. } => {
                    if let Some(progress) = self.running.get(&(shard, task, attempt)) {
                        progress.cancel();
                    }
                }
                Effect::Commit { output } => self.commit(output),
                Effect::End { shard, end } => self.end(shard, &end).await,
            }
        }
    }

    fn assign(&mut self, shard: ShardId, task: TaskId, attempt: AttemptId, plan: &ShardPlan, input: TaskInput) {
        self.begun.entry(shard).or_insert_with(Instant::now);
        let assignment = assignment(plan, task, attempt, input);
        let progress = self.watcher.attempt_begins(shard, task);
        self.running.insert((shard, task, attempt), Arc::clone(&progress));
        let reply = self.waiting.pop_front().expect("work is only claimed for a slot that waits");
        if let Err((assignment, _)) = reply.send((assignment, progress)) {
            // The slot left between asking and getting: its work is open again.
            let failure = model::Failure { class: model::FailureClass::Transient, message: "the slot left".to_owned() };
            let outcome = Box::new(Outcome::Failed(failure));
            let message = Message::Ended { shard, task, attempt: assignment.attempt, outcome };
            self.mailbox.send(message).expect("the driver holds the receiver");
        }
    }

    fn commit(&self, output: Box<ShardOutput>) {
        let (job, mailbox) = (Arc::clone(&self.job), self.mailbox.clone());
        tokio::spawn(async move {
            let output: Arc<ShardOutput> = Arc::from(output);
            let committing = tokio::spawn({
                let output = Arc::clone(&output);
                async move { commit(&job, &output).await }
            });
            // A shard whose commit says nothing would stay open for ever.
            let result = committing.await.unwrap_or(Err(CommitError::Panicked));
            // A driver that has ended over another error wants no answer.
            let _ = mailbox.send(Message::Committed { output, result });
        });
    }

    async fn committed(&mut self, output: &ShardOutput, result: Result<Committed, CommitError>) {
        let shard = output.plan.shard;
        let event = match result {
            Ok(committed) => {
                if let Some(report) = self.reports.get_mut(&shard) {
                    report.content_digest = Some(committed.digest);
                    report.warnings = committed.warnings;
                    report.totals = crate::embedded::totals(output);
                }
                Event::Committed { shard, version: committed.version }
            }
            Err(error) => Event::CommitFailed { shard, cause: describe(&error) },
        };
        self.apply(event).await;
    }

    async fn end(&mut self, shard: ShardId, end: &ShardEnd) {
        if let Some(report) = self.reports.get_mut(&shard) {
            report.end(end);
            report.elapsed = self.begun.get(&shard).map(Instant::elapsed).unwrap_or_default();
            self.watcher.shard_ends(report);
        }
        if let Err(error) = self.remove_runs(shard).await {
            tracing::warn!(%error, %shard, "remove runs; they go with the scratch folder");
        }
    }

    async fn remove_runs(&self, shard: ShardId) -> Result<(), storage::StorageError> {
        let scratch = &self.resources.scratch;
        for run in scratch.list(&keys::runs_of(&self.job.id, shard)).await? {
            scratch.remove(run.location.as_ref()).await?;
        }
        Ok(())
    }
}

/// An error with the chain of its causes, on one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
