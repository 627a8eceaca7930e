//! Which map tasks read one segment, and whether their ranges join.

use std::ops::Range;

use model::{Invariant, MapReport, ShardPlan, TaskId};

use super::{Around, Shard};
use crate::event::{Effect, Tried};
use crate::stitch::{self, Known, Uncovered, Verdict};
use crate::task::{Status, Task};

/// Ordinals of the map tasks that read one segment, or a pack of whole ones. Only a task of a single split starts
/// mid-segment; the splits of one segment follow one another.
pub(super) fn groups(plan: &ShardPlan) -> Vec<Range<u32>> {
    let mut groups = Vec::new();
    let mut first = 0;
    while first < plan.map_tasks.len() {
        let segment = plan.map_tasks[first].splits[0].segment;
        let is_same = |task: &&model::MapTask| task.splits.len() == 1 && task.splits[0].segment == segment;
        let count = plan.map_tasks[first..].iter().take_while(is_same).count().max(1);
        groups.push(first as u32..(first + count) as u32);
        first += count;
    }
    groups
}

impl Shard {
    /// Stitches every segment: after much was learnt at once.
    pub(crate) fn stitch_all(&mut self, around: Around<'_>, effects: &mut Vec<Effect>) {
        for group in 0..self.segments.len() {
            self.stitch(group, around, effects);
        }
    }

    /// Stitches the segment that the map task `ordinal` reads.
    pub(super) fn stitch_around(&mut self, ordinal: u32, around: Around<'_>, effects: &mut Vec<Effect>) {
        let group = self.segments.partition_point(|group| group.end <= ordinal);
        if group < self.segments.len() {
            self.stitch(group, around, effects);
        }
    }

    fn stitch(&mut self, group: usize, around: Around<'_>, effects: &mut Vec<Effect>) {
        let tasks = self.segments[group].clone();
        if tasks.len() == 1 {
            return self.check_whole(tasks.start, effects);
        }
        let segment = self.plan.map_tasks[tasks.start as usize].splits[0].segment;
        let splits: Vec<_> = tasks
            .clone()
            .map(|ordinal| {
                let split = self.plan.map_tasks[ordinal as usize].splits[0];
                (split, self.maps.get(ordinal).map_or(Known::Open, known))
            })
            .collect();
        let verdicts = match stitch::judge(self.plan.segments[segment as usize].size, &splits) {
            Ok(verdicts) => verdicts,
            Err(uncovered) => return self.uncovered(segment, uncovered, effects),
        };
        for (ordinal, verdict) in tasks.zip(verdicts) {
            match verdict {
                Verdict::RunAgain { exact_start } => self.run_again(ordinal, exact_start, effects),
                Verdict::Fails => self.confirm(ordinal, around, effects),
                Verdict::Unknown | Verdict::Joins => {}
            }
        }
    }

    /// Whole segments: each was read from 0, to its end.
    fn check_whole(&mut self, ordinal: u32, effects: &mut Vec<Effect>) {
        let Some(report) = self.maps.get(ordinal).and_then(Task::report) else { return };
        let uncovered = report.splits.iter().find_map(|split| {
            let size = self.plan.segments[split.split.segment as usize].size;
            let is_covered = split.first == Some(0) && split.end == size;
            (!is_covered).then_some((split.split.segment, Uncovered { end: split.end, size }))
        });
        if let Some((segment, uncovered)) = uncovered {
            self.uncovered(segment, uncovered, effects);
        }
    }

    fn uncovered(&mut self, segment: u32, uncovered: Uncovered, effects: &mut Vec<Effect>) {
        let (invariant, key) = (Invariant::Pl1, &self.plan.segments[segment as usize].key);
        let what = format!(
            "{invariant}: segment {key} was not read once from end to end: {uncovered}; nothing was committed, run the \
             shard again and report this"
        );
        self.violated(invariant, what, effects);
    }

    /// Its guess was wrong.
    fn run_again(&mut self, ordinal: u32, exact_start: u64, effects: &mut Vec<Effect>) {
        let path = self.path(TaskId::map(ordinal));
        let effect = self.maps.change(ordinal, |task| {
            task.tried.exact_start = Some(exact_start);
            match &task.status {
                Status::Done(done) => {
                    let (attempt, tried) = (done.attempt, task.tried);
                    task.status = Status::Reopening;
                    Some(Effect::Reopen { task: path, attempt, tried })
                }
                Status::Suspect(_) => {
                    task.status = Status::Open;
                    None
                }
                _ => None,
            }
        });
        effects.extend(effect);
    }

    /// A map task whose run is lost runs again, and only that one.
    pub(super) fn remap(&mut self, ordinal: u32, tried: Tried, effects: &mut Vec<Effect>) {
        let path = self.path(TaskId::map(ordinal));
        let effect = self.maps.change(ordinal, |task| {
            let attempt = task.done()?.attempt;
            task.tried = tried;
            task.status = Status::Reopening;
            Some(Effect::Reopen { task: path, attempt, tried })
        });
        effects.extend(effect);
        self.map_again();
    }
}

fn known(task: &Task<MapReport>) -> Known {
    match &task.status {
        Status::Done(done) => Known::Read(done.report.splits[0]),
        Status::Suspect(suspicion) => Known::FailedFrom(suspicion.guessed),
        Status::Open | Status::Running(_) | Status::Waiting { .. } | Status::Reopening => Known::Open,
    }
}
