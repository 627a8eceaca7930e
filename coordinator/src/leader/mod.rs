//! Leads: performs the scheduler's effects, and feeds their outcomes back as events.
//!
//! A single loop owns all state; everybody else sends it a message. Nothing in the loop waits: work that takes time
//! runs beside it and comes back as an [`Outcome`]. Durable facts go through the journal first, and reach the scheduler
//! once they are on record. So a leader that stops at any point leaves nothing half known: the next one reads the
//! records, the plans and the reports, and goes on.
//!
//! | end of a leadership | consequence |
//! |---|---|
//! | a write finds another leader, or its outcome stays unknown | the leader stops; the replica rejoins the election |
//! | the lease is lost | the same |
//! | SIGTERM | event logs are written, the office is given up at once |

// From messages to events: requests of operators and workers, outcomes of the leader's own work.
mod ask; //      requests of operators
mod attempts; // reports of workers on their attempts
mod attempt_events; // lines about attempts, in their jobs' logs
mod beats; //    heartbeats of workers
mod claims; //   workers that wait for work
mod inbox; //    message -> handler
mod mailbox; //  bound of the requests that wait
mod message;
mod reports; //  checks of a report
mod requests; // submit, retry, cancel
mod secrets; //  right to speak for a worker
mod workers; //  workers that live

// From effects to work beside the loop, and back.
mod abandon; //  end of a job that cannot be taken over
mod begin; //    first head of a round
mod cancel; //   end of the open shards of a cancelled job
mod commits; //  commits, a bounded number at once
mod drains; //   orders to leave
mod ends; //     ends of shards and jobs
mod heads; //    heads of jobs, one write after another
mod marks; //    marks that keep collectors from a job's objects
mod perform; //  effect -> work
mod plans; //    plans of a job
mod runs; //     lists of runs, as objects
mod slices; //   tables of their slices, as objects
mod takeover; // jobs that another leader left

// State beside the scheduler's, and views of both.
mod conduct; //    pace and failures of workers
mod coverage; //   open jobs on a dataset, for its coverage
mod demand; //     workers that the open work needs
mod gauges; //     counts of tasks, jobs and workers, for alerts
mod live; //       jobs and workers
mod recovering; // jobs that cannot go on yet
#[cfg(test)]
mod tests;
mod tasks; //      tasks and attempts, for people
mod traces; //     spans of submissions, plans, attempts and commits
mod view; //       progress, for people

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use model::{JobId, LeaseId};
use scheduler::conduct::Conduct;
use scheduler::{Event, Policy, State};
use storage::meta::election::Leadership;
use storage::meta::{LeaseSession, MetaError, MetaStore};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::Env;
use crate::journal::{Found, Journal, JournalError};
use crate::probe::Probes;
use claims::Waiting;
use commits::Commits;
use demand::Wanted;
use drains::DrainOrders;
use gauges::Gauges;
use heads::HeadWrite;
use live::{LiveJob, LiveWorker};
use mailbox::Inbox;
use recovering::Recovering;
use requests::Request;
use runs::RunLists;

pub(crate) use demand::WORKERS_WANTED;
pub use demand::{Pool, Pools, PoolsError};
pub(crate) use gauges::describe as describe_gauges;
pub(crate) use message::{Ask, Handle};
pub use reports::{ReportFault, check as check_report};
pub(crate) use tasks::TaskSearch;

/// Interval at which the leader sees to time: rests that end, attempts that are slow, claims that waited long enough.
const TICK: Duration = Duration::from_millis(200);
/// Interval at which event logs are written.
const LOG_EVERY: Duration = Duration::from_secs(5);
/// Most messages taken in before claims are served, because messages may open work.
const MESSAGES_AT_ONCE: usize = 512;

/// Settings of a leader.
#[derive(Debug, Clone)]
pub struct LeaderSettings {
    /// Numbers that the scheduler's decisions use.
    pub policy: Policy,
    /// Longest time in which an attempt may read and write nothing; after that it is given up, and charged.
    pub progress_max: Duration,
    /// Time in which work is to be done after it came, by which an autoscaler adds workers.
    pub work_target: Duration,
    /// Pools of workers that are scaled.
    pub pools: Pools,
    /// URI of the root of all runs; if absent, they lie in each job's dataset.
    pub scratch: Option<String>,
    /// If set, a job is over only once its record is written. Otherwise a failed write is logged, and the caller that
    /// waits for the job has the report all the same.
    pub record_required: bool,
    /// Name of the replica, for operators.
    pub replica: String,
    /// Address at which others reach the replica.
    pub address: String,
}

impl Default for LeaderSettings {
    fn default() -> Self {
        Self {
            policy: Policy::default(),
            progress_max: Duration::from_secs(10 * 60),
            work_target: Duration::from_secs(30 * 60),
            pools: Pools(Vec::new()),
            scratch: None,
            record_required: true,
            replica: "embedded".to_owned(),
            address: String::new(),
        }
    }
}

/// Reason for which a leader ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The leader is not needed any more, or its process was asked to leave.
    Dismissed,
    /// Another replica leads, or this leader cannot tell whether one of its writes was done.
    Over {
        /// Message that names the cause.
        reason: String,
    },
}

