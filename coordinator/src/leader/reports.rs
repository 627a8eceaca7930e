//! Checks a report against the attempt that sends it and against its plan, before anything of it is believed.
//!
//! A report names objects that a manifest will name, and counts that the books will add up. Two rules keep a forged one out:
//!
//! - **Keys** are exactly those that `format::keys` makes for this attempt: nobody's report can bring in another object.
//! - **Counts** are possible for the splits of the task: every byte, frame and point of one side is accounted for on the
//!   other, as the worker's own code would have left it. Numbers that only the data could refute pass; DT-1 and the
//!   digests of `dataset verify` come after.
//!
//! A report that breaks a rule is refused, counted in `tailor_reports_refused_total`, and charged as a bug.

use format::keys::{self, AttemptKeys};
use model::limits::{COUNT_MAX, FRAME_BYTES_MIN, PAYLOAD_BYTES_MAX, PAYLOAD_POINTS_MAX};
use model::time::Placement;
use model::{
    AttemptId, Extent, Invariant, MapReport, ObjectEntry, OnBadFrame, ReduceReport, Report, ShardPlan, SplitReport,
    TaskKind, TaskPath,
};

#[cfg(test)]
mod tests;

/// Bytes of a point in a decoded payload: a timestamp and a value.
const POINT_BYTES: u64 = 16;
/// Bytes of a frame beside its body: the length.
const FRAME_HEADER_BYTES: u64 = 4;

/// Reason for which a report cannot be true.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ReportFault {
    /// Invariant that the report breaks, if one.
    pub violates: Option<Invariant>,
    /// Field that cannot be, and its possible values.
    pub reason: String,
}

impl From<String> for ReportFault {
    fn from(reason: String) -> Self {
        Self { violates: None, reason }
    }
}

/// Checks that `attempt` at `task` of `plan` can have produced `report`.
///
/// # Errors
/// Names the field that cannot be true, and its possible values.
pub fn check(plan: &ShardPlan, task: &TaskPath, attempt: AttemptId, report: &Report) -> Result<(), ReportFault> {
    let checking = Checking { plan, task, attempt };
    let checked = match (task.task.kind, report) {
        (TaskKind::Map, Report::Map(report)) => checking.map(report),
        (TaskKind::Reduce, Report::Reduce(report)) => checking.reduce(report),
        _ => Err("it is of the other kind of task".to_owned().into()),
    };
    checked.map_err(|ReportFault { violates, reason }| {
        let reason = format!("the report of {task} by {attempt} cannot be: {reason}");
        ReportFault { violates, reason }
    })
}

/// Attempt and plan that a report is checked against.
struct Checking<'a> {
    plan: &'a ShardPlan,
    task: &'a TaskPath,
    attempt: AttemptId,
}

/// Returns the fault, unless the rule holds.
fn hold(rule: bool, fault: impl FnOnce() -> String) -> Result<(), ReportFault> {
    if rule { Ok(()) } else { Err(fault().into()) }
}

/// Checks that an object is named exactly if something was counted for it, and under its own key.
fn check_object(what: &str, object: Option<&ObjectEntry>, key: &str, is_due: bool) -> Result<(), ReportFault> {
    match object {
        None => hold(!is_due, || format!("{what} is missing")),
        Some(_) if !is_due => Err(format!("{what} is there, and nothing was counted for it").into()),
        Some(object) => {
            if object.key != key {
                let invariant = Invariant::Ls3;
                let reason = format!("{invariant}: {what} lies at {}, not at {key} as this attempt's does", object.key);
                return Err(ReportFault { violates: Some(invariant), reason });
            }
            hold(object.size > 0, || format!("{what} is empty"))
        }
    }
}

