//! Seeds of input from others: specs, reports, records of the state, messages of the wire, runs.

use format::keys::{self, AttemptKeys};
use format::run::{ChunkHeader, RunIndex, SERIES_END, SeriesHeader, SliceEntry};
use format::state_keys::StateKey;
use format::state_records::{
    AttemptsRecord, ClaimRecord, DatasetRecord, DemandRecord, DoneRecord, DrainRecord, DrainSerial, FailureRecord,
    JobHead, JobPhase, LeaderRecord, ShardPhase, ShardRecord, StateRecord, Text, Unknown, WorkerRecord,
};
use model::books::{MapBooks, ReduceBooks};
use model::{
    AttemptId, Digest, Extent, Failure, FailureClass, FencingToken, Grant, HeldAttempt, JobSettings, JobSpec, LeaseId,
    MapReport, ObjectEntry, OutputFormat, PartitionId, ReduceReport, Report, RollupEntry, SeriesKey, ShardId,
    SplitReport, StageTimes, TaskId, TaskPath, Term,
};
use prost::Message as _;
use proto::v1;
use tests::fuzz::small_plan;

use super::write;

const ATTEMPT: AttemptId = AttemptId { number: 1, token: FencingToken(0xab) };

fn task(task: TaskId) -> TaskPath {
    TaskPath { job: "fuzz".parse().expect("a job name"), shard: ShardId::Shared(1), task }
}

#[test]
fn the_seeds_of_specs_are_what_clients_send() {
    let spec = JobSpec {
        job: "fuzz".parse().expect("a job name"),
        input: "s3://landed/metrics".to_owned(),
        dataset: "/data/metrics".to_owned(),
        shards: vec![ShardId::Shared(1), ShardId::Dedicated(model::OrgId(7))],
        settings: JobSettings { window: model::Window::of(0, 7), ..small_plan().settings },
        shard_map: String::new(),
        reason: "run".to_owned(),
        weight: 10,
        running_max: Some(3),
        force_replace: Some("the other input was wrong".to_owned()),
        replay_of: Some("earlier".parse().expect("a job name")),
        submitted_by: "ann@host".to_owned(),
        submitted_at_ms: 5,
    };
    write("spec", "object", &spec.to_bytes());
    write("spec", "message", &spec.to_message());
}

fn object(key: String) -> ObjectEntry {
    ObjectEntry { key, size: 10, digest: Digest(7) }
}

#[test]
fn the_seeds_of_reports_pass() {
    let plan = small_plan();
    let (map, reduce) = (task(TaskId::map(0)), task(TaskId::reduce(PartitionId(0))));
    let books = MapBooks {
        frames_read: 2,
        frames_routed: 2,
        points_read: 5,
        points_routed: 5,
        bytes_read: 1000,
        bytes_decoded: 90,
        ..MapBooks::default()
    };
    let mapped = Report::Map(MapReport {
        splits: vec![SplitReport { split: plan.map_tasks[0].first(), first: Some(0), end: 1000 }],
        run: Some(object(keys::run(&map.job, map.shard, map.task, ATTEMPT))),
        books,
        quarantine: None,
        time_range_ms: Some((1, 9)),
        stages: StageTimes::default(),
        spills: 1,
        effort: None,
    });
    let keys = AttemptKeys { window: plan.settings.window, shard: plan.shard, job: &plan.job, attempt: ATTEMPT };
    let (step, partition) = (plan.settings.rollups[0], PartitionId(0));
    let reduced = Report::Reduce(ReduceReport {
        partition,
        raw: Some(object(keys.part(partition, OutputFormat::Part))),
        rollups: vec![RollupEntry { step, rows: 1, object: object(keys.rollup(partition, step, OutputFormat::Part)) }],
        extent: Some(Extent {
            series: 1,
            points: 4,
            org_min: 1,
            org_max: 1,
            metric_min: 2,
            metric_max: 2,
            time_min_ms: 1,
            time_max_ms: 9,
        }),
        books: ReduceBooks {
            points_written: 4,
            points_duplicate: 1,
            series_written: 1,
            rollup_rows_written: 1,
            points_nan: 0,
        },
        stages: StageTimes::default(),
        effort: None,
    });
    for (name, path, report) in [("map", &map, &mapped), ("reduce", &reduce, &reduced)] {
        assert_eq!(coordinator::check_report(&plan, path, ATTEMPT, report), Ok(()), "{name}");
        write("report", name, &report.to_bytes());
    }
}

