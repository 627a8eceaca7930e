//! Tests of the checks: a sound report passes, and a report that was changed in any impossible way is refused.

use model::books::{MapBooks, ReduceBooks};
use model::{
    ByteRange, ByteSize, Digest, FencingToken, JobSettings, MapTask, OrgId, OutputFormat, PartitionId, QuarantineEntry,
    RollupEntry, RollupStep, SegmentRef, ShardId, Split, StageTimes, TaskId, Window,
};

use super::*;

const JOB: &str = "nightly";

fn plan() -> ShardPlan {
    let split = |start, end| MapTask::of(vec![Split { segment: 0, range: ByteRange::new(start, end) }]);
    ShardPlan {
        job: JOB.parse().expect("a job name"),
        shard: ShardId::Shared(1),
        settings: JobSettings {
            window: Window::of(1000, 2000),
            rollups: ["5m", "1h"].map(|step| step.parse::<RollupStep>().expect("a step")).into(),
            on_bad_frame: OnBadFrame::Quarantine,
            bad_frames_max: 1,
            split_bytes: ByteSize(500),
            ..JobSettings::default()
        },
        segments: vec![SegmentRef { key: "shard=org-mod-01/a.seg".to_owned(), size: 1000, etag: None }].into(),
        map_tasks: vec![split(0, 500), split(500, 1000)],
        partitions: 2,
    }
}

fn attempt(number: u32) -> AttemptId {
    AttemptId { number, token: FencingToken(0xab) }
}

fn path(task: TaskId) -> TaskPath {
    TaskPath { job: JOB.parse().expect("a job name"), shard: ShardId::Shared(1), task }
}

fn object(key: String) -> ObjectEntry {
    ObjectEntry { key, size: 10, digest: Digest(7) }
}

fn attempt_keys<'a>(plan: &'a ShardPlan, number: u32) -> AttemptKeys<'a> {
    AttemptKeys { window: plan.settings.window, shard: plan.shard, job: &plan.job, attempt: attempt(number) }
}

/// Builds a sound report of the second map task: three frames, one of them bad, points on both sides of the window.
fn map_report(plan: &ShardPlan, number: u32) -> MapReport {
    let task = TaskId::map(1);
    let books = MapBooks {
        frames_read: 3,
        frames_routed: 2,
        frames_quarantined: 1,
        points_read: 10,
        points_early: 1,
        points_late: 2,
        points_routed: 7,
        bytes_read: 480,
        bytes_decoded: 200,
        misplaced: [(OrgId(9), 1)].into(),
        ..MapBooks::default()
    };
    MapReport {
        splits: vec![SplitReport { split: plan.map_tasks[1].first(), first: Some(520), end: 1000 }],
        run: Some(object(keys::run(&plan.job, plan.shard, task, attempt(number)))),
        books,
        quarantine: Some(QuarantineEntry { frames: 1, object: object(attempt_keys(plan, number).quarantine(task)) }),
        time_range_ms: Some((999, 2000)),
        stages: StageTimes::default(),
        spills: 1,
        effort: None,
    }
}

fn reduce_report(plan: &ShardPlan, number: u32) -> ReduceReport {
    let (keys, partition) = (attempt_keys(plan, number), PartitionId(1));
    let rollup = |step: &RollupStep| RollupEntry {
        step: *step,
        rows: 2,
        object: object(keys.rollup(partition, *step, OutputFormat::Part)),
    };
    ReduceReport {
        partition,
        raw: Some(object(keys.part(partition, OutputFormat::Part))),
        rollups: plan.settings.rollups.iter().map(rollup).collect(),
        extent: Some(Extent {
            series: 2,
            points: 7,
            org_min: 1,
            org_max: 65,
            metric_min: 1,
            metric_max: 1,
            time_min_ms: 1000,
            time_max_ms: 1999,
        }),
        books: ReduceBooks {
            points_written: 7,
            series_written: 2,
            rollup_rows_written: 4,
            points_nan: 1,
            points_duplicate: 3,
        },
        stages: StageTimes::default(),
        effort: None,
    }
}

#[test]
fn a_sound_report_passes_and_one_of_another_attempt_does_not() {
    let plan = plan();
    let map = |number| Report::Map(map_report(&plan, number));
    let reduce = |number| Report::Reduce(reduce_report(&plan, number));
    assert_eq!(check(&plan, &path(TaskId::map(1)), attempt(2), &map(2)), Ok(()));
    assert_eq!(check(&plan, &path(TaskId::reduce(PartitionId(1))), attempt(2), &reduce(2)), Ok(()));
    for (task, report) in [(TaskId::map(1), map(1)), (TaskId::reduce(PartitionId(1)), reduce(1))] {
        let fault = check(&plan, &path(task), attempt(2), &report).expect_err("it names another attempt's objects");
        assert_eq!(fault.violates, Some(Invariant::Ls3), "{fault}");
    }
    assert!(check(&plan, &path(TaskId::map(0)), attempt(2), &map(2)).is_err(), "other splits");
    assert!(check(&plan, &path(TaskId::map(2)), attempt(2), &map(2)).is_err(), "no such task");
    assert!(check(&plan, &path(TaskId::map(1)), attempt(2), &reduce(2)).is_err(), "the other kind");
    assert!(check(&plan, &path(TaskId::reduce(PartitionId(0))), attempt(2), &reduce(2)).is_err(), "another partition");
}

