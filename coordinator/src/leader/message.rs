//! What reaches the leader, and the handle through which it is asked.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use model::{
    AttemptId, Digest, Failure, Grant, HeldAttempt, JobId, JobSpec, LeaseId, Report, ShardId, ShardPlan, TaskPath,
    TimestampMs,
};
use proto::{ApiError, v1};
use scheduler::{Restored, ShardOutput, TaskInput};
use tokio::sync::oneshot;
use worker::leader::{Beat, Hello, LeaderError, Orders, Verdict};

use super::begin::{Asker, NewJob};
use super::drains::Told;
use super::mailbox::{self, Inbox, NotPut, Slot};
use super::secrets::Marks;
use crate::commit::{CommitError, Committed};
use crate::error::JobError;
use crate::job::Job;
use crate::journal::JournalError;
use crate::report::{JobReport, ShardReport};
use format::state_records::ShardRecord;

/// Where an answer goes.
pub(crate) type Reply<T, E = ApiError> = oneshot::Sender<Result<T, E>>;

/// Who waits for the end of a job.
pub(crate) type Follower = oneshot::Sender<Box<JobReport>>;

/// What reaches the leader: what others ask, and what became of what it began.
pub(crate) enum Message {
    /// A worker says who it is.
    Hello { hello: Hello, reply: Reply<(), LeaderError> },
    /// A worker asks for work.
    Claim { worker: LeaseId, slots: u32, wait: Duration, reply: Reply<Vec<Grant>, LeaderError> },
    /// An attempt finished.
    Complete { worker: LeaseId, held: HeldAttempt, report: Bytes, reply: Reply<Verdict, LeaderError> },
    /// An attempt failed.
    Fail { worker: LeaseId, held: HeldAttempt, failure: Failure, reply: Reply<(), LeaderError> },
    /// Attempts are handed back.
    HandBack { worker: LeaseId, held: Vec<HeldAttempt>, reason: String, reply: Reply<(), LeaderError> },
    /// How a worker does.
    Beat { worker: LeaseId, beat: Beat, reply: Reply<Orders, LeaderError> },
    /// An operator's request.
    Ask(Ask),
    /// What became of something.
    Outcome(Outcome),
}

/// What operators ask.
pub(crate) enum Ask {
    /// Take a job on, or find that it is there.
    Submit { spec: Box<JobSpec>, reply: Reply<v1::SubmitJobResponse> },
    /// Take a job on, even if the history has one of that name, and tell what became of it.
    Run { spec: Box<JobSpec>, ended: Follower, reply: Reply<v1::SubmitJobResponse> },
    /// Jobs that have not been archived.
    Jobs { reply: Reply<Vec<v1::JobSummary>> },
    /// One of them.
    Job { job: JobId, reply: Reply<Option<v1::GetJobResponse>> },
    /// Stop it.
    Cancel { job: JobId, reason: String, reply: Reply<()> },
    /// Run what failed again; `earlier` is its record.
    Retry { job: JobId, reason: String, earlier: Option<Box<JobReport>>, reply: Reply<Vec<ShardId>> },
    /// Its tasks.
    Tasks { request: v1::ListTasksRequest, job: JobId, shard: Option<ShardId>, reply: Reply<v1::ListTasksResponse> },
    /// Workers that live.
    Workers { reply: Reply<Vec<v1::WorkerSummary>> },
    /// Ask a worker to leave.
    Drain { worker: String, reason: String, reply: Reply<LeaseId> },
    /// Take an order to leave back.
    Undrain { worker: String, reason: String, reply: Reply<LeaseId> },
    /// Orders to leave that are not carried out.
    DrainOrders { reply: Reply<Vec<v1::DrainOrder>> },
    /// How the cluster does.
    Cluster { reply: Reply<v1::GetClusterResponse> },
    /// Names of all jobs that are not over, those too that are just being begun or taken over.
    OpenJobs { reply: Reply<HashSet<String>> },
    /// Datasets with a history.
    Datasets { reply: Reply<Vec<String>> },
}

