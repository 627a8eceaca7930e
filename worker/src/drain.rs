//! Decides which attempts a leaving worker still finishes: those that are nearly done. The others cost more time than
//! they are worth.

use std::time::Duration;

use model::TaskKind;

use crate::task::Progress;

/// Longest remaining time of an attempt that counts as nearly done: well within the two minutes of a spot notice.
const LEFT_MAX: Duration = Duration::from_secs(30);

/// Mean duration of the attempts that finished here, by kind. It serves attempts whose progress is not known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    map: Mean,
    reduce: Mean,
}

#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    total: Duration,
    count: u32,
}

impl Pace {
    /// Adds the duration of a finished attempt to the mean.
    pub(crate) fn learn(&mut self, kind: TaskKind, took: Duration) {
        let mean = match kind {
            TaskKind::Map => &mut self.map,
            TaskKind::Reduce => &mut self.reduce,
        };
        mean.total = mean.total.saturating_add(took);
        mean.count = mean.count.saturating_add(1);
    }

    /// True if an attempt that has run for `elapsed` is worth waiting for.
    pub(crate) fn is_nearly_done(&self, kind: TaskKind, elapsed: Duration, progress: &Progress) -> bool {
        self.left(kind, elapsed, progress).is_some_and(|left| left < LEFT_MAX)
    }

    /// Estimates the remaining time; none without a basis for an estimate.
    fn left(&self, kind: TaskKind, elapsed: Duration, progress: &Progress) -> Option<Duration> {
        let (bytes, _) = progress.so_far();
        match (progress.bytes_planned(), kind) {
            (Some(planned), _) if bytes > 0 => {
                let share_left = planned.saturating_sub(bytes) as f64 / bytes as f64;
                Some(elapsed.mul_f64(share_left))
            }
            (Some(_), _) => None,
            (None, TaskKind::Map) => self.map.left(elapsed),
            (None, TaskKind::Reduce) => self.reduce.left(elapsed),
        }
    }
}

impl Mean {
    fn left(self, elapsed: Duration) -> Option<Duration> {
        let mean = self.total.checked_div(self.count)?;
        // An attempt that is over the mean is assumed to take as long again as it has taken.
        Some(mean.checked_sub(elapsed).unwrap_or(elapsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_map_attempt_is_judged_by_its_bytes_and_a_reduce_attempt_by_those_before_it() {
        let map = Progress::default();
        map.plan(1000);
        let mut pace = Pace::default();
        assert!(!pace.is_nearly_done(TaskKind::Map, SECOND, &map), "nothing is known of it");
        map.add(100, 0);
        assert!(pace.is_nearly_done(TaskKind::Map, SECOND, &map), "9 s are left");
        assert!(!pace.is_nearly_done(TaskKind::Map, SECOND * 10, &map), "90 s are left");

        let reduce = Progress::default();
        assert!(!pace.is_nearly_done(TaskKind::Reduce, SECOND, &reduce), "it is the first");
        pace.learn(TaskKind::Reduce, SECOND * 60);
        assert!(!pace.is_nearly_done(TaskKind::Reduce, SECOND, &reduce), "59 s are left");
        assert!(pace.is_nearly_done(TaskKind::Reduce, SECOND * 40, &reduce), "20 s are left");
        assert!(!pace.is_nearly_done(TaskKind::Reduce, SECOND * 100, &reduce), "it is a long one");
    }
}
