//! Traces as text: events go in by a few words each, effects come out by a few words each.
//!
//! ```text
//! plan SIZE/SPLIT into PARTITIONS                one segment
//! w1 claims [SLOTS]
//! w1 maps m0 FIRST..END | none [with N bad]      the attempt that w1 was given last, be it stale
//! w1 reduces r0 [writing POINTS]
//! w1 fails m0 transient | resource | bug | cancelled | input [from GUESS]
//! w1 lost | cancel | committed | commit fails
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use expect_test::Expect;
use model::books::{MapBooks, ReduceBooks};
use model::{
    AttemptId, ByteSize, Failure, FailureClass, FencingToken, JobSettings, MapReport, ObjectEntry, PartitionId,
    ReduceReport, SegmentRef, ShardId, ShardPlan, Split, SplitReport, StageTimes, TaskId, digest::Digest,
};

use crate::event::TaskInput;
use crate::plan::plan_shard;
use crate::{Effect, Event, ShardEnd, State, WorkerId, step};

pub(super) const SHARD: ShardId = ShardId::Shared(1);

/// Runs the events of `trace` and compares what each of them caused.
pub(super) fn check(trace: &str, expected: Expect) {
    let mut run = Trace::default();
    let lines: Vec<_> = trace.split('|').map(|event| (event.trim(), run.take(event.trim()))).collect();
    let width = lines.iter().map(|(event, _)| event.len()).max().unwrap_or_default();
    let shown = lines.iter().map(|(event, caused)| format!("{event:width$}   {caused}") + "\n");
    expected.assert_eq(&shown.collect::<String>());
}

#[derive(Default)]
struct Trace {
    state: State,
    plan: Option<Arc<ShardPlan>>,
    token: u64,
    given: BTreeMap<(WorkerId, TaskId), AttemptId>,
}

impl Trace {
    fn take(&mut self, text: &str) -> String {
        let event = self.event(text);
        let is_completion = matches!(event, Event::Mapped { .. } | Event::Reduced { .. } | Event::Failed { .. });
        let before = format!("{:?}", self.state);
        let effects = step(&mut self.state, event);
        if effects.is_empty() {
            let is_refused = is_completion && format!("{:?}", self.state) == before;
            return if is_refused { "refused" } else { "-" }.to_owned();
        }
        effects.iter().map(|effect| self.shown(effect)).collect::<Vec<_>>().join("; ")
    }

    fn event(&mut self, text: &str) -> Event {
        let words: Vec<_> = text.split_whitespace().collect();
        match words[..] {
            ["plan", sizes, "into", partitions] => {
                let (size, split) = sizes.split_once('/').expect("SIZE/SPLIT");
                let plan = Arc::new(plan(number(size), number(split), number(partitions)));
                self.plan = Some(Arc::clone(&plan));
                Event::Planned { plan }
            }
            [worker, "claims", ref slots @ ..] => {
                self.token += 1;
                let slots = slots.first().map_or(1, |slots| number(slots) as usize);
                Event::Claim { worker: self::worker(worker), slots, token: FencingToken(self.token) }
            }
            [worker, "maps", task, range, ref bad @ ..] => {
                let task = self::task(task);
                let bad = bad.get(1).map_or(0, |count| number(count));
                let split = self.plan.as_ref().expect("planned").map_tasks[task.ordinal as usize].splits[0];
                let report = map_report(split, found(range), bad);
                Event::Mapped { shard: SHARD, task, attempt: self.attempt(worker, task), report }
            }
            [worker, "reduces", task, ref writing @ ..] => {
                let task = self::task(task);
                let points = writing.get(1).map_or(0, |points| number(points));
                let report = reduce_report(PartitionId(task.ordinal), points);
                Event::Reduced { shard: SHARD, task, attempt: self.attempt(worker, task), report }
            }
            [worker, "fails", task, class, ref guess @ ..] => {
                let task = self::task(task);
                let failure = failure(class, guess.get(1).map(|guess| number(guess)));
                Event::Failed { shard: SHARD, task, attempt: self.attempt(worker, task), failure }
            }
            [worker, "lost"] => Event::WorkerLost { worker: self::worker(worker) },
            ["cancel"] => Event::Cancelled { cause: "the operator".to_owned() },
            ["committed"] => Event::Committed { shard: SHARD, version: 1 },
            ["commit", "fails"] => Event::CommitFailed { shard: SHARD, cause: "the store".to_owned() },
            _ => panic!("no event: {text}"),
        }
    }

