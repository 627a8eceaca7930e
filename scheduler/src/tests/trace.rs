//! Traces as text: events go in by a few words each, effects come out by a few words each.
//!
//! ```text
//! plan SIZE/SPLIT into PARTITIONS [as JOB weighing WEIGHT]   one segment
//! w1 joins | rests | works                                  `rests`: w1 takes no work; `works`: w1 takes work again
//! w1 claims [SLOTS]                                         a worker that was never seen joins first; a lost one does not
//! w1 maps m0 FIRST..END | none [with N bad [of BYTES]]      for the attempt that w1 was given last, even a stale one
//! w1 repeats m0 FIRST..END                                  a completion that was recorded is reported a second time
//! w1 reduces r0 [writing POINTS]
//! w1 fails m0 transient | throttled | resource | bug | cancelled | input [from GUESS] | run of MAP
//! w1 hands back m0
//! w1 lost | cancel | committed | commit fails
//! after SECONDSs                                            time passes
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use expect_test::Expect;
use model::books::{MapBooks, ReduceBooks};
use model::{
    AttemptId, ByteSize, Failure, FailureClass, FencingToken, JobId, JobSettings, MapReport, ObjectEntry, PartitionId,
    ReduceReport, Report, SegmentRef, ShardId, ShardPlan, Split, SplitReport, StageTimes, TaskId, TaskKind, TaskPath,
    digest::Digest,
};

use crate::event::{NextAttempt, TaskInput};
use crate::life::{JobEvent, UNTIL_OPENING};
use crate::plan::plan_shard;
use crate::{Effect, Event, ShardEnd, State, WorkerId, claim, step};

pub(super) const SHARD: ShardId = ShardId::Shared(1);

/// Runs the events of `trace` and compares the effects of each.
pub(super) fn check(trace: &str, expected: Expect) {
    let mut run = Trace::default();
    let lines: Vec<_> = trace.split('|').map(|event| (event.trim(), run.handle(event.trim()))).collect();
    let width = lines.iter().map(|(event, _)| event.len()).max().unwrap_or_default();
    let shown = lines.iter().map(|(event, caused)| format!("{event:width$}   {caused}") + "\n");
    expected.assert_eq(&shown.collect::<String>());
}

/// Returns the state after the events of `trace`, and the time by then.
pub(super) fn after(trace: &str) -> (State, Duration) {
    let mut run = Trace::default();
    trace.split('|').for_each(|event| drop(run.handle(event.trim())));
    (run.state, run.now)
}

/// Scheduler with a journal that performs each effect at once.
#[derive(Default)]
struct Trace {
    state: State,
    plans: BTreeMap<JobId, Arc<ShardPlan>>,
    now: Duration,
    token: u64,
    seen: BTreeSet<WorkerId>,
    /// Last attempt that each worker was given at each task.
    given: BTreeMap<(WorkerId, TaskPath), AttemptId>,
    /// Claims on record, with their workers.
    claims: BTreeMap<(TaskPath, AttemptId), WorkerId>,
}

impl Trace {
    fn handle(&mut self, text: &str) -> String {
        let words: Vec<_> = text.split_whitespace().collect();
        let shown = match words[..] {
            [name, "claims", ref slots @ ..] => {
                self.claim(worker(name), slots.first().map_or(1, |slots| number(slots) as usize))
            }
            _ => match self.event(&words) {
                Some(event) => self.apply(event),
                None => return "refused".to_owned(),
            },
        };
        if shown.is_empty() { "-".to_owned() } else { shown.join("; ") }
    }

    fn apply(&mut self, event: Event) -> Vec<String> {
        if let Event::WorkerLost { worker } = &event {
            self.claims.retain(|_, by| by != worker);
        }
        let planned = match &event {
            Event::ShardPlanned { plan, .. } => Some(plan.job.clone()),
            _ => None,
        };
        let mut shown = Vec::new();
        for effect in step(&mut self.state, event, self.now) {
            shown.extend(self.shown(&effect));
            shown.extend(self.perform(effect).into_iter().flat_map(|event| self.apply(event)));
        }
        shown.extend(planned.into_iter().flat_map(|job| self.apply(job_event(&job, JobEvent::Opened))));
        shown
    }

    fn claim(&mut self, worker: WorkerId, slots: usize) -> Vec<String> {
        if self.seen.insert(worker) {
            self.apply(Event::WorkerJoined { worker });
        }
        let mut shown = Vec::new();
        for assignment in claim(&mut self.state, worker, slots, self.now) {
            shown.push(self.shown_assignment(&assignment));
            let NextAttempt { worker, task, number, .. } = assignment;
            self.token += 1;
            let attempt = AttemptId { number, token: FencingToken(self.token) };
            self.given.insert((worker, task.clone()), attempt);
            self.claims.insert((task.clone(), attempt), worker);
            shown.extend(self.apply(Event::Claimed { task, attempt }));
        }
        shown
    }