impl Checking<'_> {
    fn keys(&self) -> AttemptKeys<'_> {
        let window = self.plan.settings.window;
        AttemptKeys { window, shard: self.task.shard, job: &self.task.job, attempt: self.attempt }
    }

    fn map(&self, report: &MapReport) -> Result<(), ReportFault> {
        let planned = self.plan.map_tasks.get(self.task.task.ordinal as usize);
        let planned = planned.ok_or_else(|| "the plan has no such task".to_owned())?;
        let splits = report.splits.iter().map(|read| read.split);
        hold(splits.eq(planned.splits()), || "it is of other splits".to_owned())?;
        let mut bytes = 0;
        for split in &report.splits {
            bytes += self.split(split)?;
        }
        self.frames(report, bytes)?;
        self.points(report)?;
        let run = keys::run(&self.task.job, self.task.shard, self.task.task, self.attempt);
        check_object("the run", report.run.as_ref(), &run, report.books.points_routed > 0)?;
        let aside = report.quarantine.as_ref();
        let key = self.keys().quarantine(self.task.task);
        let frames = report.books.frames_quarantined;
        check_object("the quarantine", aside.map(|aside| &aside.object), &key, frames > 0)?;
        hold(aside.is_none_or(|aside| aside.frames == frames), || format!("{frames} frames are not all in quarantine"))
    }

    /// Returns the bytes that a split owned, if its report is possible.
    fn split(&self, read: &SplitReport) -> Result<u64, ReportFault> {
        let range = read.split.range;
        let size = self.plan.segments.get(read.split.segment as usize).map_or(0, |segment| segment.size);
        let is_in = match read.first {
            Some(first) => range.contains(first) && first < read.end && read.end <= size,
            None => read.end == range.start || (range.end..=size).contains(&read.end),
        };
        hold(is_in, || {
            format!("frames from {:?} to {} are not of split {range} of {size} bytes", read.first, read.end)
        })?;
        Ok(read.first.map_or(0, |first| read.end - first))
    }

    fn frames(&self, report: &MapReport, bytes: u64) -> Result<(), ReportFault> {
        let (books, settings) = (&report.books, &self.plan.settings);
        hold(books.bytes_read == bytes, || format!("{} bytes read of splits that had {bytes}", books.bytes_read))?;
        let aside = books.frames_quarantined;
        let accounted = books.frames_routed.checked_add(aside);
        hold(accounted == Some(books.frames_read), || {
            format!("{} frames read, {} routed, {aside} quarantined", books.frames_read, books.frames_routed)
        })?;
        let least = FRAME_HEADER_BYTES + u64::from(FRAME_BYTES_MIN);
        let needed = books.frames_routed.checked_mul(least).and_then(|needed| needed.checked_add(aside));
        hold(needed.is_some_and(|needed| needed <= bytes), || {
            format!("{} frames in {bytes} bytes, each has at least {least}", books.frames_read)
        })?;
        let may_quarantine = settings.on_bad_frame == OnBadFrame::Quarantine;
        let aside_max = if may_quarantine { settings.bad_frames_max } else { 0 };
        hold(aside <= aside_max, || format!("{aside} frames quarantined, at most {aside_max} may be"))?;
        hold(books.frames_empty <= books.frames_routed, || format!("{} of its frames are empty", books.frames_empty))?;
        hold(books.frames_misplaced() <= books.frames_routed, || {
            format!("{} misplaced frames of {}", books.frames_misplaced(), books.frames_routed)
        })
    }

    fn points(&self, report: &MapReport) -> Result<(), ReportFault> {
        let (books, window) = (&report.books, self.plan.settings.window);
        let kinds = [books.points_early, books.points_late, books.points_quarantined, books.points_routed];
        let accounted = kinds.iter().try_fold(0u64, |sum, points| sum.checked_add(*points));
        let read = books.points_read;
        hold(accounted == Some(read), || {
            format!("{read} points read, and {kinds:?} early, late, quarantined, routed")
        })?;
        let decoded_max = books.frames_read.saturating_mul(PAYLOAD_BYTES_MAX as u64);
        hold(books.bytes_decoded <= decoded_max, || format!("{} bytes decoded", books.bytes_decoded))?;
        let full = books.frames_routed - books.frames_empty;
        let points_max = full.saturating_mul(PAYLOAD_POINTS_MAX as u64).min(books.bytes_decoded / POINT_BYTES);
        hold((full..=points_max).contains(&read), || {
            format!("{read} points in {full} frames of {} bytes decoded", books.bytes_decoded)
        })?;
        let Some((first, last)) = report.time_range_ms else {
            return hold(read == 0, || format!("{read} points without a time"));
        };
        hold(read > 0 && first <= last, || format!("{read} points from {first} ms to {last} ms"))?;
        let (begins, ends) = (window.place(first), window.place(last));
        hold((books.points_early > 0) == (begins == Placement::Early), || {
            format!("{} points before {window}, the first at {first} ms", books.points_early)
        })?;
        hold((books.points_late > 0) == (ends == Placement::Late), || {
            format!("{} points after {window}, the last at {last} ms", books.points_late)
        })?;
        let has_inside = [begins, ends].contains(&Placement::Inside);
        hold(!has_inside || books.points_routed + books.points_quarantined > 0, || {
            format!("no point inside {window}, and instants from {first} ms to {last} ms")
        })
    }

    fn reduce(&self, report: &ReduceReport) -> Result<(), ReportFault> {
        let (books, settings, keys) = (&report.books, &self.plan.settings, self.keys());
        let partition = report.partition;
        hold(partition.0 == self.task.task.ordinal && partition.0 < self.plan.partitions, || {
            format!("it is of partition {partition}")
        })?;
        let points = books.points_written;
        let counts = [points, books.points_duplicate, books.rollup_rows_written];
        hold(counts.iter().all(|count| *count <= COUNT_MAX), || format!("{counts:?} are not counts"))?;
        hold(books.points_nan <= points, || format!("{} of {points} points are NaN", books.points_nan))?;
        check_object("the part", report.raw.as_ref(), &keys.part(partition, settings.format), points > 0)?;
        match &report.extent {
            None => hold(points == 0 && books.series_written == 0, || format!("{points} points without an extent"))?,
            Some(extent) => self.extent(extent, report)?,
        }
        self.rollups(report)
    }

    fn extent(&self, extent: &Extent, report: &ReduceReport) -> Result<(), ReportFault> {
        let (books, window) = (&report.books, self.plan.settings.window);
        let is_counted = (extent.points, extent.series) == (books.points_written, books.series_written);
        hold(is_counted && (1..=extent.points).contains(&extent.series), || {
            let Extent { series, points, .. } = extent;
            format!(
                "{points} points of {series} series, and {} of {} counted",
                books.points_written, books.series_written
            )
        })?;
        let is_ordered = extent.org_min <= extent.org_max
            && extent.metric_min <= extent.metric_max
            && extent.time_min_ms <= extent.time_max_ms;
        let is_inside = [extent.time_min_ms, extent.time_max_ms].map(|at| window.place(at)) == [Placement::Inside; 2];
        hold(is_ordered && is_inside, || format!("its extent {extent:?} is not of window {window}"))
    }

    fn rollups(&self, report: &ReduceReport) -> Result<(), ReportFault> {
        let (books, settings, keys) = (&report.books, &self.plan.settings, self.keys());
        let mut steps = settings.rollups.iter();
        let mut rows = 0;
        for rollup in &report.rollups {
            let step = rollup.step;
            hold(steps.any(|planned| *planned == step), || format!("rollup {step} is not asked for, or out of order"))?;
            let key = keys.rollup(report.partition, step, settings.format);
            check_object("a rollup", Some(&rollup.object), &key, rollup.rows > 0)?;
            let rolled = books.points_written - books.points_nan;
            hold(rollup.rows <= rolled, || format!("{} rows of {rolled} points in rollup {step}", rollup.rows))?;
            rows += rollup.rows;
        }
        hold(rows == books.rollup_rows_written, || {
            format!("{rows} rows in rollups, {} counted", books.rollup_rows_written)
        })?;
        // A value that is a number has a bucket at every step.
        let is_due = books.points_written > books.points_nan;
        hold(!is_due || report.rollups.len() == settings.rollups.len(), || "a rollup is missing".to_owned())
    }
}