/// Coordinator that leads: the scheduler's state, and everything that is under way beside it.
pub(crate) struct Leader {
    settings: Arc<LeaderSettings>,
    env: Env,
    journal: Journal,
    handle: Handle,
    state: State,
    jobs: BTreeMap<JobId, LiveJob>,
    /// Jobs of another leader that are still being read: nothing is said about their attempts.
    recovering: BTreeMap<JobId, Recovering>,
    /// Heads that are being written.
    heads: BTreeMap<JobId, HeadWrite>,
    commits: Commits,
    /// Permits for the ends of shards that are written at once.
    ends: Arc<Semaphore>,
    /// Permits for the jobs that are read at once.
    takeovers: Arc<Semaphore>,
    /// Request for a job, while its event is applied.
    request: Option<Request>,
    workers: BTreeMap<LeaseId, LiveWorker>,
    /// Pace and failures of workers, by name.
    conduct: Conduct,
    /// Orders to leave that are not carried out.
    drains: DrainOrders,
    waiting: VecDeque<Waiting>,
    run_lists: Arc<RunLists>,
    /// Stores that refuse to overwrite, as far as they were tried.
    probes: Arc<Probes>,
    began: Instant,
    began_at_ms: i64,
    /// Demand for workers.
    wanted: Wanted,
    _gauges: Gauges,
    logs_at: Instant,
    /// Time at which the marks of the jobs are refreshed next.
    marks_at: Instant,
    over: Option<String>,
    /// Reason for which the journal takes nothing, and the time until which it is not asked again.
    blocked: Option<(String, Instant)>,
}

impl Leader {
    /// Creates a leader that takes over what `found` lists. `handle` is the other end of the inbox that [`Leader::run`]
    /// gets.
    pub(crate) fn new(
        settings: Arc<LeaderSettings>,
        env: Env,
        store: Arc<dyn MetaStore>,
        leadership: Leadership,
        found: &Found,
        handle: Handle,
    ) -> Self {
        let began_at_ms = env.clock.now_ms();
        Self {
            probes: Arc::new(Probes::new(leadership.id())),
            journal: Journal::open(store, leadership, found),
            state: State::new(settings.policy),
            wanted: Wanted::new(settings.work_target, &settings.pools),
            _gauges: Gauges,
            settings,
            run_lists: Arc::new(RunLists::new(env.stores.clone())),
            env,
            handle,
            jobs: BTreeMap::new(),
            recovering: BTreeMap::new(),
            heads: BTreeMap::new(),
            commits: Commits::default(),
            ends: Arc::new(Semaphore::new(ends::ENDS_AT_ONCE)),
            takeovers: Arc::new(Semaphore::new(takeover::TAKEOVERS_AT_ONCE)),
            request: None,
            workers: BTreeMap::new(),
            conduct: Conduct::default(),
            drains: DrainOrders::default(),
            waiting: VecDeque::new(),
            began: Instant::now(),
            began_at_ms,
            logs_at: Instant::now() + LOG_EVERY,
            // Marks are refreshed at once, because those of the leader before may be about to be stale.
            marks_at: Instant::now(),
            over: None,
            blocked: None,
        }
    }

    /// Leads until the leadership is over; returns the reason.
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
            // Nothing else can be written either: the next leader notes the format.
            Ok(()) | Err(JournalError::Blocked { .. } | JournalError::Stale { .. }) => {}
        }
        let mut workers = store.watch(format::state_keys::WORKERS, found.revision);
        self.take_over(found);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut messages = Vec::with_capacity(MESSAGES_AT_ONCE);
        tokio::pin!(dismissed);
        loop {
            let turn;
            let mut is_tick = false;
            tokio::select! {
                // A process that was stopped past its lease finds its mailbox full, and must not act on it.
                () = inbox.receive(&mut messages, MESSAGES_AT_ONCE), if session.is_held() => {
                    turn = Instant::now();
                    messages.drain(..).for_each(|message| self.handle(message));
                }
                event = workers.next() => {
                    turn = Instant::now();
                    self.workers_changed(event);
                }
                _ = ticks.tick() => {
                    (turn, is_tick) = (Instant::now(), true);
                    self.tick();
                }
                loss = session.lost() => {
                    turn = Instant::now();
                    self.over = Some(format!("the lease was lost ({loss:?})"));
                }
                () = &mut dismissed => {
                    self.write_logs().await;
                    self.ends_are_written().await;
                    return Ended::Dismissed;
                }
            }
            if let Some(reason) = self.over.take() {
                return Ended::Over { reason };
            }
            self.begin_commits();
            self.serve(is_tick);
            metrics::histogram!("tailor_leader_loop_seconds").record(turn.elapsed().as_secs_f64());
        }
    }

    /// Returns the time since the leader began, by which the scheduler counts.
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn tick(&mut self) {
        self.apply(Event::Tick);
        self.give_up_the_stuck();
        self.refresh_marks();
        self.publish_demand();
        if self.logs_at <= Instant::now() {
            self.logs_at = Instant::now() + LOG_EVERY;
            tokio::spawn(ends::write_logs(self.logs()));
        }
    }

    async fn write_logs(&mut self) {
        ends::write_logs(self.logs()).await;
    }

    /// Returns the result, unless it says that this leader leads no longer.
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

    /// Gives out no work until the journal, which takes nothing at the moment, may take changes again.
    fn block(&mut self, reason: String) {
        /// Pause before the next try.
        const PAUSE: Duration = Duration::from_secs(1);
        if self.blocked.is_none() {
            tracing::warn!(%reason, "the cluster's state refused changes; attempts go on, and their completions wait");
        }
        self.blocked = Some((reason, Instant::now() + PAUSE));
    }

    /// Notes an event in a job's log.
    fn note(&mut self, job: &JobId, event: &str, fields: serde_json::Value) {
        let at_ms = self.env.clock.now_ms();
        if let Some(live) = self.jobs.get(job) {
            live.log.note(at_ms, event, fields);
        }
    }
}

/// Reads the cluster's state, as every leader does before it leads.
pub(crate) async fn find(store: &dyn MetaStore) -> Result<Found, MetaError> {
    crate::journal::recover(store).await
}
