//! Puts together a manifest's contents from the reports that count.

use std::sync::Arc;

use model::{Books, Effort, StageTimes};

use super::Shard;
use crate::event::ShardOutput;
use crate::task::Task;

impl Shard {
    pub(super) fn output(&self) -> ShardOutput {
        let mut books = Books::default();
        let (mut stages, mut effort) = (StageTimes::default(), Effort::default());
        let mut quarantine = Vec::new();
        let mut time_range_ms: Option<(i64, i64)> = None;
        for report in self.maps.iter().filter_map(Task::map_report) {
            books.map += &report.books;
            stages += &report.stages;
            report.effort.iter().for_each(|told| effort += told);
            quarantine.extend(report.quarantine.clone());
            time_range_ms = match (time_range_ms, report.time_range_ms) {
                (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
                (one, other) => one.or(other),
            };
        }
        let mut partitions = Vec::with_capacity(self.reduces.len());
        for task in self.reduces.iter() {
            let (Some(done), Some(report)) = (task.done(), task.reduce_report()) else { continue };
            books.reduce += &report.books;
            stages += &report.stages;
            report.effort.iter().for_each(|told| effort += told);
            partitions.push((report.partition, done.attempt, report.clone()));
        }
        ShardOutput { plan: Arc::clone(self.plan()), partitions, quarantine, books, time_range_ms, stages, effort }
    }

    /// Counts the points read and written so far.
    pub(crate) fn points(&self) -> (u64, u64) {
        let read = self.maps.iter().filter_map(Task::map_report).map(|report| report.books.points_read).sum();
        let written =
            self.reduces.iter().filter_map(Task::reduce_report).map(|report| report.books.points_written).sum();
        (read, written)
    }
}
