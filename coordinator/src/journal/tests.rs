//! The journal on a store that remembers every transaction: a copy of any of them, however late, changes nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use format::state_records::{JobHead, JobPhase, ShardPhase, ShardRecord, Text, Unknown};
use model::{Digest, JobId, LeaseId, ShardId, TaskId, TaskPath, Term};
use storage::meta::{
    Entry, Lease, LeaseSession, LeaseSettings, Listing, MemoryStore, MetaStore, Op, Outcome, Revision, Txn, Watch,
    election,
};

use super::*;

const URI: &str = "s3://tailor/dataset";
const SHARD: ShardId = ShardId::Shared(7);

/// Store that remembers every transaction that it received.
#[derive(Debug, Default)]
struct Recorder {
    inner: MemoryStore,
    sent: Mutex<Vec<Txn>>,
}

impl Recorder {
    fn sent(&self) -> MutexGuard<'_, Vec<Txn>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends every transaction once more, and checks that none is applied.
    async fn repeat_all(&self, when: &str) {
        let before = self.inner.list("").await.expect("memory").entries;
        let sent = self.sent().clone();
        for txn in sent {
            let shown = format!("{txn:?}");
            // A worker's lease may have ended by now, which also refuses the copy.
            let applied = matches!(self.inner.txn(txn).await, Ok(Outcome::Applied { .. }));
            assert!(!applied, "{when}: {shown}");
        }
        assert_eq!(self.inner.list("").await.expect("memory").entries, before, "{when}");
    }
}