#[test]
fn the_seeds_of_records_are_of_every_kind() {
    fn seed(name: &str, key: StateKey, record: &impl StateRecord) {
        let mut bytes = String::from(key).into_bytes();
        bytes.push(b'\n');
        bytes.extend(record.encode().expect("a small record"));
        write("state_record", name, &bytes);
    }
    let (job, worker, path) = ("fuzz".parse::<model::JobId>().expect("a job name"), LeaseId(5), task(TaskId::map(0)));
    let failure = FailureRecord { worker, cause: Text::cut("it \"fell\"") };
    seed(
        "leader",
        StateKey::Leader,
        &LeaderRecord {
            replica: Text::cut("c0"),
            address: Text::cut("http://c0:7070"),
            term: Some(model::Term::drawn(7)),
        },
    );
    let record = WorkerRecord {
        name: Text::cut("w0"),
        slots: 2,
        memory_bytes: 1 << 30,
        version: Text::cut("0.1.0"),
        protocol: 2,
        secret_sha256: Some(Text::cut(&"ab".repeat(32))),
        draining: Some(Text::cut("a new image")),
        unfit: None,
    };
    seed("worker", StateKey::Worker(worker), &record);
    seed("dataset", StateKey::Dataset(Digest(9)), &DatasetRecord { uri: Text::cut("s3://lake/metrics") });
    let order = DrainRecord {
        name: Text::cut("w0"),
        reason: Text::cut("a new image"),
        leaving: true,
        unknown: Unknown::default(),
    };
    seed("drain", StateKey::Drain(worker), &order);
    seed("drain-serial", StateKey::DrainSerial, &DrainSerial { last: 3 });
    seed("demand", StateKey::Demand("spot".to_owned()), &DemandRecord { wanted: 12 });
    let head = JobHead {
        phase: JobPhase::Running,
        round: 1,
        dataset: Text::cut("s3://lake/metrics"),
        spec: Digest(3),
        shards: 2,
        submitted_at_ms: 5,
        cause: None,
        warnings: Some(Digest(4)),
        reason: Text::cut("run"),
        unknown: Unknown::default(),
    };
    seed("head", StateKey::Job(job.clone()), &head);
    let shard = ShardRecord {
        phase: ShardPhase::Committing,
        round: 1,
        plan: Digest(4),
        map_tasks: 1,
        partitions: 1,
        version: None,
        cause: None,
        report: None,
        unknown: Unknown::default(),
    };
    seed("shard", StateKey::Shard(job, ShardId::Shared(1)), &shard);
    let attempts =
        AttemptsRecord { last: 3, charged: 1, failure: Some(failure), exact_start: Some(17), begun_at_ms: Some(5) };
    seed("attempts", StateKey::Attempts(path.clone()), &attempts);
    seed("claim", StateKey::Claim(path.clone(), 1), &ClaimRecord { attempt: 1, worker, term: Term::drawn(2) });
    let done = DoneRecord { attempt: ATTEMPT, last: 1, report: Digest(6), report_bytes: 9, begun_at_ms: Some(5) };
    seed("done", StateKey::Done(path), &done);
}

#[test]
fn the_seeds_of_the_wire_are_of_every_message() {
    let seed = |name: &str, kind: u8, bytes: Vec<u8>| write("wire", name, &[vec![kind], bytes].concat());
    let path = task(TaskId::map(0));
    let held = HeldAttempt { task: path.clone(), attempt: ATTEMPT };
    let grant = Grant {
        task: path.clone(),
        attempt: ATTEMPT,
        dataset: "s3://lake/metrics".into(),
        scratch: "s3://lake/metrics/scratch/fuzz".into(),
        spec: Digest(1),
        plan: Digest(2),
        exact_start: Some(17),
        runs: Some(Digest(3)),
        trace: None,
    };
    let failure = Failure::new(FailureClass::RunLost { map_task: 3 }, "the run is gone");
    seed("task", 0, v1::TaskPath::from(&path).encode_to_vec());
    seed("attempt", 1, v1::Attempt::from(ATTEMPT).encode_to_vec());
    seed("held", 2, v1::HeldAttempt::from(&held).encode_to_vec());
    seed("grant", 3, v1::Grant::from(&grant).encode_to_vec());
    seed("failure", 4, v1::Failure::from(&failure).encode_to_vec());
    let away = tonic::Status::from(proto::ApiError::Away { reason: "no quorum".to_owned() });
    seed("status", 5, away.details().to_vec());
}

#[test]
fn the_seeds_of_runs_are_an_index_and_a_slice() {
    let slice = SliceEntry { partition: PartitionId(1), spill: 0, layer: 0, crc: 5, offset: 0, len: 40, points: 3 };
    let index = RunIndex::new(vec![slice, SliceEntry { partition: PartitionId(0), spill: 1, ..slice }]);
    write("run", "index", &index.to_bytes());
    let mut bytes = Vec::new();
    SeriesHeader { key: SeriesKey::new(1, 2), metadata_len: 2 }.write(&mut bytes);
    bytes.extend(b"hi");
    ChunkHeader { points: 3, is_strict: true, first: -5, last: 9, body_len: 4 }.write(&mut bytes);
    bytes.extend([1, 2, 3, 4, SERIES_END]);
    write("run", "slice", &bytes);
}
