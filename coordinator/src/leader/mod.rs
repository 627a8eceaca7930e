//! The coordinator that leads: performs the scheduler's effects, and feeds their outcomes back as events.
//!
//! It is one loop that owns all state; whoever wants something sends a message. Nothing in the loop waits: what takes time
//! runs beside it and comes back as an [`Outcome`]. What must not be forgotten goes through the journal first, and reaches
//! the scheduler once it is on record. So a leader that stops at any point leaves nothing half known: the next one reads
//! the records, the plans and the reports, and goes on.
//!
//! | what ends it | what follows |
//! |---|---|
//! | a write finds another leader, or its outcome stays unknown | it stops; the replica rejoins the election |
//! | its lease is lost | the same |
//! | SIGTERM | event logs are written, the office is given up at once |

mod abandon; //  the end of a job that cannot be taken over
mod ask; //      what operators ask
mod attempts; // what workers say of their attempts
mod beats; //    what their beats show
mod cancel; //   a job is told to stop
mod claims; //   who waits for work, and gets it
mod commits; //  commits, so many at once
mod drains; //   orders to leave
mod ends; //     ends of shards and jobs
mod heads; //    heads of jobs, one write after another
mod jobs; //     submission, plans
mod live; //     what is known beside the scheduler's state
mod mailbox; //  how many requests wait at most
mod marks; //    what keeps collectors from a job's objects
mod message;
mod recovering; // jobs that cannot go on yet
mod reports; //  what a report may say
mod runs; //     lists of runs, as objects
mod secrets; //  who may speak for which worker
mod takeover; // what another leader left
#[cfg(test)]
mod tests;
mod view; //     how far everything is, for people
mod workers; //  who lives

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use model::{Clock, JobId, LeaseId};
use scheduler::{Effect, Event, Policy, State};
use storage::meta::election::Leadership;
use storage::meta::{LeaseSession, MetaError, MetaStore};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::journal::{Found, Journal, JournalError};
use crate::probe::Probes;
use claims::Waiting;
use commits::Commits;
use drains::DrainOrders;
use heads::HeadWrite;
use live::{LiveJob, LiveWorker};
use mailbox::Inbox;
use message::{Message, Outcome};
use recovering::Recovering;
use runs::RunLists;

pub(crate) use message::{Ask, Handle};
pub use reports::{Fault, check as check_report};

/// How often it looks at what time brings: rests that end, attempts that are slow, claims that waited long enough.
const TICK: Duration = Duration::from_millis(200);
/// How often event logs are written.
const LOG_EVERY: Duration = Duration::from_secs(5);
/// Messages that are taken in before claims are served: they may open work.
const MESSAGES_AT_ONCE: usize = 512;

/// How a leader leads.
#[derive(Debug, Clone)]
pub struct LeaderSettings {
    /// The scheduler's numbers.
    pub policy: Policy,
    /// An attempt that reads and writes nothing for so long is given up, and charged.
    pub progress_max: Duration,
    /// URI of the root of all runs; without one, they lie in each job's dataset.
    pub scratch: Option<String>,
    /// Whether a job goes on until its record is written; otherwise whoever waits for it has its report all the same.
    pub insists_on_records: bool,
    /// Its name and address, for operators.
    pub replica: String,
    /// Where others reach it.
    pub address: String,
}

impl Default for LeaderSettings {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            progress_max: Duration::from_secs(10 * 60),
            scratch: None,
            insists_on_records: true,
            replica: "embedded".to_owned(),
            address: String::new(),
        }
    }
}

/// Why a leader ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It is not needed any more, or was told to go.
    Dismissed,
    /// Somebody else leads, or it cannot know what it did.
    Over {
        /// Why.
        reason: String,
    },
}