/// What became of something that the leader began.
pub(crate) enum Outcome {
    /// Claims were written, or not.
    Assigned { worker: LeaseId, assigned: Vec<Assigned>, reply: Reply<Vec<Grant>, LeaderError> },
    /// A completion was recorded, or not.
    Completed {
        held: HeldAttempt,
        report: Box<Report>,
        result: Result<(), JournalError>,
        reply: Reply<Verdict, LeaderError>,
    },
    /// A failure was recorded, or not.
    Failed {
        held: HeldAttempt,
        failure: Failure,
        result: Result<(), JournalError>,
        reply: Option<Reply<(), LeaderError>>,
    },
    /// Attempts were handed back, or not.
    HandedBack { held: Vec<(HeldAttempt, Result<(), JournalError>)>, reply: Option<Reply<(), LeaderError>> },
    /// A task was opened again, or not.
    Reopened { task: TaskPath, result: Result<(), JournalError> },
    /// The head of a job's new round was written, or not.
    Begun { job: JobId, begun: Result<Begun, BeginError>, asker: Asker },
    /// A job was planned, or cannot be.
    Planned { job: JobId, round: u32, planned: Box<Result<Planned, JobError>> },
    /// A job's shards are on record as planned, or not.
    Recorded { job: JobId, round: u32, result: Result<(), JournalError> },
    /// What another leader knew of a job was read, or not; whether what is missing was taken for lost.
    Recovered { job: JobId, gave_up: bool, recovered: Box<Result<Recovered, TakeoverError>> },
    /// A job that cannot be taken over is over, or not.
    Abandoned { job: JobId, result: Result<(), JournalError> },
    /// A commit ended.
    Committed { output: Arc<ShardOutput>, result: Result<Committed, CommitError> },
    /// The last record of a shard was written, or not.
    Closed { job: JobId, shard: ShardId, result: Result<(), JournalError> },
    /// A job is on record in its dataset, and its keys are gone; or not.
    Archived { job: JobId, round: u32, result: Result<(), ArchiveError> },
    /// A job's head was replaced, or not; the replies that wait for that.
    HeadPut { job: JobId, round: u32, result: Result<(), JournalError>, told: Vec<Reply<()>> },
    /// Orders to leave were written, or not; who waits for that.
    DrainsWritten { result: Result<(), JournalError>, told: Vec<Told> },
}

/// One assignment, and what became of its claim.
pub(crate) struct Assigned {
    pub(crate) task: TaskPath,
    /// The round of its job in which it was assigned.
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

/// Why a job was not begun.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BeginError {
    #[error(transparent)]
    Asked(#[from] ApiError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// The plans of a job, as objects.
pub(crate) struct Planned {
    pub(crate) shards: Vec<PlannedShard>,
    pub(crate) warnings: Vec<String>,
    /// Digest of their object, where there are any.
    pub(crate) warned: Option<Digest>,
}

/// One of them.
#[derive(Clone)]
pub(crate) struct PlannedShard {
    pub(crate) plan: Arc<ShardPlan>,
    pub(crate) digest: Digest,
}

/// What another leader knew of a job.
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

/// Why a job was not taken over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeoverError {
    /// An object of it cannot be read right now.
    #[error("{0}")]
    Unread(String),
    /// An object of it is gone or damaged: reading it again will not help.
    #[error("{0}")]
    Lost(String),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl From<storage::StorageError> for TakeoverError {
    fn from(error: storage::StorageError) -> Self {
        use storage::StorageError::{NotFound, Open};
        let reason = crate::error::describe(&error);
        if matches!(error, NotFound { .. } | Open { .. }) { Self::Lost(reason) } else { Self::Unread(reason) }
    }
}

/// A shard that another leader began.
pub(crate) struct RecoveredShard {
    pub(crate) planned: PlannedShard,
    /// As it is on record.
    pub(crate) record: ShardRecord,
    /// When its first attempt was claimed.
    pub(crate) begun_at_ms: Option<TimestampMs>,
    pub(crate) restored: Restored,
}

/// Why a job is not archived.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Storage(#[from] storage::StorageError),
}

const STEPPED_DOWN: &str = "the leader has just stepped down";
const FULL: &str = "more requests wait for the leader than it takes in at once; ask again in a second";

/// Asks the leader. Clones ask the same one; once it leads no longer, every answer is [`LeaderError::Away`].
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    mailbox: Slot,
    marks: Marks,
}