    /// Performs an effect as the journal would; returns the event that follows.
    fn perform(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Stop { task, attempt, .. } => {
                self.claims.remove(&(task, attempt));
                None
            }
            Effect::Reopen { task, .. } => Some(Event::Reopened { task }),
            Effect::Commit { .. } | Effect::End { .. } | Effect::Violated { .. } | Effect::Job { .. } => None,
        }
    }

    /// Parses one event; none if the journal refuses it because the attempt no longer holds its task.
    fn event(&mut self, words: &[&str]) -> Option<Event> {
        Some(match *words {
            ["plan", sizes, "into", partitions] => self.planned(job("j"), 10, sizes, partitions),
            ["plan", sizes, "into", partitions, "as", name, "weighing", weight] => {
                self.planned(job(name), number(weight) as u32, sizes, partitions)
            }
            [worker, "joins"] => {
                self.seen.insert(self::worker(worker));
                Event::WorkerJoined { worker: self::worker(worker) }
            }
            [worker, "rests"] => Event::WorkerRests { worker: self::worker(worker), rests: true },
            [worker, "works"] => Event::WorkerRests { worker: self::worker(worker), rests: false },
            [worker, "maps", task, range, ref bad @ ..] => {
                let path = path(task);
                let bad = (bad.get(1).map_or(0, |count| number(count)), bad.get(4).map_or(0, |bytes| number(bytes)));
                let split = self.plans[&path.job].map_tasks[path.task.ordinal as usize].first();
                let report = Report::Map(map_report(split, found(range), bad));
                let attempt = self.complete(worker, &path)?;
                Event::Recorded { task: path, attempt, report: Box::new(report) }
            }
            [worker, "repeats", task, range] => {
                let path = path(task);
                let split = self.plans[&path.job].map_tasks[path.task.ordinal as usize].first();
                let report = Report::Map(map_report(split, found(range), (0, 0)));
                let attempt = self.attempt(worker, &path);
                Event::Recorded { task: path, attempt, report: Box::new(report) }
            }
            [worker, "reduces", task, ref writing @ ..] => {
                let path = path(task);
                let points = writing.get(1).map_or(0, |points| number(points));
                let report = Report::Reduce(reduce_report(PartitionId(path.task.ordinal), points));
                let attempt = self.complete(worker, &path)?;
                Event::Recorded { task: path, attempt, report: Box::new(report) }
            }
            [worker, "fails", task, class, ref guess @ ..] => {
                let path = path(task);
                let failure = failure(class, guess.get(1).map(|guess| number(guess)));
                let attempt = self.attempt(worker, &path);
                self.claims.remove(&(path.clone(), attempt))?;
                Event::Failed { task: path, attempt, failure }
            }
            [worker, "hands", "back", task] => {
                let path = path(task);
                let attempt = self.attempt(worker, &path);
                self.claims.remove(&(path.clone(), attempt))?;
                Event::HandedBack { task: path, attempt }
            }
            [worker, "lost"] => Event::WorkerLost { worker: self::worker(worker) },
            ["after", seconds] => {
                self.now += Duration::from_secs(number(seconds.trim_end_matches('s')));
                Event::Tick
            }
            ["cancel"] => Event::Cancelled { job: job("j"), cause: "the operator".to_owned() },
            ["committed"] => Event::Committed { job: job("j"), shard: SHARD, version: 1 },
            ["commit", "fails"] => Event::CommitFailed { job: job("j"), shard: SHARD, cause: "the store".to_owned() },
            _ => panic!("no event: {words:?}"),
        })
    }

    fn planned(&mut self, name: JobId, weight: u32, sizes: &str, partitions: &str) -> Event {
        let (size, split) = sizes.split_once('/').expect("SIZE/SPLIT");
        let plan = Arc::new(ShardPlan { job: name.clone(), ..plan(number(size), number(split), number(partitions)) });
        self.plans.insert(name.clone(), Arc::clone(&plan));
        for event in UNTIL_OPENING {
            self.apply(job_event(&name, event));
        }
        self.apply(Event::JobSpecified { job: name, round: 1, weight, running_max: None });
        Event::ShardPlanned { plan, restored: None }
    }

    fn attempt(&self, worker: &str, task: &TaskPath) -> AttemptId {
        *self.given.get(&(self::worker(worker), task.clone())).expect("a worker only speaks of what it was given")
    }

    /// Records the attempt if its claim stands, and ends every other claim on the task.
    fn complete(&mut self, worker: &str, path: &TaskPath) -> Option<AttemptId> {
        let attempt = self.attempt(worker, path);
        self.claims.remove(&(path.clone(), attempt))?;
        self.claims.retain(|(task, _), _| task != path);
        Some(attempt)
    }

    fn shown_assignment(&self, NextAttempt { worker, task, number, input }: &NextAttempt) -> String {
        let input = match input {
            TaskInput::Map { exact_start } => {
                let splits = self.plans[&task.job].map_tasks[task.task.ordinal as usize].splits();
                splits.map(|split| shown_split(&split, *exact_start)).collect::<Vec<_>>().join("+")
            }
            TaskInput::Reduce { runs } => format!("of {} runs", runs.list.runs.len()),
        };
        format!("w{} gets {} {input}", worker.0, shown_attempt(task, *number))
    }

    /// Formats an effect; none for those of the job's life, which have traces of their own.
    fn shown(&self, effect: &Effect) -> Option<String> {
        Some(match effect {
            Effect::Stop { worker, task, attempt } => {
                format!("stop w{} {}", worker.0, shown_attempt(task, attempt.number))
            }
            Effect::Reopen { task, tried, .. } => {
                format!("reopen {} charged {}", shown_attempt(task, tried.last), tried.charged)
            }
            Effect::Commit { output } => {
                let path = |task| TaskPath { job: output.plan.job.clone(), shard: SHARD, task };
                let attempts = output.partitions.iter();
                let attempts =
                    attempts.map(|(part, attempt, _)| shown_attempt(&path(TaskId::reduce(*part)), attempt.number));
                ["commit".to_owned()].into_iter().chain(attempts).collect::<Vec<_>>().join(" ")
            }
            Effect::End { end: ShardEnd::Done { version }, .. } => format!("done v{version}"),
            Effect::End { end: ShardEnd::Failed { cause }, .. } => format!("failed: {cause}"),
            Effect::End { end: ShardEnd::Cancelled { cause }, .. } => format!("cancelled: {cause}"),
            Effect::Violated { invariant, .. } => format!("violated {invariant}"),
            Effect::Job { .. } => return None,
        })
    }
}