/// Change of a report, with its name.
type Change<R> = (&'static str, fn(&mut R));

#[test]
fn no_map_report_says_what_cannot_be() {
    let changes: [Change<MapReport>; 21] = [
        ("all points early, and no run", |r| {
            (r.run, r.books.points_routed, r.books.points_late) = (None, 0, 0);
            (r.books.points_early, r.time_range_ms) = (r.books.points_read, Some((999, 1500)));
        }),
        ("points vanish", |r| r.books.points_routed = 6),
        ("points from nowhere", |r| r.books.points_read = 11),
        ("early without an early instant", |r| r.time_range_ms = Some((1000, 2000))),
        ("late without a late instant", |r| r.time_range_ms = Some((999, 1999))),
        ("no instant at all", |r| r.time_range_ms = None),
        ("time runs backwards", |r| r.time_range_ms = Some((2000, 999))),
        ("no run for its points", |r| r.run = None),
        ("frames vanish", |r| r.books.frames_read = 4),
        ("more frames than bytes", |r| (r.books.frames_read, r.books.frames_routed) = (101, 100)),
        ("more points than bytes", |r| r.books.bytes_decoded = 159),
        ("numbers that overflow", |r| {
            (r.books.points_read, r.books.points_early, r.books.points_late) = (6, u64::MAX, 0);
        }),
        ("other bytes", |r| r.books.bytes_read = 481),
        ("a frame before its split", |r| r.splits[0].first = Some(499)),
        ("an end before its frame", |r| r.splits[0].end = 520),
        ("an end past its segment", |r| r.splits[0].end = 1001),
        ("too many bad frames", |r| {
            (r.books.frames_quarantined, r.books.frames_read) = (2, 4);
            r.quarantine.as_mut().expect("it has one").frames = 2;
        }),
        ("a quarantine without its object", |r| r.quarantine = None),
        ("a quarantine of other frames", |r| r.quarantine.as_mut().expect("it has one").frames = 2),
        ("more misplaced frames than frames", |r| r.books.misplace(OrgId(10), 5)),
        ("an empty run", |r| r.run.as_mut().expect("it has one").size = 0),
    ];
    let plan = plan();
    for (what, change) in changes {
        let mut report = map_report(&plan, 2);
        change(&mut report);
        let checked = check(&plan, &path(TaskId::map(1)), attempt(2), &Report::Map(report));
        assert!(checked.is_err(), "{what}");
    }
}

#[test]
fn a_report_is_refused_if_it_counts_what_its_settings_exclude() {
    let mut plan = plan();
    let report = Report::Map(map_report(&plan, 2));
    plan.settings.on_bad_frame = OnBadFrame::Fail;
    assert!(check(&plan, &path(TaskId::map(1)), attempt(2), &report).is_err());
    plan.settings.on_bad_frame = OnBadFrame::Quarantine;
    plan.settings.window = Window::ALL;
    assert!(check(&plan, &path(TaskId::map(1)), attempt(2), &report).is_err());
}

#[test]
fn no_reduce_report_says_what_cannot_be() {
    let changes: [Change<ReduceReport>; 17] = [
        ("another object", |r| r.raw.as_mut().expect("a part").key = "data/0000/other.part".to_owned()),
        ("a key that climbs", |r| r.raw.as_mut().expect("a part").key.insert_str(0, "../")),
        ("no part for its points", |r| r.raw = None),
        ("an empty part", |r| r.raw.as_mut().expect("a part").size = 0),
        ("a part without points", |r| r.books.points_written = 0),
        ("another count", |r| r.books.points_written = 8),
        ("other series", |r| r.books.series_written = 3),
        ("more series than points", |r| {
            (r.books.series_written, r.extent.as_mut().expect("an extent").series) = (8, 8);
        }),
        ("no extent", |r| r.extent = None),
        ("points before the window", |r| r.extent.as_mut().expect("an extent").time_min_ms = 999),
        ("points after the window", |r| r.extent.as_mut().expect("an extent").time_max_ms = 2000),
        ("organisations upside down", |r| r.extent.as_mut().expect("an extent").org_min = 66),
        ("a rollup too few", |r| drop(r.rollups.pop())),
        ("a rollup twice", |r| r.rollups[1] = r.rollups[0].clone()),
        ("rollups out of order", |r| r.rollups.reverse()),
        ("rows of nothing", |r| r.books.rollup_rows_written = 5),
        ("more NaN than points", |r| r.books.points_nan = 8),
    ];
    let plan = plan();
    for (what, change) in changes {
        let mut report = reduce_report(&plan, 2);
        change(&mut report);
        let task = path(TaskId::reduce(PartitionId(1)));
        assert!(check(&plan, &task, attempt(2), &Report::Reduce(report)).is_err(), "{what}");
    }
}