    fn attempt(&self, worker: &str, task: TaskId) -> AttemptId {
        *self.given.get(&(self::worker(worker), task)).expect("a worker only speaks of what it was given")
    }

    fn shown(&mut self, effect: &Effect) -> String {
        match effect {
            Effect::Assign { worker, task, attempt, input, .. } => {
                self.given.insert((*worker, *task), *attempt);
                let input = match input {
                    TaskInput::Map(splits) => splits.iter().map(shown_split).collect::<Vec<_>>().join("+"),
                    TaskInput::Reduce(runs) => format!("of {} runs", runs.len()),
                };
                format!("w{} gets {} {input}", worker.0, shown_attempt(*task, *attempt))
            }
            Effect::Stop { worker, task, attempt, .. } => {
                format!("stop w{} {}", worker.0, shown_attempt(*task, *attempt))
            }
            Effect::Commit { output } => {
                let attempts = output.partitions.iter();
                let attempts = attempts.map(|(part, attempt, _)| shown_attempt(TaskId::reduce(*part), *attempt));
                ["commit".to_owned()].into_iter().chain(attempts).collect::<Vec<_>>().join(" ")
            }
            Effect::End { end: ShardEnd::Done { version }, .. } => format!("done v{version}"),
            Effect::End { end: ShardEnd::Failed { cause }, .. } => format!("failed: {cause}"),
            Effect::End { end: ShardEnd::Cancelled { cause }, .. } => format!("cancelled: {cause}"),
        }
    }
}

fn shown_attempt(task: TaskId, attempt: AttemptId) -> String {
    let kind = if task == TaskId::map(task.ordinal) { 'm' } else { 'r' };
    format!("{kind}{}#{}", task.ordinal, attempt.number)
}

fn shown_split((split, exact_start): &(Split, Option<u64>)) -> String {
    let from = exact_start.map(|start| format!(" from {start}")).unwrap_or_default();
    format!("{}{from}", split.range)
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

fn worker(text: &str) -> WorkerId {
    WorkerId(number(text.strip_prefix('w').expect("a worker")) as u32)
}

fn task(text: &str) -> TaskId {
    let (kind, ordinal) = text.split_at(1);
    let ordinal = number(ordinal) as u32;
    if kind == "m" { TaskId::map(ordinal) } else { TaskId::reduce(PartitionId(ordinal)) }
}

fn found(range: &str) -> Option<(u64, u64)> {
    range.split_once("..").map(|(first, end)| (number(first), number(end)))
}

/// A plan of one segment.
pub(super) fn plan(size: u64, split_bytes: u64, partitions: u64) -> ShardPlan {
    let partition_bytes = ByteSize(size.div_ceil(partitions).max(1));
    let settings = JobSettings { split_bytes: ByteSize(split_bytes), partition_bytes, ..JobSettings::default() };
    let segment = SegmentRef { key: format!("shard={SHARD}/0.seg"), size, etag: None };
    plan_shard("j".parse().expect("a job's name"), SHARD, settings, vec![segment])
}

/// A map attempt that found its first frame and its end, or no frame at all.
pub(super) fn map_report(split: Split, found: Option<(u64, u64)>, bad: u64) -> MapReport {
    let end = found.map_or(split.range.start, |(_, end)| end);
    MapReport {
        splits: vec![SplitReport { split, first: found.map(|(first, _)| first), end }],
        run: Some(ObjectEntry { key: "a run".to_owned(), size: 1, digest: Digest(0) }),
        books: MapBooks { frames_read: bad, frames_quarantined: bad, ..MapBooks::default() },
        quarantine: None,
        time_range_ms: None,
        stages: StageTimes::default(),
        spills: 1,
    }
}

pub(super) fn reduce_report(partition: PartitionId, points_written: u64) -> ReduceReport {
    let books = ReduceBooks { points_written, ..ReduceBooks::default() };
    ReduceReport { partition, raw: None, rollups: Vec::new(), extent: None, books, stages: StageTimes::default() }
}

pub(super) fn failure(class: &str, guessed: Option<u64>) -> Failure {
    let message = class.to_owned();
    let class = match class {
        "transient" => FailureClass::Transient,
        "resource" => FailureClass::Resource,
        "bug" => FailureClass::Bug,
        "cancelled" => FailureClass::Cancelled,
        "input" => FailureClass::Input { guessed },
        _ => panic!("no class of failures: {class}"),
    };
    Failure { class, message }
}