/// The coordinator that leads.
pub(crate) struct Leader {
    settings: Arc<LeaderSettings>,
    clock: Arc<dyn Clock>,
    journal: Journal,
    handle: Handle,
    state: State,
    jobs: BTreeMap<JobId, LiveJob>,
    /// Jobs of another leader that are still being read: nothing is said about their attempts.
    recovering: BTreeMap<JobId, Recovering>,
    /// Heads that are being written.
    heads: BTreeMap<JobId, HeadWrite>,
    commits: Commits,
    /// Ends of shards that may be written at once.
    ends: Arc<Semaphore>,
    /// Jobs that may be read at once.
    takeovers: Arc<Semaphore>,
    /// Jobs whose head is being written: the same one is not begun a second time meanwhile.
    beginning: BTreeSet<JobId>,
    workers: BTreeMap<LeaseId, LiveWorker>,
    /// Orders to leave that are not carried out.
    drains: DrainOrders,
    waiting: VecDeque<Waiting>,
    run_lists: Arc<RunLists>,
    /// Stores that refuse to overwrite, as far as they were tried.
    probes: Arc<Probes>,
    began: Instant,
    began_at_ms: i64,
    logs_at: Instant,
    /// When the marks of its jobs are refreshed next.
    marks_at: Instant,
    over: Option<String>,
    /// Why the journal takes nothing, and until when it is not asked again.
    blocked: Option<(String, Instant)>,
}

impl Leader {
    /// A leader that takes over what was found. Messages reach it through `inbox`, whose other end `handle` is.
    pub(crate) fn new(
        settings: Arc<LeaderSettings>,
        clock: Arc<dyn Clock>,
        store: Arc<dyn MetaStore>,
        leadership: Leadership,
        found: &Found,
        handle: Handle,
    ) -> Self {
        let began_at_ms = clock.now_ms();
        Self {
            probes: Arc::new(Probes::new(leadership.id())),
            journal: Journal::open(store, leadership, found),
            state: State::new(settings.policy),
            settings,
            clock,
            handle,
            jobs: BTreeMap::new(),
            recovering: BTreeMap::new(),
            heads: BTreeMap::new(),
            commits: Commits::default(),
            ends: Arc::new(Semaphore::new(ends::ENDS_AT_ONCE)),
            takeovers: Arc::new(Semaphore::new(takeover::TAKEOVERS_AT_ONCE)),
            beginning: BTreeSet::new(),
            workers: BTreeMap::new(),
            drains: DrainOrders::default(),
            waiting: VecDeque::new(),
            run_lists: Arc::default(),
            began: Instant::now(),
            began_at_ms,
            logs_at: Instant::now() + LOG_EVERY,
            // At once: those of the leader before may be about to be stale.
            marks_at: Instant::now(),
            over: None,
            blocked: None,
        }
    }

    /// Leads, until it is over.
    pub(crate) async fn run(
        mut self,
        store: &dyn MetaStore,
        found: Found,
        session: &LeaseSession,
        mut inbox: Inbox,
        dismissed: impl Future<Output = ()>,
    ) -> Ended {
        match self.journal.note_format(found.format).await {
            Err(JournalError::Over { reason }) => return Ended::Over { reason },
            // Nothing else can be written either: the next leader says it.
            Ok(()) | Err(JournalError::Blocked { .. } | JournalError::Stale { .. }) => {}
        }
        let mut members = store.watch(format::state_keys::WORKERS, found.revision);
        self.take_over(found);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut messages = Vec::with_capacity(MESSAGES_AT_ONCE);
        tokio::pin!(dismissed);
        loop {
            let mut is_tick = false;
            tokio::select! {
                // A process that was stopped finds its mailbox full, and its lease gone.
                () = inbox.take(&mut messages, MESSAGES_AT_ONCE), if session.is_held() => {
                    messages.drain(..).for_each(|message| self.take(message));
                }
                event = members.next() => self.members_changed(event),
                _ = ticks.tick() => {
                    is_tick = true;
                    self.tick();
                }
                loss = session.lost() => self.over = Some(format!("the lease was lost ({loss:?})")),
                () = &mut dismissed => {
                    self.write_logs().await;
                    return Ended::Dismissed;
                }
            }
            if let Some(reason) = self.over.take() {
                return Ended::Over { reason };
            }
            self.begin_commits();
            self.serve(is_tick);
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Hello { hello, reply } => self.hello(&hello, reply),
            Message::Claim { worker, slots, wait, reply } => self.claim(worker, slots, wait, reply),
            Message::Complete { worker, held, report, reply } => self.complete(worker, held, report, reply),
            Message::Fail { worker, held, failure, reply } => self.fail(worker, held, failure, reply),
            Message::HandBack { worker, held, reason, reply } => self.hand_back(worker, held, &reason, reply),
            Message::Beat { worker, beat, reply } => self.beat(worker, &beat, reply),
            Message::Ask(ask) => self.answer(ask),
            Message::Outcome(outcome) => self.take_outcome(outcome),
        }
    }