/// Until a request is worth another try that found no room: the leader takes in thousands of messages a second.
const FULL_PAUSE: Duration = Duration::from_secs(1);

impl Handle {
    /// A leader's handle, and the mailbox that the leader takes from.
    pub(crate) fn new() -> (Self, Inbox) {
        let (mailbox, inbox) = mailbox::open();
        (Self { mailbox, marks: Marks::default() }, inbox)
    }

    /// Who may speak for which worker.
    pub(crate) fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Whether nobody reads what it is told any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.mailbox.is_closed()
    }

    pub(crate) fn tell(&self, outcome: Outcome) {
        self.mailbox.tell(outcome);
    }

    /// Asks, as an operator does.
    pub(crate) async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, ApiError> {
        let away = || ApiError::Away { reason: STEPPED_DOWN.to_owned() };
        let (reply, answer) = oneshot::channel();
        self.mailbox.ask(Message::Ask(ask(reply))).map_err(|why| match why {
            NotPut::Closed => away(),
            NotPut::Full => ApiError::TooMany { reason: FULL.to_owned(), retry_after: FULL_PAUSE },
        })?;
        answer.await.map_err(|_| away())?
    }

    async fn worker<T>(&self, message: impl FnOnce(Reply<T, LeaderError>) -> Message) -> Result<T, LeaderError> {
        let away = |reason: &str| LeaderError::Away { reason: reason.to_owned() };
        let (reply, answer) = oneshot::channel();
        self.mailbox.ask(message(reply)).map_err(|why| match why {
            NotPut::Closed => away(STEPPED_DOWN),
            NotPut::Full => away(FULL),
        })?;
        answer.await.map_err(|_| away(STEPPED_DOWN))?
    }
}

/// Within the process: what gRPC carries otherwise.
#[async_trait]
impl worker::leader::Leader for Handle {
    async fn hello(&self, hello: &Hello) -> Result<(), LeaderError> {
        let hello = hello.clone();
        self.worker(|reply| Message::Hello { hello, reply }).await
    }

    async fn claim(&self, worker: LeaseId, slots: u32, wait: Duration) -> Result<Vec<Grant>, LeaderError> {
        self.worker(|reply| Message::Claim { worker, slots, wait, reply }).await
    }

    async fn complete(&self, worker: LeaseId, held: &HeldAttempt, report: Bytes) -> Result<Verdict, LeaderError> {
        let held = held.clone();
        self.worker(|reply| Message::Complete { worker, held, report, reply }).await
    }

    async fn fail(&self, worker: LeaseId, held: &HeldAttempt, failure: &Failure) -> Result<(), LeaderError> {
        let (held, failure) = (held.clone(), failure.clone());
        self.worker(|reply| Message::Fail { worker, held, failure, reply }).await
    }

    async fn hand_back(&self, worker: LeaseId, held: &[HeldAttempt], reason: &str) -> Result<(), LeaderError> {
        let (held, reason) = (held.to_vec(), reason.to_owned());
        self.worker(|reply| Message::HandBack { worker, held, reason, reply }).await
    }

    async fn heartbeat(&self, worker: LeaseId, beat: &Beat) -> Result<Orders, LeaderError> {
        let beat = beat.clone();
        self.worker(|reply| Message::Beat { worker, beat, reply }).await
    }
}
