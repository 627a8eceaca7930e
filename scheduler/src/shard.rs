//! One shard: its phases and tasks.
//!
//! ```text
//!            every split read          every partition
//!            and stitched              reduced, books balance     manifest visible
//! Mapping ---------------> Reducing -----------------> Committing ----------> Ended(Done)
//!    |                         |                            |
//!    +------ a failure that counts, or cancelled -----------+--------------> Ended(Failed | Cancelled)
//!
//! task:  Open -> Running(attempt, worker) -> Finished(attempt, report)
//!          ^          |  failed, worker lost       |  the stitch says: run again from here
//!          +----------+----------------------------+
//! ```

use std::collections::BTreeSet;
use std::sync::Arc;

use model::limits::ATTEMPTS_PER_TASK_MAX;
use model::{
    AttemptId, Books, Failure, FailureClass, FencingToken, MapReport, ObjectEntry, PartitionId, ReduceReport,
    ShardPlan, StageTimes, TaskId, TaskKind,
};

use crate::event::{ShardEnd, ShardOutput, TaskInput, WorkerId};
use crate::stitch::{self, Known, Verdict};

/// A shard that was planned.
#[derive(Debug)]
pub(crate) struct Shard {
    plan: Arc<ShardPlan>,
    maps: Vec<Task<MapReport>>,
    reduces: Vec<Task<ReduceReport>>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Mapping,
    Reducing,
    Committing,
    Ended,
}

#[derive(Debug)]
struct Task<R> {
    status: Status<R>,
    /// Attempts so far: the number of the last one (LS-1).
    attempts: u32,
    /// Those that count against the limit.
    failures: u32,
    /// Where the stitch said that the first frame of its one split starts.
    exact_start: Option<u64>,
    /// Workers on which it failed for a reason of their own.
    avoided: BTreeSet<WorkerId>,
}

#[derive(Debug)]
enum Status<R> {
    Open,
    Running {
        attempt: AttemptId,
        worker: WorkerId,
    },
    Finished {
        attempt: AttemptId,
        report: R,
    },
    /// It failed from a guessed start, and waits for its neighbour to confirm or refute the guess.
    Suspect {
        guessed: u64,
        failure: Failure,
    },
}

impl<R> Task<R> {
    fn new() -> Self {
        Self { status: Status::Open, attempts: 0, failures: 0, exact_start: None, avoided: BTreeSet::new() }
    }

    /// Whether `worker`, one of `workers`, may begin it. Where it failed on all of them one may try again: if the others
    /// were lost meanwhile, nobody else would ever end it (LV-1).
    fn is_open_to(&self, worker: WorkerId, workers: &BTreeSet<WorkerId>) -> bool {
        let is_avoided = self.avoided.contains(&worker) && !workers.is_subset(&self.avoided);
        matches!(self.status, Status::Open) && !is_avoided
    }

    fn is_running(&self, attempt: AttemptId) -> bool {
        matches!(self.status, Status::Running { attempt: running, .. } if running == attempt)
    }

    fn report(&self) -> Option<&R> {
        match &self.status {
            Status::Finished { report, .. } => Some(report),
            _ => None,
        }
    }

    fn begin(&mut self, worker: WorkerId, token: FencingToken) -> AttemptId {
        self.attempts += 1;
        let attempt = AttemptId { number: self.attempts, token };
        self.status = Status::Running { attempt, worker };
        attempt
    }
}

/// What a shard wants done after an event.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing new.
    Wait,
    /// Make its output visible.
    Commit(Box<ShardOutput>),
    /// It has ended.
    End(ShardEnd),
}

impl Shard {
    pub(crate) fn new(plan: Arc<ShardPlan>) -> Self {
        let maps = plan.map_tasks.iter().map(|_| Task::new()).collect();
        let reduces = plan.partition_ids().map(|_| Task::new()).collect();
        Self { plan, maps, reduces, phase: Phase::Mapping }
    }