    fn take_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Assigned { worker, assigned, reply } => self.assigned(worker, assigned, reply),
            Outcome::Completed { held, report, result, reply } => self.completed(&held, report, result, reply),
            Outcome::Failed { held, failure, result, reply } => self.failed(held, failure, result, reply),
            Outcome::HandedBack { held, reply } => self.handed_back(held, reply),
            Outcome::Reopened { task, result } => self.reopened(task, result),
            Outcome::Begun { job, begun, follower, reply } => self.begun(&job, begun, follower, reply),
            Outcome::NotBegun { job, error, reply } => {
                self.beginning.remove(&job);
                let _ = reply.send(Err(self.not_begun(error)));
            }
            Outcome::BegunAgain { job, spec, head, earlier } => {
                self.beginning.remove(&spec.job);
                self.add(job, spec, *head, Some(earlier));
            }
            Outcome::Planned { job, round, planned } => self.planned(&job, round, *planned),
            Outcome::Recorded { job, result, shards } => self.plans_recorded(&job, result, shards),
            Outcome::Recovered { job, gave_up, recovered } => self.recovered(&job, gave_up, *recovered),
            Outcome::Abandoned { job, result } => self.abandoned(&job, result),
            Outcome::Committed { output, result } => self.committed(&output, result),
            Outcome::Closed { job, shard, result } => self.closed(&job, shard, result),
            Outcome::Archived { job, result } => self.archived(&job, result),
            Outcome::HeadPut { job, phase, result, told } => self.head_put(&job, phase, result, told),
            Outcome::DrainsWritten { result, told } => self.drains_written(result, told),
        }
    }

    /// Time since it began: what the scheduler counts by.
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Tells the scheduler, and does what it says.
    fn apply(&mut self, event: Event) {
        let now = self.now();
        let effects = scheduler::step(&mut self.state, event, now);
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                // Only claims assign, and they see to it themselves.
                Effect::Assign { .. } => {}
                Effect::Stop { task, attempt, .. } => self.stop(task, attempt),
                Effect::Reopen { task, attempt, tried } => self.reopen(task, attempt, tried),
                Effect::Commit { output } => self.commit(output),
                Effect::End { job, shard, end } => self.end_shard(&job, shard, end),
                Effect::Violated { invariant, what } => crate::metrics::violated(invariant, &what),
                Effect::JobEnded { job } => self.job_ended(&job),
            }
        }
    }

    fn tick(&mut self) {
        self.apply(Event::Tick);
        self.give_up_the_stuck();
        self.archive_again();
        self.refresh_marks();
        if self.logs_at <= Instant::now() {
            self.logs_at = Instant::now() + LOG_EVERY;
            tokio::spawn(ends::write_logs(self.logs()));
        }
    }

    async fn write_logs(&mut self) {
        ends::write_logs(self.logs()).await;
    }

    /// The result, unless it says that we lead no longer.
    fn unless_over<T>(&mut self, result: Result<T, JournalError>) -> Option<Result<T, JournalError>> {
        match result {
            Err(JournalError::Over { reason }) => {
                self.over.get_or_insert(reason);
                None
            }
            Err(JournalError::Blocked { reason }) => {
                self.block(reason.clone());
                Some(Err(JournalError::Blocked { reason }))
            }
            other => Some(other),
        }
    }

    /// The journal takes nothing at the moment: no work is given out until it may again.
    fn block(&mut self, reason: String) {
        /// Until the next try.
        const PAUSE: Duration = Duration::from_secs(1);
        if self.blocked.is_none() {
            tracing::warn!(%reason, "the cluster's state takes no change; attempts go on, and their completions wait");
        }
        self.blocked = Some((reason, Instant::now() + PAUSE));
    }

    /// Notes an event in a job's log.
    fn note(&mut self, job: &JobId, event: &str, fields: serde_json::Value) {
        let at_ms = self.clock.now_ms();
        if let Some(live) = self.jobs.get(job) {
            live.log.note(at_ms, event, fields);
        }
    }
}

/// What every leader does before it leads: reads what there is.
pub(crate) async fn find(store: &dyn MetaStore) -> Result<Found, MetaError> {
    crate::journal::recover(store).await
}
