//! State of one job: its life, shards, open work, and durations of its attempts.

pub mod life; // states of a job, and what moves it

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use model::{ShardId, TaskId, TaskKind};

use crate::event::WorkerId;
use crate::shard::Shard;
use life::Life;

/// Number of latest attempts from which [`Job::median`] is taken.
const DURATIONS_MAX: usize = 256;

/// Job whose name is taken.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) life: Life,
    /// Round that the job's events belong to; 0 until its head is on record.
    pub(crate) round: u32,
    pub(crate) weight: u32,
    pub(crate) running_max: Option<u32>,
    /// Position in order of submission; smaller goes first.
    pub(crate) ordinal: u64,
    pub(crate) shards: BTreeMap<ShardId, Shard>,
    /// Number of shards that have not ended, kept so that [`Job::is_over`] does not scan tens of thousands after each
    /// end.
    open: usize,
    /// Shards with an open task, heaviest first, so that the longest shard does not run alone at the end.
    ready: BTreeSet<(Reverse<u64>, ShardId)>,
    running: BTreeMap<(ShardId, TaskId, u32), (WorkerId, Duration)>,
    durations: BTreeMap<TaskKind, VecDeque<Duration>>,
}

impl Job {
    pub(crate) fn new(life: Life, ordinal: u64) -> Self {
        Self {
            life,
            round: 0,
            weight: 1,
            running_max: None,
            ordinal,
            shards: BTreeMap::new(),
            open: 0,
            ready: BTreeSet::new(),
            running: BTreeMap::new(),
            durations: BTreeMap::new(),
        }
    }

    /// Counts the attempts that run.
    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    /// True if `running_max` allows one more attempt.
    pub(crate) fn has_room(&self) -> bool {
        self.running_max.is_none_or(|max| self.running.len() < max as usize)
    }

    /// True if a shard has a task to begin.
    pub(crate) fn has_open(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Lists the shards with an open task, heaviest first.
    pub(crate) fn ready(&self) -> impl Iterator<Item = ShardId> {
        self.ready.iter().map(|(_, shard)| *shard)
    }

    /// Updates `ready` after a change of a shard.
    pub(crate) fn update_ready(&mut self, id: ShardId) {
        let Some(shard) = self.shards.get(&id) else { return };
        let place = (Reverse(shard.bytes()), id);
        if shard.has_open() {
            self.ready.insert(place);
        } else {
            self.ready.remove(&place);
        }
    }

    /// True if no shard is open. More may follow unless the job's life is [`Life::Running`].
    pub(crate) fn is_idle(&self) -> bool {
        self.open == 0
    }

    /// Adds a shard that has not ended.
    pub(crate) fn open(&mut self, id: ShardId, shard: Shard) {
        let before = self.shards.insert(id, shard);
        self.open += usize::from(before.is_none_or(|before| before.has_ended()));
    }

    /// Counts a shard as ended, and forgets its attempts.
    pub(crate) fn close(&mut self, id: ShardId) {
        self.open -= 1;
        let (first, last) =
            (TaskId { kind: TaskKind::Map, ordinal: 0 }, TaskId { kind: TaskKind::Reduce, ordinal: u32::MAX });
        let of_shard: Vec<_> = self.running.range((id, first, 0)..=(id, last, u32::MAX)).map(|(key, _)| *key).collect();
        for key in of_shard {
            self.running.remove(&key);
        }
    }

    /// Adds an attempt that runs on `worker` since `now`.
    pub(crate) fn add_attempt(&mut self, shard: ShardId, task: TaskId, number: u32, worker: WorkerId, now: Duration) {
        self.running.insert((shard, task, number), (worker, now));
    }

    /// Forgets an attempt. If it finished, its duration enters the median.
    pub(crate) fn remove_attempt(&mut self, shard: ShardId, task: TaskId, number: u32, finished_at: Option<Duration>) {
        let Some((_, since)) = self.running.remove(&(shard, task, number)) else { return };
        if let Some(now) = finished_at {
            let durations = self.durations.entry(task.kind).or_default();
            if durations.len() == DURATIONS_MAX {
                durations.pop_front();
            }
            durations.push_back(now.saturating_sub(since));
        }
    }

    /// Forgets every attempt at `task`; the duration of `finished` enters the median.
    pub(crate) fn remove_attempts_at(&mut self, shard: ShardId, task: TaskId, finished: u32, now: Duration) {
        self.remove_attempt(shard, task, finished, Some(now));
        let numbers = (shard, task, 0)..=(shard, task, u32::MAX);
        let others: Vec<_> = self.running.range(numbers).map(|(key, _)| *key).collect();
        for key in others {
            self.running.remove(&key);
        }
    }

    /// Returns the worker that runs an attempt.
    pub(crate) fn worker_of(&self, shard: ShardId, task: TaskId, number: u32) -> Option<WorkerId> {
        self.running.get(&(shard, task, number)).map(|(worker, _)| *worker)
    }

    /// Lists the attempts that `worker` runs.
    pub(crate) fn attempts_of(&self, worker: WorkerId) -> Vec<(ShardId, TaskId, u32)> {
        self.running.iter().filter(|(_, (by, _))| *by == worker).map(|(key, _)| *key).collect()
    }

    /// Returns the median duration of the finished attempts of a kind; none if fewer than `least` have finished.
    pub(crate) fn median(&self, kind: TaskKind, least: usize) -> Option<Duration> {
        let durations = self.durations.get(&kind).filter(|durations| durations.len() >= least.max(1))?;
        let mut sorted: Vec<_> = durations.iter().copied().collect();
        let middle = sorted.len() / 2;
        Some(*sorted.select_nth_unstable(middle).1)
    }

    /// Lists the tasks with exactly one attempt, with its worker and start time.
    pub(crate) fn single_attempts(&self) -> impl Iterator<Item = (ShardId, TaskId, WorkerId, Duration)> {
        let is_of = |a: &(ShardId, TaskId, u32), b: &(ShardId, TaskId, u32)| a.0 == b.0 && a.1 == b.1;
        let all: Vec<_> = self.running.iter().map(|(key, value)| (*key, *value)).collect();
        let is_single = move |at: usize| {
            let is_before = at > 0 && is_of(&all[at - 1].0, &all[at].0);
            let is_after = at + 1 < all.len() && is_of(&all[at].0, &all[at + 1].0);
            let ((shard, task, _), (worker, since)) = all[at];
            (!is_before && !is_after).then_some((shard, task, worker, since))
        };
        (0..self.running.len()).filter_map(is_single)
    }
}
