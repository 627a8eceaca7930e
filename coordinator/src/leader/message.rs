//! Messages to the leader, and the handle that sends them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dataset::coverage::OpenJobs;
use model::{
    AttemptId, Digest, Effort, Failure, Grant, HeldAttempt, JobId, JobSpec, LeaseId, Report, ShardId, ShardPlan,
    TaskPath, TimestampMs, TraceParent,
};
use proto::dispatch::{Beat, DispatchError, Hello, Orders, Verdict};
use proto::{ApiError, v1};
use scheduler::{Restored, ShardOutput, TaskInput};
use storage::Root;
use tokio::sync::oneshot;

use super::begin::{Asker, NewJob};
use super::drains::DrainReply;
use super::mailbox::{self, Inbox, NotPut, Slot};
use super::secrets::Marks;
use super::tasks::TaskSearch;
use crate::commit::{CommitError, Committed};
use crate::coverage::{CoverageIndexes, DatasetPlace};
use crate::error::JobError;
use crate::event_log::EventLog;
use crate::job::Job;
use crate::journal::JournalError;
use crate::report::{JobReport, ShardReport};
use format::state_records::ShardRecord;

/// Sender of the reply to a request.
pub(crate) type Reply<T, E = ApiError> = oneshot::Sender<Result<T, E>>;

/// Sender of a job's report to the caller that waits for its end.
pub(crate) type Follower = oneshot::Sender<Box<JobReport>>;

/// Message to the leader: a request of others, or the outcome of work that the leader began.
pub(crate) enum Message {
    /// A worker announces itself.
    Hello { hello: Hello, reply: Reply<(), DispatchError> },
    /// A worker asks for work.
    Claim { worker: LeaseId, slots: u32, wait: Duration, reply: Reply<Vec<Grant>, DispatchError> },
    /// An attempt finished with a report.
    Complete {
        worker: LeaseId,
        held: HeldAttempt,
        report: Bytes,
        effort: Option<Effort>,
        reply: Reply<Verdict, DispatchError>,
    },
    /// An attempt failed at its task.
    Fail { worker: LeaseId, held: HeldAttempt, failure: Failure, reply: Reply<(), DispatchError> },
    /// A worker hands attempts back.
    HandBack { worker: LeaseId, held: Vec<HeldAttempt>, reason: String, reply: Reply<(), DispatchError> },
    /// A worker shows its attempts, and asks for orders.
    Beat { worker: LeaseId, beat: Beat, reply: Reply<Orders, DispatchError> },
    /// Request of an operator.
    Ask(Ask),
    /// Outcome of work that the leader began.
    Outcome(Outcome),
}

/// Task of a job that has not been archived.
pub(crate) struct LiveTask {
    /// The task; none if its shard has ended, or its plan has no such task.
    pub(crate) task: Option<v1::TaskSummary>,
    /// Attempts that run.
    pub(crate) running: Vec<v1::AttemptRecord>,
    /// True if the job has such a shard.
    pub(crate) has_shard: bool,
    /// Log of the job, for the lines that are not written yet.
    pub(crate) log: EventLog,
    /// Dataset with the log's pieces.
    pub(crate) dataset: Root,
}

/// Request of an operator.
pub(crate) enum Ask {
    /// Take a job on, or find that it exists already. `trace` is the span of the request, if it is traced.
    Submit { spec: Box<JobSpec>, trace: Option<TraceParent>, reply: Reply<v1::SubmitJobResponse> },
    /// Take a job on, even if the history has one of that name, and send its report once it has ended.
    Run { spec: Box<JobSpec>, ended: Follower, reply: Reply<v1::SubmitJobResponse> },
    /// List the jobs that have not been archived.
    Jobs { reply: Reply<Vec<v1::JobSummary>> },
    /// Show a job that has not been archived.
    Job { job: JobId, reply: Reply<Option<v1::GetJobResponse>> },
    /// Cancel a job, for the operator's reason.
    Cancel { job: JobId, reason: String, reply: Reply<()> },
    /// Run again the shards of an ended job that are not done; `earlier` is the job's record.
    Retry { job: JobId, reason: String, earlier: Option<Box<JobReport>>, reply: Reply<Vec<ShardId>> },
    /// List the tasks of a job, or of one shard.
    Tasks { search: TaskSearch, reply: Reply<v1::ListTasksResponse> },
    /// A task, as far as it is not over.
    Task { path: TaskPath, reply: Reply<Option<LiveTask>> },
    /// Get the event log of a job that runs.
    Log { job: JobId, reply: Reply<Option<EventLog>> },
    /// List the workers that live.
    Workers { reply: Reply<Vec<v1::WorkerSummary>> },
    /// Order a worker to leave.
    Drain { worker: String, reason: String, reply: Reply<LeaseId> },
    /// Take an order to leave back.
    Undrain { worker: String, reason: String, reply: Reply<LeaseId> },
    /// List the orders to leave that are not carried out.
    DrainOrders { reply: Reply<Vec<v1::DrainOrder>> },
    /// Show the leader, the counts of workers and jobs, and the troubles of the cluster.
    Cluster { reply: Reply<v1::GetClusterResponse> },
    /// List the names of the jobs that are not over, including those that are just being begun or taken over.
    OpenJobs { reply: Reply<HashSet<String>> },
    /// List the datasets that have a history.
    Datasets { reply: Reply<Vec<String>> },
    /// Show the open jobs on a dataset, as facts about its coverage.
    OpenOn { place: DatasetPlace, reply: Reply<OpenJobs> },
}