    pub(crate) fn plan(&self) -> &Arc<ShardPlan> {
        &self.plan
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// Segment bytes of the shard: the measure of longest-first.
    pub(crate) fn weight(&self) -> u64 {
        self.plan.bytes()
    }

    /// Begins an attempt at the first task that is open to `worker`, one of `workers`.
    pub(crate) fn claim(
        &mut self,
        worker: WorkerId,
        workers: &BTreeSet<WorkerId>,
        token: FencingToken,
    ) -> Option<(TaskId, AttemptId, TaskInput)> {
        match self.phase {
            Phase::Mapping => {
                let ordinal = self.maps.iter().position(|task| task.is_open_to(worker, workers))?;
                let task = &mut self.maps[ordinal];
                let attempt = task.begin(worker, token);
                let splits = self.plan.map_tasks[ordinal].splits.iter().map(|split| (*split, task.exact_start));
                Some((TaskId::map(ordinal as u32), attempt, TaskInput::Map(splits.collect())))
            }
            Phase::Reducing => {
                let ordinal = self.reduces.iter().position(|task| task.is_open_to(worker, workers))?;
                let attempt = self.reduces[ordinal].begin(worker, token);
                let task = TaskId::reduce(PartitionId(ordinal as u32));
                Some((task, attempt, TaskInput::Reduce(self.runs())))
            }
            Phase::Committing | Phase::Ended => None,
        }
    }

    fn runs(&self) -> Vec<ObjectEntry> {
        self.maps.iter().filter_map(|task| task.report()?.run.clone()).collect()
    }

    /// A map attempt finished; one that is no longer running is a late writer and changes nothing (LS-2, LS-3).
    pub(crate) fn mapped(&mut self, task: TaskId, attempt: AttemptId, report: MapReport) -> Next {
        let Some(task) = self.maps.get_mut(task.ordinal as usize).filter(|task| task.is_running(attempt)) else {
            return Next::Wait;
        };
        task.status = Status::Finished { attempt, report };
        self.advance()
    }

    /// A reduce attempt finished; as for map attempts.
    pub(crate) fn reduced(&mut self, task: TaskId, attempt: AttemptId, report: ReduceReport) -> Next {
        let Some(task) = self.reduces.get_mut(task.ordinal as usize).filter(|task| task.is_running(attempt)) else {
            return Next::Wait;
        };
        task.status = Status::Finished { attempt, report };
        self.advance()
    }

    /// An attempt failed. `others` are the workers that could try again.
    pub(crate) fn failed(
        &mut self,
        task: TaskId,
        attempt: AttemptId,
        failure: Failure,
        others: &BTreeSet<WorkerId>,
    ) -> Next {
        let ended = match task.kind {
            TaskKind::Map => fail(self.maps.get_mut(task.ordinal as usize), task, attempt, failure, others),
            TaskKind::Reduce => fail(self.reduces.get_mut(task.ordinal as usize), task, attempt, failure, others),
        };
        match ended {
            Some(end) => self.end(end),
            None => self.advance(),
        }
    }

    /// A worker is gone: its attempts end, uncharged.
    pub(crate) fn lose(&mut self, worker: WorkerId) {
        fn lose<R>(tasks: &mut [Task<R>], lost: WorkerId) {
            for task in tasks {
                if matches!(task.status, Status::Running { worker, .. } if worker == lost) {
                    task.status = Status::Open;
                }
            }
        }
        lose(&mut self.maps, worker);
        lose(&mut self.reduces, worker);
    }

    /// The attempts that are running.
    pub(crate) fn running(&self) -> Vec<(TaskId, AttemptId, WorkerId)> {
        fn running<R>(tasks: &[Task<R>]) -> impl Iterator<Item = (u32, AttemptId, WorkerId)> {
            tasks.iter().enumerate().filter_map(|(ordinal, task)| match task.status {
                Status::Running { attempt, worker } => Some((ordinal as u32, attempt, worker)),
                _ => None,
            })
        }
        let maps = running(&self.maps).map(|(ordinal, attempt, worker)| (TaskId::map(ordinal), attempt, worker));
        let reduces = running(&self.reduces)
            .map(|(ordinal, attempt, worker)| (TaskId::reduce(PartitionId(ordinal)), attempt, worker));
        maps.chain(reduces).collect()
    }

    /// Whether it can still be given up: nothing of it may be visible yet.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Mapping | Phase::Reducing)
    }

    /// Ends the shard.
    pub(crate) fn end(&mut self, end: ShardEnd) -> Next {
        if self.has_ended() {
            return Next::Wait;
        }
        self.phase = Phase::Ended;
        Next::End(end)
    }

    /// Goes as far as the finished tasks allow.
    pub(crate) fn advance(&mut self) -> Next {
        if matches!(self.phase, Phase::Mapping) {
            if let Some(cause) = self.stitch() {
                return self.end(ShardEnd::Failed { cause });
            }
            if !self.maps.iter().all(|task| task.report().is_some()) {
                return Next::Wait;
            }
            if let Some(cause) = self.too_many_bad_frames() {
                return self.end(ShardEnd::Failed { cause });
            }
            self.phase = Phase::Reducing;
        }
        if matches!(self.phase, Phase::Reducing) && self.reduces.iter().all(|task| task.report().is_some()) {
            let output = self.output();
            if let Err(unbalanced) = output.books.balance() {
                return self.end(ShardEnd::Failed { cause: unbalanced.to_string() });
            }
            self.phase = Phase::Committing;
            return Next::Commit(Box::new(output));
        }
        Next::Wait
    }

