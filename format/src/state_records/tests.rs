mod golden; // records as releases wrote them

use model::limits::{OPEN_TASKS_MAX, STATE_BYTES_MAX};
use model::{JobId, OrgId, ShardId, TaskId, Term};
use proptest::prelude::*;

use super::*;
use crate::state_keys::{StateKey, TaskPath};

/// Text of the greatest length.
fn longest<const MAX: usize>() -> Text<MAX> {
    Text::cut(&"x".repeat(2 * MAX))
}

fn worst_attempts() -> AttemptsRecord {
    let failure = FailureRecord { worker: LeaseId(u64::MAX), cause: longest() };
    let begun_at_ms = Some(i64::MIN);
    AttemptsRecord {
        last: u32::MAX,
        charged: u32::MAX,
        failure: Some(failure),
        exact_start: Some(u64::MAX),
        begun_at_ms,
    }
}

fn worst_claim() -> ClaimRecord {
    ClaimRecord { attempt: u32::MAX, worker: LeaseId(u64::MAX), term: Term::drawn(u64::MAX) }
}

/// Bytes of a record, which read back as the record.
fn encoded<R: StateRecord + PartialEq + std::fmt::Debug>(record: &R) -> Vec<u8> {
    let bytes = record.encode().expect("every record is bounded");
    assert_eq!(&R::decode(&bytes).expect("what was encoded"), record);
    bytes
}

/// Largest record of each kind, with every field, by the name of its golden files.
fn worst_records() -> [(&'static str, Vec<u8>); 12] {
    let leader = LeaderRecord { replica: longest(), address: longest(), term: Some(Term::drawn(u64::MAX)) };
    let worker = WorkerRecord {
        name: longest(),
        slots: u32::MAX,
        memory_bytes: u64::MAX,
        version: longest(),
        protocol: u32::MAX,
        secret_sha256: Some(longest()),
        draining: Some(longest()),
        unfit: Some(longest()),
    };
    let head = JobHead {
        phase: JobPhase::Cancelling,
        round: u32::MAX,
        dataset: longest(),
        spec: Digest(u128::MAX),
        shards: u32::MAX,
        submitted_at_ms: i64::MIN,
        cause: Some(longest()),
        warnings: Some(Digest(u128::MAX)),
        reason: longest(),
        unknown: Unknown::new(),
    };
    let shard = ShardRecord {
        phase: ShardPhase::Committing,
        round: u32::MAX,
        plan: Digest(u128::MAX),
        map_tasks: u32::MAX,
        partitions: u32::MAX,
        version: Some(u32::MAX),
        cause: Some(longest()),
        report: Some(Digest(u128::MAX)),
        unknown: Unknown::new(),
    };
    let done = DoneRecord {
        attempt: AttemptId { number: u32::MAX, token: FencingToken(u64::MAX) },
        last: u32::MAX,
        report: Digest(u128::MAX),
        report_bytes: u64::MAX,
        begun_at_ms: Some(i64::MIN),
    };
    let drain = DrainRecord { name: longest(), reason: longest(), leaving: true, unknown: Unknown::new() };
    [
        ("format", encoded(&FormatRecord { version: u32::MAX })),
        ("leader", encoded(&leader)),
        ("worker", encoded(&worker)),
        ("dataset", encoded(&DatasetRecord { uri: longest() })),
        ("drain", encoded(&drain)),
        ("drain-serial", encoded(&DrainSerial { last: u64::MAX })),
        ("demand", encoded(&DemandRecord { wanted: u32::MAX })),
        ("head", encoded(&head)),
        ("shard", encoded(&shard)),
        ("attempts", encoded(&worst_attempts())),
        ("claim", encoded(&worst_claim())),
        ("done", encoded(&done)),
    ]
}

#[test]
fn the_worst_record_of_each_kind_fits_into_a_value() {
    for (kind, bytes) in worst_records() {
        assert!(bytes.len() <= STATE_VALUE_BYTES_MAX, "{kind}: {} bytes", bytes.len());
    }
}

/// Worst case: every open task was claimed again after a failure with a long message, in a job with the longest name.
#[test]
fn the_most_open_tasks_fit_into_the_budget_of_the_state() {
    let job: JobId = "j".repeat(JobId::BYTES_MAX).parse().expect("a job name");
    let attempts = AttemptsRecord {
        failure: Some(FailureRecord { worker: LeaseId(1), cause: Text::cut(&"x".repeat(1000)) }),
        last: 4,
        charged: 3,
        exact_start: Some(u64::MAX),
        begun_at_ms: Some(1_700_000_000_000),
    };
    let values = attempts.encode().expect("bounded").len() + worst_claim().encode().expect("bounded").len();
    let total: usize = (0..OPEN_TASKS_MAX as u32)
        .map(|ordinal| {
            let path =
                TaskPath { job: job.clone(), shard: ShardId::Dedicated(OrgId(u64::MAX)), task: TaskId::map(ordinal) };
            let keys = [StateKey::Claim(path.clone(), 4), StateKey::Attempts(path)];
            keys.map(|key| key.to_string().len()).iter().sum::<usize>() + values
        })
        .sum();
    assert!(total < STATE_BYTES_MAX, "{OPEN_TASKS_MAX} open tasks take {total} bytes");
}

#[test]
fn a_field_that_only_a_newer_version_knows_is_passed_over() {
    let newer = br#"{"attempt":1,"worker":"l-0000000000000001","leader":"0000000000000001","x":{"y":[1]}}"#;
    let record = ClaimRecord::decode(newer).expect("a field more");
    assert_eq!((record.attempt, record.worker), (1, LeaseId(1)));
}

#[test]
fn a_record_that_lacks_a_field_is_refused() {
    let error = ClaimRecord::decode(br#"{"attempt":1,"worker":"l-0000000000000001"}"#);
    assert!(matches!(error, Err(StateRecordError::Malformed { record: "claim record", .. })));
}

#[test]
fn a_text_that_is_longer_than_we_keep_is_cut_unless_it_is_a_uri() {
    let head = |dataset: &str, reason: &str| {
        let digest = Digest(1);
        let text = format!(
            r#"{{"phase":"running","round":1,"dataset":"{dataset}","spec":"{digest}","shards":1,"submitted_at_ms":1,"reason":"{reason}"}}"#
        );
        JobHead::decode(text.as_bytes())
    };
    let long = "x".repeat(1000);
    assert_eq!(head("s3://d", &long).expect("a longer reason").reason.as_str().len(), 128);
    assert!(head(&long, "").is_err());
}

proptest! {
    #[test]
    fn cut_text_is_bounded_and_reads_back(text in "\\PC{0,60}|[\\x00-\\x7f]{0,60}") {
        let cut: Text<32> = Text::cut(&text);
        let json = serde_json::to_string(&cut).expect("text");
        prop_assert!(json.len() <= "\"\"".len() + 32);
        prop_assert_eq!(serde_json::from_str::<Text<32>>(&json).expect("text"), cut);
    }
}