/// Outcome of work that the leader began.
pub(crate) enum Outcome {
    /// Claims were written, or not.
    Assigned { worker: LeaseId, assigned: Vec<Assigned>, reply: Reply<Vec<Grant>, DispatchError> },
    /// A completion was recorded, or not.
    Completed {
        held: HeldAttempt,
        report: Box<Report>,
        result: Result<(), JournalError>,
        reply: Reply<Verdict, DispatchError>,
    },
    /// A failure was recorded, or not.
    Failed {
        held: HeldAttempt,
        failure: Failure,
        result: Result<(), JournalError>,
        reply: Option<Reply<(), DispatchError>>,
    },
    /// Attempts were handed back, or not.
    HandedBack {
        held: Vec<(HeldAttempt, Result<(), JournalError>)>,
        reason: String,
        reply: Option<Reply<(), DispatchError>>,
    },
    /// A task was opened again, or not.
    Reopened { task: TaskPath, result: Result<(), JournalError> },
    /// The head of a job's new round was written, or not.
    Begun { job: JobId, begun: Result<Begun, BeginError>, asker: Asker },
    /// A job was planned, or cannot be.
    Planned { job: JobId, round: u32, planned: Box<Result<WrittenPlans, JobError>> },
    /// A job's shards are on record as planned, or not.
    PlansRecorded { job: JobId, round: u32, result: Result<(), JournalError> },
    /// The job that another leader left was read, or not; `gave_up` if missing objects were taken for lost.
    Recovered { job: JobId, gave_up: bool, recovered: Box<Result<Recovered, TakeoverError>> },
    /// The end of a job that cannot be taken over is on record, or not.
    Abandoned { job: JobId, result: Result<(), JournalError> },
    /// A shard was committed, or not.
    Committed { output: Arc<ShardOutput>, result: Result<Committed, CommitError> },
    /// The last record of a shard was written, or not.
    Closed { job: JobId, shard: ShardId, result: Result<(), JournalError> },
    /// A job is on record in its dataset, and its keys are gone; or not.
    Archived { job: JobId, round: u32, result: Result<(), ArchiveError> },
    /// A job's head was replaced, or not; `replies` wait for that.
    HeadPut { job: JobId, round: u32, result: Result<(), JournalError>, replies: Vec<Reply<()>> },
    /// Orders to leave were written, or not; `replies` wait for that.
    DrainsWritten { result: Result<(), JournalError>, replies: Vec<DrainReply> },
    /// The demand for workers of a pool is on record, or not.
    DemandPut { pool: String, wanted: u32, result: Result<(), JournalError> },
}

/// Assignment, with the result of writing its claim.
pub(crate) struct Assigned {
    pub(crate) task: TaskPath,
    /// Round of the job in which the task was assigned.
    pub(crate) round: Option<u32>,
    pub(crate) number: u32,
    pub(crate) input: TaskInput,
    pub(crate) result: Result<AttemptId, JournalError>,
}

/// Result of a request that begins a job.
pub(crate) enum Begun {
    /// A new round, whose head is written.
    New(Box<NewJob>),
    /// The job has ended, with the same spec.
    Known,
}

/// Reason for which a job was not begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BeginError {
    #[error(transparent)]
    Asked(#[from] ApiError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Plans of a job, written as objects.
pub(crate) struct WrittenPlans {
    pub(crate) shards: Vec<PlannedShard>,
    pub(crate) warnings: Vec<String>,
    /// Digest of the object of the warnings, if there are any.
    pub(crate) warned: Option<Digest>,
}

/// Plan of one shard, written as an object.
#[derive(Clone)]
pub(crate) struct PlannedShard {
    pub(crate) plan: Arc<ShardPlan>,
    pub(crate) digest: Digest,
}

/// Job that another leader left, as it was read.
pub(crate) struct Recovered {
    pub(crate) spec: Arc<JobSpec>,
    pub(crate) job: Arc<Job>,
    pub(crate) earlier: Option<Box<JobReport>>,
    pub(crate) warnings: Vec<String>,
    pub(crate) shards: Box<RecoveredShards>,
}

/// Shards that another leader left.
#[derive(Default)]
pub(crate) struct RecoveredShards {
    pub(crate) open: Vec<RecoveredShard>,
    pub(crate) ended: Vec<(ShardRecord, ShardReport)>,
    /// Shards that were open, each with the reason for which it cannot go on.
    pub(crate) lost: Vec<(ShardId, ShardRecord, String)>,
}

/// Reason for which a job was not taken over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeoverError {
    /// An object of the job cannot be read right now.
    #[error("{0}")]
    Unread(String),
    /// An object of the job is gone or damaged: reading it again will not help.
    #[error("{0}")]
    Lost(String),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl From<storage::StorageError> for TakeoverError {
    fn from(error: storage::StorageError) -> Self {
        use storage::StorageError::{NotFound, Open};
        let reason = model::error::chain(&error);
        if matches!(error, NotFound { .. } | Open { .. }) { Self::Lost(reason) } else { Self::Unread(reason) }
    }
}

/// Shard that another leader began.
pub(crate) struct RecoveredShard {
    pub(crate) planned: PlannedShard,
    /// Record of the shard, as the leader found it.
    pub(crate) record: ShardRecord,
    /// Time at which the shard's first attempt was claimed.
    pub(crate) begun_at_ms: Option<TimestampMs>,
    pub(crate) restored: Restored,
}

/// Reason for which a job is not archived.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Storage(#[from] storage::StorageError),
}