#[async_trait]
impl MetaStore for Recorder {
    async fn get(&self, key: &str) -> Result<Option<Entry>, MetaError> {
        self.inner.get(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Listing, MetaError> {
        self.inner.list(prefix).await
    }

    async fn txn(&self, txn: Txn) -> Result<Outcome, MetaError> {
        self.sent().push(txn.clone());
        self.inner.txn(txn).await
    }

    async fn grant(&self, ttl: Duration) -> Result<Lease, MetaError> {
        self.inner.grant(ttl).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), MetaError> {
        self.inner.keep_alive(lease).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), MetaError> {
        self.inner.revoke(lease).await
    }

    fn watch(&self, prefix: &str, after: Revision) -> Watch {
        self.inner.watch(prefix, after)
    }
}

async fn open_session(store: &Arc<dyn MetaStore>) -> LeaseSession {
    let settings = LeaseSettings { ttl: Duration::from_secs(24 * 60 * 60), seed: 1 };
    LeaseSession::open(Arc::clone(store), settings).await.expect("memory")
}

/// Elects a leader, which leads until its session is dropped, and opens its journal.
async fn lead(recorder: &Arc<Recorder>) -> (Journal, LeaseSession) {
    lead_in(recorder, Term::drawn(4)).await
}

async fn lead_in(recorder: &Arc<Recorder>, term: Term) -> (Journal, LeaseSession) {
    let store: Arc<dyn MetaStore> = Arc::<Recorder>::clone(recorder);
    let session = open_session(&store).await;
    let me = election::Candidate { replica: Text::cut("c0"), address: Text::cut("c0:7070") };
    let leadership = election::campaign(&*store, &session, &me, term).await.expect("no rival");
    let found = recover(&*store).await.expect("memory");
    (Journal::open(store, leadership, &found), session)
}

fn job() -> JobId {
    "nightly".parse().expect("a name")
}

fn head(phase: JobPhase, round: u32) -> JobHead {
    JobHead {
        phase,
        round,
        dataset: Text::cut(URI),
        spec: Digest::of(b"spec"),
        shards: 1,
        submitted_at_ms: 1,
        cause: None,
        warnings: None,
        reason: Text::default(),
        unknown: Unknown::new(),
    }
}

fn shard(phase: ShardPhase, round: u32) -> ShardRecord {
    ShardRecord {
        phase,
        round,
        plan: Digest::of(b"plan"),
        map_tasks: 1,
        partitions: 1,
        version: None,
        cause: None,
        report: None,
        unknown: Unknown::new(),
    }
}

async fn plan(journal: &Journal, round: u32) {
    journal.note_dataset(URI).await.expect("it leads");
    journal.begin_job(&job(), &head(JobPhase::Planning, round)).await.expect("it leads");
    journal.put_shard(&job(), SHARD, &shard(ShardPhase::Running, round)).await.expect("it leads");
    journal.put_job(&job(), &head(JobPhase::Running, round)).await.expect("it leads");
}

/// Claims in the round that the shard is in.
async fn claim(
    journal: &Journal,
    task: TaskPath,
    worker: LeaseId,
    number: u32,
    at_ms: i64,
) -> Result<AttemptId, JournalError> {
    journal.claim(task.clone(), journal.shard_created(&task), worker, number, at_ms).await
}

async fn work(journal: &Journal, store: &dyn MetaStore) {
    let task = TaskPath { job: job(), shard: SHARD, task: TaskId::map(0) };
    let worker = store.grant(LONG).await.expect("memory").id;
    let failing = claim(journal, task.clone(), worker, 1, 0).await.expect("an open task");
    let failure = FailureRecord { worker, cause: Text::cut("cannot read") };
    journal.fail(task.clone(), failing, true, failure).await.expect("it holds the task");
    let attempt = claim(journal, task.clone(), worker, 2, 0).await.expect("an open task");
    journal.complete(task, attempt, Digest::of(b"report"), 6).await.expect("it holds the task");
}

async fn end(journal: &Journal, round: u32) {
    journal.put_shard(&job(), SHARD, &shard(ShardPhase::Committing, round)).await.expect("it leads");
    journal.end_shard(&job(), SHARD, &shard(ShardPhase::Done, round)).await.expect("it leads");
    journal.forget_job(&job()).await.expect("it leads");
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_late_copy_of_any_transaction_changes_nothing() {
    let store = Arc::new(Recorder::default());
    let (journal, _session) = lead(&store).await;
    for round in 1..=2 {
        plan(&journal, round).await;
        store.repeat_all("when it is planned").await;
        work(&journal, &*store).await;
        store.repeat_all("when its tasks are done").await;
        end(&journal, round).await;
        store.repeat_all("when it is archived").await;
    }
    assert_eq!(store.list(format::state_keys::JOBS).await.expect("memory").entries, []);
}

#[tokio::test(start_paused = true)]
async fn who_takes_over_writes_on_and_a_late_copy_of_either_changes_nothing() {
    let store = Arc::new(Recorder::default());
    let (first, session) = lead(&store).await;
    plan(&first, 1).await;
    session.close().await.expect("memory");
    let (second, _session) = lead(&store).await;
    store.repeat_all("when another leads").await;
    let refused = first.put_shard(&job(), SHARD, &shard(ShardPhase::Committing, 1)).await;
    assert!(matches!(refused, Err(JournalError::Over { .. })), "{refused:?}");
    work(&second, &*store).await;
    end(&second, 1).await;
    plan(&second, 2).await;
    store.repeat_all("in another round").await;
}

#[tokio::test(start_paused = true)]
async fn a_head_that_we_do_not_know_of_ends_the_leadership() {
    let store = Arc::new(Recorder::default());
    let (journal, _session) = lead(&store).await;
    plan(&journal, 1).await;
    let begun = journal.begin_job(&job(), &head(JobPhase::Planning, 1)).await;
    assert!(matches!(begun, Err(JournalError::Over { .. })), "{begun:?}");
}

#[tokio::test(start_paused = true)]
async fn the_head_of_a_job_that_is_archived_is_not_made_again() {
    let store = Arc::new(Recorder::default());
    let (journal, _session) = lead(&store).await;
    plan(&journal, 1).await;
    end(&journal, 1).await;
    journal.put_job(&job(), &head(JobPhase::Cancelling, 1)).await.expect("nothing is left to say");
    assert_eq!(store.list(format::state_keys::JOBS).await.expect("memory").entries, []);
}

/// Workers that are lost together leave numbers behind that were counted but never written.
#[tokio::test(start_paused = true)]
async fn numbers_may_leave_some_out_but_never_come_back() {
    let store = Arc::new(Recorder::default());
    let (journal, _session) = lead(&store).await;
    plan(&journal, 1).await;
    let task = TaskPath { job: job(), shard: SHARD, task: TaskId::map(0) };
    let [lost, alive] = [store.grant(LONG).await, store.grant(LONG).await].map(|lease| lease.expect("memory").id);
    store.revoke(lost).await.expect("memory");
    let refused = claim(&journal, task.clone(), lost, 1, 5).await;
    assert!(matches!(refused, Err(JournalError::Stale { .. })), "{refused:?}");
    let attempt = claim(&journal, task.clone(), alive, 3, 9).await.expect("2 was never written either");
    assert_eq!(attempt.number, 3);
    journal.hand_back(task.clone(), attempt).await.expect("it holds the task");
    let again = claim(&journal, task.clone(), alive, 3, 12).await;
    assert!(matches!(&again, Err(JournalError::Over { reason }) if reason.starts_with("LS-1: ")), "{again:?}");
    let next = claim(&journal, task.clone(), alive, 4, 12).await.expect("it rises");
    journal.complete(task, next, Digest::of(b"report"), 6).await.expect("it holds the task");
    let found = recover(&*store).await.expect("memory");
    assert_eq!(found.jobs[&job()].shards[&SHARD].begun_at_ms(), Some(9), "of the first claim that was written");
    store.repeat_all("when its task is done").await;
}

#[tokio::test(start_paused = true)]
async fn the_format_of_the_state_is_said_once_and_a_newer_one_keeps_us_from_leading() {
    let store = Arc::new(Recorder::default());
    let (journal, _session) = lead(&store).await;
    assert_eq!(recover(&*store).await.expect("memory").format, None);
    journal.note_format(None).await.expect("it leads");
    let found = recover(&*store).await.expect("memory").format;
    assert_eq!(found, Some(format::state_records::STATE_FORMAT));
    let before = store.sent().len();
    journal.note_format(found).await.expect("it leads");
    assert_eq!(store.sent().len(), before, "nothing to say");
    let newer = br#"{"version":4000000000,"since":"9.9"}"#.to_vec();
    let put = Txn::when([]).then([storage::meta::Op::put(String::from(StateKey::Format), newer)]);
    store.inner.txn(put).await.expect("memory");
    assert!(matches!(recover(&*store).await, Err(MetaError::TooNew { found: 4_000_000_000, .. })));
}

/// Writes a record as somebody who does not lead.
async fn rewrite(
    store: &Recorder,
    key: StateKey,
    change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>),
) {
    let key = String::from(key);
    let entry = store.get(&key).await.expect("memory").expect("a record");
    let mut record = serde_json::from_slice(&entry.value).expect("an object");
    change(&mut record);
    let put = storage::meta::Op::put(key, serde_json::to_vec(&record).expect("JSON"));
    store.inner.txn(Txn::when([]).then([put])).await.expect("memory");
}

#[tokio::test(start_paused = true)]
async fn fields_of_a_newer_version_stay_in_every_record_of_a_shard_that_is_written() {
    let store = Arc::new(Recorder::default());
    let (first, session) = lead(&store).await;
    plan(&first, 1).await;
    session.close().await.expect("memory");
    let key = || StateKey::Shard(job(), SHARD);
    rewrite(&store, key(), |record| drop(record.insert("hue".to_owned(), "blue".into()))).await;
    for phase in [ShardPhase::Running, ShardPhase::Committing, ShardPhase::Done] {
        let (next, session) = lead(&store).await;
        let record = shard(phase, 1);
        match phase {
            ShardPhase::Done => next.end_shard(&job(), SHARD, &record).await.expect("it leads"),
            _ => next.put_shard(&job(), SHARD, &record).await.expect("it leads"),
        }
        let found = recover(&*store).await.expect("memory");
        let found = found.jobs[&job()].shards[&SHARD].record.clone().expect("a record");
        assert_eq!((found.phase, found.unknown["hue"].as_str()), (phase, Some("blue")));
        session.close().await.expect("memory");
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_against_a_shard_that_somebody_else_wrote_ends_the_leadership() {
    let store = Arc::new(Recorder::default());
    let (journal, _session) = lead(&store).await;
    plan(&journal, 1).await;
    let worker = store.grant(LONG).await.expect("memory").id;
    let task = |at| TaskPath { job: job(), shard: SHARD, task: TaskId::map(at) };
    claim(&journal, task(0), worker, 1, 5).await.expect("an open task");
    rewrite(&store, StateKey::Shard(job(), SHARD), |record| drop(record.insert("round".to_owned(), 1.into()))).await;
    let refused = claim(&journal, task(1), worker, 1, 5).await;
    assert!(matches!(refused, Err(JournalError::Over { .. })), "every claim would be refused for ever: {refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_was_held_up_while_its_job_ended_writes_nothing_in_the_next_round() {
    let store = Arc::new(Recorder::default());
    let (journal, _session) = lead(&store).await;
    plan(&journal, 1).await;
    let worker = store.grant(LONG).await.expect("memory").id;
    let task = TaskPath { job: job(), shard: SHARD, task: TaskId::map(0) };
    let created = journal.shard_created(&task);
    journal.forget_job(&job()).await.expect("it leads");
    let late = journal.claim(task.clone(), created, worker, 1, 5).await;
    assert!(matches!(late, Err(JournalError::Stale { .. })), "the job has ended: {late:?}");
    plan(&journal, 2).await;
    let late = journal.claim(task.clone(), created, worker, 1, 5).await;
    assert!(matches!(late, Err(JournalError::Stale { .. })), "the round has numbers of its own: {late:?}");
    claim(&journal, task, worker, 1, 6).await.expect("no number was taken");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_outlives_its_leader_and_the_next_gives_out_other_tokens() {
    let store = Arc::new(Recorder::default());
    let (first, session) = lead_in(&store, Term::drawn(4)).await;
    plan(&first, 1).await;
    let task = TaskPath { job: job(), shard: SHARD, task: TaskId::map(0) };
    let worker = store.grant(LONG).await.expect("memory").id;
    let attempt = claim(&first, task.clone(), worker, 1, 5).await.expect("an open task");
    session.close().await.expect("memory");

    let (second, _session) = lead_in(&store, Term::drawn(1 << 40)).await;
    let found = recover(&*store).await.expect("memory");
    assert_eq!(found.jobs[&job()].shards[&SHARD].claims, [(task.task, attempt, worker)]);
    let twin = claim(&second, task.clone(), worker, 2, 6).await.expect("an open task");
    assert!(twin.token.0 - attempt.token.0 >= 1 << 37, "{attempt} and {twin} are of two terms");
    let impostor = AttemptId { number: 1, token: twin.token };
    let refused = second.complete(task.clone(), impostor, Digest::of(b"report"), 6).await;
    assert!(matches!(refused, Err(JournalError::Stale { .. })), "{refused:?}");
    second.complete(task.clone(), attempt, Digest::of(b"report"), 6).await.expect("it holds the task");
    second.complete(task, attempt, Digest::of(b"report"), 6).await.expect("saying it again is fine");
}

#[tokio::test(start_paused = true)]
async fn a_claim_of_a_version_without_terms_goes_on_under_its_bare_token() {
    let store = Arc::new(Recorder::default());
    let (first, session) = lead(&store).await;
    plan(&first, 1).await;
    session.close().await.expect("memory");
    let worker = store.grant(LONG).await.expect("memory").id;
    let task = TaskPath { job: job(), shard: SHARD, task: TaskId::map(0) };
    // This is the form of that version, with the revision of its leader.
    let claim = format!(r#"{{"attempt":1,"worker":"{worker}","leader":"0000000000000003"}}"#);
    let attempts = r#"{"last":1,"charged":0}"#;
    let put = Txn::when([]).then([
        Op::put_leased(StateKey::Claim(task.clone(), 1), claim, worker),
        Op::put(StateKey::Attempts(task.clone()), attempts),
    ]);
    let Ok(Outcome::Applied { revision }) = store.txn(put).await else { panic!("memory takes it") };

    let (second, _session) = lead(&store).await;
    let attempt = AttemptId { number: 1, token: model::FencingToken(revision.0) };
    second.complete(task, attempt, Digest::of(b"report"), 6).await.expect("it holds the task");
}

/// A backup that was made while plans were recorded has only some of them. The leader that goes on after the restoration
/// writes the rest of what it had begun, its head that says "running" included, before it learns what happened.
#[tokio::test(start_paused = true)]
async fn a_running_job_that_lacks_shards_since_a_restoration_is_planned_anew() {
    let store = Arc::new(Recorder::default());
    let (journal, _session) = lead(&store).await;
    plan(&journal, 1).await;
    let found = recover(&*store).await.expect("memory");
    let found_head = |found: &Found| found.jobs[&job()].head.clone().expect("a head");
    assert_eq!(found_head(&found).phase, JobPhase::Running, "it has all shards");
    journal.put_job(&job(), &JobHead { shards: 3, ..head(JobPhase::Running, 1) }).await.expect("it leads");
    let found = recover(&*store).await.expect("memory");
    let head = found_head(&found);
    assert_eq!((head.phase, head.shards), (JobPhase::Planning, 3));
    assert_eq!(found.jobs[&job()].of_round(&head).count(), 0, "no shard runs before all are on record again");
}
