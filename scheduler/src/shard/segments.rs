//! Stitching inside a shard: the map tasks that read one segment, and the check that their ranges join.

use std::ops::Range;

use model::{Invariant, Report, SegmentRef, ShardPlan, TaskId};

use super::{Shard, ShardContext};
use crate::event::{Effect, Tried};
use crate::stitch::{self, Known, StitchVerdict, Uncovered};
use crate::task::{Status, Task};

/// Ordinals of the map tasks that read one segment, or of the task that reads a pack of whole segments. Only a task
/// of a single split starts mid-segment; the splits of one segment follow one another.
pub(super) fn groups(plan: &ShardPlan) -> Vec<Range<u32>> {
    let mut groups = Vec::new();
    let mut first = 0;
    while first < plan.map_tasks.len() {
        let segment = plan.map_tasks[first].first().segment;
        let is_same = |task: &&model::MapTask| !task.is_pack() && task.first().segment == segment;
        let count = plan.map_tasks[first..].iter().take_while(is_same).count().max(1);
        groups.push(first as u32..(first + count) as u32);
        first += count;
    }
    groups
}

impl Shard {
    /// Stitches every segment; used after a restore, which brings many reports at once.
    pub(crate) fn stitch_all(&mut self, ctx: ShardContext<'_>, effects: &mut Vec<Effect>) {
        for group in 0..self.segments.len() {
            self.stitch(group, ctx, effects);
        }
    }

    /// Stitches the segment that the map task `ordinal` reads.
    pub(super) fn stitch_around(&mut self, ordinal: u32, ctx: ShardContext<'_>, effects: &mut Vec<Effect>) {
        let group = self.segments.partition_point(|group| group.end <= ordinal);
        if group < self.segments.len() {
            self.stitch(group, ctx, effects);
        }
    }

    fn stitch(&mut self, group: usize, ctx: ShardContext<'_>, effects: &mut Vec<Effect>) {
        let tasks = self.segments[group].clone();
        if tasks.len() == 1 {
            return self.check_whole(tasks.start, effects);
        }
        let segment = self.plan.map_tasks[tasks.start as usize].first().segment;
        let splits: Vec<_> = tasks
            .clone()
            .map(|ordinal| {
                let split = self.plan.map_tasks[ordinal as usize].first();
                (split, self.maps.get(ordinal).map_or(Known::Open, known))
            })
            .collect();
        let size = self.segment(segment).size;
        let verdicts = match stitch::judge(size, &splits) {
            Ok(verdicts) => verdicts,
            Err(uncovered) => return self.uncovered(segment, uncovered, effects),
        };
        for (ordinal, verdict) in tasks.zip(verdicts) {
            match verdict {
                StitchVerdict::RunAgain { exact_start } => self.run_again(ordinal, exact_start, effects),
                StitchVerdict::Fails => self.confirm(ordinal, ctx, effects),
                StitchVerdict::Unknown | StitchVerdict::Joins => {}
            }
        }
    }

    /// Checks that each whole segment was read from 0 to its end. The split reports of a pack are then dropped:
    /// nothing needs them any more, and for millions of segments they would take most of a leader's memory.
    fn check_whole(&mut self, ordinal: u32, effects: &mut Vec<Effect>) {
        let task = &self.plan.map_tasks[ordinal as usize];
        let Some(report) = self.maps.get(ordinal).and_then(Task::map_report) else { return };
        let uncovered = report.splits.iter().zip(task.splits()).find_map(|(read, planned)| {
            let size = if task.is_pack() { planned.range.end } else { self.segment(planned.segment).size };
            let is_covered = read.first == Some(0) && read.end == size;
            (!is_covered).then_some((planned.segment, Uncovered { end: read.end, size }))
        });
        match uncovered {
            Some((segment, uncovered)) => self.uncovered(segment, uncovered, effects),
            None if task.is_pack() => self.maps.change(ordinal, Task::forget_splits),
            None => {}
        }
    }

    fn segment(&self, position: u32) -> SegmentRef {
        self.plan.segments.get(position as usize).expect("a plan's tasks read its segments")
    }

    fn uncovered(&mut self, segment: u32, uncovered: Uncovered, effects: &mut Vec<Effect>) {
        let (invariant, key) = (Invariant::Pl1, self.segment(segment).key);
        let what = format!(
            "{invariant}: segment {key} was not read once from end to end: {uncovered}; nothing was committed, run the \
             shard again and report this"
        );
        self.violated(invariant, what, effects);
    }

    /// Runs a split again from `exact_start`, because its guess was wrong.
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

    /// Runs a map task again because its run is lost; the shard's other runs stay.
    pub(super) fn remap(&mut self, ordinal: u32, tried: Tried, effects: &mut Vec<Effect>) {
        let path = self.path(TaskId::map(ordinal));
        let effect = self.maps.change(ordinal, |task| {
            let attempt = task.done()?.attempt;
            task.void = task.tried.last;
            task.tried = tried;
            task.status = Status::Reopening;
            Some(Effect::Reopen { task: path, attempt, tried })
        });
        effects.extend(effect);
        self.map_again();
    }
}

fn known(task: &Task) -> Known {
    match &task.status {
        Status::Done(_) => task.map_report().map_or(Known::Open, |report| Known::Read(report.splits[0])),
        Status::Suspect(suspicion) => Known::FailedFrom(suspicion.guessed),
        Status::Open | Status::Running(_) | Status::Waiting { .. } | Status::Reopening => Known::Open,
    }
}

impl Task {
    /// Drops the report of each split to free memory.
    fn forget_splits(&mut self) {
        if let Status::Done(done) = &mut self.status
            && let Report::Map(report) = &mut done.report
        {
            report.splits = Vec::new();
        }
    }
}