const STEPPED_DOWN: &str = "the leader has just stepped down";
const FULL: &str = "more requests wait for the leader than it takes in at once; ask again in a second";

/// Handle that sends requests to the leader. Clones send to the same leader; once it leads no longer, every reply is
/// [`DispatchError::Away`].
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    mailbox: Slot,
    marks: Marks,
    coverage: CoverageIndexes,
}

/// Pause before a request that found no room is worth another try: the leader takes in thousands of messages a second.
const FULL_PAUSE: Duration = Duration::from_secs(1);

impl Handle {
    /// Creates a handle, and the mailbox from which its leader takes messages.
    pub(crate) fn new() -> (Self, Inbox) {
        let (mailbox, inbox) = mailbox::open();
        (Self { mailbox, marks: Marks::default(), coverage: CoverageIndexes::default() }, inbox)
    }

    /// Returns the marks by which the caller of a worker's request is checked.
    pub(crate) fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Returns the indexes of coverage that live as long as the leadership.
    pub(crate) fn coverage(&self) -> &CoverageIndexes {
        &self.coverage
    }

    /// True if nobody takes outcomes out of the mailbox any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.mailbox.is_closed()
    }

    pub(crate) fn send_outcome(&self, outcome: Outcome) {
        self.mailbox.send_outcome(outcome);
    }

    /// Sends an operator's request, and waits for the reply.
    pub(crate) async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, ApiError> {
        let away = || ApiError::Away { reason: STEPPED_DOWN.to_owned() };
        let (reply, answer) = oneshot::channel();
        self.mailbox.ask(Message::Ask(ask(reply))).map_err(|why| match why {
            NotPut::Closed => away(),
            NotPut::Full => ApiError::TooMany { reason: FULL.to_owned(), retry_after: FULL_PAUSE },
        })?;
        answer.await.map_err(|_| away())?
    }

    async fn worker<T>(&self, message: impl FnOnce(Reply<T, DispatchError>) -> Message) -> Result<T, DispatchError> {
        let away = |reason: &str| DispatchError::Away { reason: reason.to_owned() };
        let (reply, answer) = oneshot::channel();
        self.mailbox.ask(message(reply)).map_err(|why| match why {
            NotPut::Closed => away(STEPPED_DOWN),
            NotPut::Full => away(FULL),
        })?;
        answer.await.map_err(|_| away(STEPPED_DOWN))?
    }
}

/// Dispatch within the process; gRPC carries the same calls from other processes.
#[async_trait]
impl proto::dispatch::Dispatch for Handle {
    async fn hello(&self, hello: &Hello) -> Result<(), DispatchError> {
        let hello = hello.clone();
        self.worker(|reply| Message::Hello { hello, reply }).await
    }

    async fn claim(&self, worker: LeaseId, slots: u32, wait: Duration) -> Result<Vec<Grant>, DispatchError> {
        self.worker(|reply| Message::Claim { worker, slots, wait, reply }).await
    }

    async fn complete(
        &self,
        worker: LeaseId,
        held: &HeldAttempt,
        report: Bytes,
        effort: Option<Effort>,
    ) -> Result<Verdict, DispatchError> {
        let held = held.clone();
        self.worker(|reply| Message::Complete { worker, held, report, effort, reply }).await
    }

    async fn fail(&self, worker: LeaseId, held: &HeldAttempt, failure: &Failure) -> Result<(), DispatchError> {
        let (held, failure) = (held.clone(), failure.clone());
        self.worker(|reply| Message::Fail { worker, held, failure, reply }).await
    }

    async fn hand_back(&self, worker: LeaseId, held: &[HeldAttempt], reason: &str) -> Result<(), DispatchError> {
        let (held, reason) = (held.to_vec(), reason.to_owned());
        self.worker(|reply| Message::HandBack { worker, held, reason, reply }).await
    }

    async fn heartbeat(&self, worker: LeaseId, beat: &Beat) -> Result<Orders, DispatchError> {
        let beat = beat.clone();
        self.worker(|reply| Message::Beat { worker, beat, reply }).await
    }
}