fn job_event(job: &JobId, event: JobEvent) -> Event {
    Event::Job { job: job.clone(), round: None, event }
}

fn job(name: &str) -> JobId {
    name.parse().expect("a job's name")
}

/// Formats an attempt as `m3#1`, with the job's name unless it is `j`.
fn shown_attempt(path: &TaskPath, number: u32) -> String {
    let job = if path.job.as_str() == "j" { String::new() } else { format!("{}:", path.job) };
    let kind = if path.task.kind == TaskKind::Map { 'm' } else { 'r' };
    format!("{job}{kind}{}#{number}", path.task.ordinal)
}

fn shown_split(split: &Split, exact_start: Option<u64>) -> String {
    let from = exact_start.map(|start| format!(" from {start}")).unwrap_or_default();
    format!("{}{from}", split.range)
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

fn worker(text: &str) -> WorkerId {
    model::LeaseId(number(text.strip_prefix('w').expect("a worker")))
}

/// Parses `m3` of the job `j`, or `b:m3` of another.
fn path(text: &str) -> TaskPath {
    let (name, task) = text.split_once(':').unwrap_or(("j", text));
    let (kind, ordinal) = task.split_at(1);
    let ordinal = number(ordinal) as u32;
    let task = if kind == "m" { TaskId::map(ordinal) } else { TaskId::reduce(PartitionId(ordinal)) };
    TaskPath { job: job(name), shard: SHARD, task }
}

fn found(range: &str) -> Option<(u64, u64)> {
    range.split_once("..").map(|(first, end)| (number(first), number(end)))
}

/// Plans one segment of `size` bytes.
pub(super) fn plan(size: u64, split_bytes: u64, partitions: u64) -> ShardPlan {
    let partition_bytes = ByteSize(size.div_ceil(partitions).max(1));
    let settings = JobSettings { split_bytes: ByteSize(split_bytes), partition_bytes, ..JobSettings::default() };
    let segment = SegmentRef { key: format!("shard={SHARD}/0.seg"), size, etag: None };
    plan_shard("j".parse().expect("a job's name"), SHARD, settings, vec![segment])
}

/// Builds the report of a map attempt that found its first frame and its end, or no frame at all.
pub(super) fn map_report(split: Split, found: Option<(u64, u64)>, (bad, bytes_bad): (u64, u64)) -> MapReport {
    let end = found.map_or(split.range.start, |(_, end)| end);
    MapReport {
        splits: vec![SplitReport { split, first: found.map(|(first, _)| first), end }],
        run: Some(ObjectEntry { key: "a run".to_owned(), size: 1, digest: Digest(0) }),
        books: MapBooks {
            frames_read: bad,
            frames_quarantined: bad,
            bytes_quarantined: bytes_bad,
            ..MapBooks::default()
        },
        quarantine: None,
        time_range_ms: None,
        stages: StageTimes::default(),
        spills: 1,
        effort: None,
    }
}

pub(super) fn reduce_report(partition: PartitionId, points_written: u64) -> ReduceReport {
    let books = ReduceBooks { points_written, ..ReduceBooks::default() };
    let stages = StageTimes::default();
    ReduceReport { partition, raw: None, rollups: Vec::new(), extent: None, books, stages, effort: None }
}

pub(super) fn failure(class: &str, guessed: Option<u64>) -> Failure {
    let message = class.to_owned();
    let class = match class {
        "transient" => FailureClass::Transient,
        "resource" => FailureClass::Resource,
        "bug" => FailureClass::Bug,
        "cancelled" => FailureClass::Cancelled,
        "throttled" => FailureClass::Throttled,
        "run" => FailureClass::RunLost { map_task: guessed.expect("run of M") as u32 },
        "input" => FailureClass::Input { guessed },
        _ => panic!("no class of failures: {class}"),
    };
    Failure::new(class, message)
}