    /// Opens the tasks whose guess was wrong again; returns why the shard fails, if a failure is confirmed.
    fn stitch(&mut self) -> Option<String> {
        // Only a task of a single split starts mid-segment; the splits of one segment follow one another.
        let mut ordinal = 0;
        while ordinal < self.maps.len() {
            let segment = self.plan.map_tasks[ordinal].splits[0].segment;
            let is_same = |task: &&model::MapTask| task.splits.len() == 1 && task.splits[0].segment == segment;
            let count = self.plan.map_tasks[ordinal..].iter().take_while(is_same).count().max(1);
            let failed = self.stitch_segment(segment, ordinal..ordinal + count);
            if failed.is_some() {
                return failed;
            }
            ordinal += count;
        }
        None
    }

    fn stitch_segment(&mut self, segment: u32, tasks: std::ops::Range<usize>) -> Option<String> {
        if tasks.len() == 1 {
            // Whole segments: each was read from 0, to its end.
            if let Some(report) = self.maps[tasks.start].report() {
                for split in &report.splits {
                    let size = self.plan.segments[split.split.segment as usize].size;
                    assert!(split.first == Some(0) && split.end == size, "PL-1: {split:?} does not cover {size} bytes");
                }
            }
            return None;
        }
        let known = |task: &Task<MapReport>| match &task.status {
            Status::Open | Status::Running { .. } => Known::Open,
            Status::Finished { report, .. } => Known::Read(report.splits[0]),
            Status::Suspect { guessed, .. } => Known::FailedFrom(*guessed),
        };
        let splits: Vec<_> =
            tasks.clone().map(|task| (self.plan.map_tasks[task].splits[0], known(&self.maps[task]))).collect();
        let verdicts = stitch::judge(self.plan.segments[segment as usize].size, &splits);
        for (task, verdict) in self.maps[tasks].iter_mut().zip(verdicts) {
            match (verdict, &task.status) {
                (Verdict::RunAgain { exact_start }, _) => {
                    task.exact_start = Some(exact_start);
                    task.status = Status::Open;
                }
                (Verdict::Fails, Status::Suspect { failure, .. }) => return Some(failure.message.clone()),
                _ => {}
            }
        }
        None
    }

    fn too_many_bad_frames(&self) -> Option<String> {
        let found: u64 = self.maps.iter().filter_map(Task::report).map(|report| report.books.frames_quarantined).sum();
        let max = self.plan.settings.bad_frames_max;
        (found > max).then(|| {
            format!("{found} bad frames, over the {max} that a shard may quarantine; raise `--bad-frames-max` if that is acceptable")
        })
    }

    fn output(&self) -> ShardOutput {
        let mut books = Books::default();
        let mut stages = StageTimes::default();
        let mut quarantine = Vec::new();
        let mut time_range_ms: Option<(i64, i64)> = None;
        for report in self.maps.iter().filter_map(Task::report) {
            books.map += &report.books;
            stages += &report.stages;
            quarantine.extend(report.quarantine.clone());
            time_range_ms = match (time_range_ms, report.time_range_ms) {
                (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
                (one, other) => one.or(other),
            };
        }
        let mut partitions = Vec::with_capacity(self.reduces.len());
        for task in &self.reduces {
            if let Status::Finished { attempt, report } = &task.status {
                books.reduce += &report.books;
                stages += &report.stages;
                partitions.push((report.partition, *attempt, report.clone()));
            }
        }
        ShardOutput { plan: Arc::clone(&self.plan), partitions, quarantine, books, time_range_ms, stages }
    }
}

/// Records a failure; returns how the shard ends over it, if it does.
fn fail<R>(
    task: Option<&mut Task<R>>,
    id: TaskId,
    attempt: AttemptId,
    failure: Failure,
    others: &BTreeSet<WorkerId>,
) -> Option<ShardEnd> {
    let task = task.filter(|task| task.is_running(attempt))?;
    let Status::Running { worker, .. } = task.status else { return None };
    task.status = Status::Open;
    let cause = |failure: &Failure| format!("task {id}: {}", failure.message);
    match failure.class {
        FailureClass::Input { guessed: Some(guessed) } if task.exact_start.is_none() => {
            task.status = Status::Suspect { guessed, failure: Failure { message: cause(&failure), ..failure } };
            None
        }
        FailureClass::Input { .. } | FailureClass::Bug => Some(ShardEnd::Failed { cause: cause(&failure) }),
        FailureClass::Cancelled => Some(ShardEnd::Cancelled { cause: failure.message }),
        FailureClass::Resource => {
            task.avoided.insert(worker);
            others.is_subset(&task.avoided).then(|| ShardEnd::Failed { cause: cause(&failure) })
        }
        FailureClass::Transient | FailureClass::Throttled | FailureClass::RunLost { .. } => {
            task.failures += 1;
            let is_over = task.failures >= ATTEMPTS_PER_TASK_MAX;
            is_over
                .then(|| ShardEnd::Failed { cause: format!("{} (after {} attempts)", cause(&failure), task.attempts) })
        }
    }
}
