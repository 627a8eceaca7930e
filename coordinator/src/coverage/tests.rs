use std::time::Duration;

use dataset::coverage::{CoverageAsk, JobStage, OpenJobs, Question, TryInput, TryOutcome, judge};
use format::keys::RecordName;
use model::{JobSettings, JobSpec, ShardId, SystemClock, Term, Window};
use scheduler::ShardEnd;

use super::*;
use crate::report::ShardReport;

fn spec() -> JobSpec {
    JobSpec {
        job: "nightly".parse().expect("a name"),
        input: "in".to_owned(),
        dataset: "out".to_owned(),
        shards: Vec::new(),
        settings: JobSettings { window: Window::of(0, 1000), ..JobSettings::default() },
        shard_map: "version = 1\nshared_shards = 64\n[[dedicated]]\norg = 7\nreason = \"large\"\n".to_owned(),
        reason: "run".to_owned(),
        weight: 10,
        running_max: None,
        force_replace: None,
        replay_of: None,
        submitted_by: String::new(),
        submitted_at_ms: 5,
    }
}

fn shard(shard: u8, end: &ShardEnd) -> ShardReport {
    let record = format::state_records::ShardRecord {
        phase: format::state_records::ShardPhase::Running,
        round: 1,
        plan: model::Digest(0),
        map_tasks: 3,
        partitions: 1,
        version: None,
        cause: None,
        report: None,
        unknown: format::state_records::Unknown::new(),
    };
    let mut report = ShardReport::recorded(ShardId::Shared(shard), &record);
    report.segments = usize::from(shard);
    report.totals.bytes_in = 10 * u64::from(shard);
    report.end(end);
    report
}

fn report() -> JobReport {
    let cause = || "bad input".to_owned();
    let shards = vec![
        shard(1, &ShardEnd::Done { version: 4 }),
        shard(2, &ShardEnd::Failed { cause: cause() }),
        shard(3, &ShardEnd::Cancelled { cause: cause() }),
        shard(0, &ShardEnd::Failed { cause: cause() }),
    ];
    JobReport {
        cause: Some("cancelled: enough".to_owned()),
        ..JobReport::of(&spec(), 2, shards, Vec::new(), 9, Duration::ZERO)
    }
}

#[test]
fn coverage_reads_of_a_record_what_the_report_says() {
    let (window, facts) = of_record(&report().to_bytes()).expect("it has the fields of a record");
    assert_eq!(window, Window::of(0, 1000));
    assert_eq!((facts.submitted_at_ms, facts.round, facts.stage, facts.is_whole), (9, 2, JobStage::Ended, true));
    assert_eq!(facts.cause.as_deref(), Some("cancelled: enough"));
    let map = facts.map.as_ref().expect("it was recorded");
    assert_eq!(map.shard(model::OrgId(7)), ShardId::Dedicated(model::OrgId(7)));
    let of = |shard: u8| facts.shards[&ShardId::Shared(shard)].clone();
    let cause = || "bad input".to_owned();
    assert_eq!(of(1).outcome, TryOutcome::Done { version: 4 });
    assert_eq!(of(1).input, TryInput::Planned(InputSize { segments: 1, bytes: 10 }));
    assert_eq!(of(2).outcome, TryOutcome::Failed { cause: cause() });
    assert_eq!(of(3).outcome, TryOutcome::Cancelled { cause: cause() });
    assert_eq!(of(0).input, TryInput::Unknown, "its report was lost: it has tasks and no segments");
}

#[tokio::test]
async fn an_index_hears_of_ends_only_of_datasets_that_were_asked_for() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = Root::create(&folder.path().display().to_string()).expect("a folder");
    let (indexes, leader) = (CoverageIndexes::default(), LeaderId { revision: 3, term: Term::drawn(4) });
    let report = report();
    indexes.ended(&root, &report, leader);
    let ask = CoverageAsk { windows: vec![report.window], before: None, limit: 1, max_age: Duration::MAX };
    let state = async || {
        let found = indexes.of(&root).facts(&ask, &OpenJobs::default(), &SystemClock).await.expect("it reads");
        let (window, facts) = &found.windows[0];
        (judge(*window, facts, Question::All).state.name(), facts.clone())
    };
    assert_eq!(state().await.0, "unknown", "nothing was written, and nobody had asked");
    indexes.ended(&root, &report, leader);
    let (noted, facts) = state().await;
    assert_eq!(noted, "failed", "without another look");

    // A look finds the same in the store.
    let name = RecordName { job: report.job.clone(), round: report.round, leader };
    root.create_object(&name.to_string(), report.to_bytes()).await.expect("the folder is ours");
    crate::history_index::add(&root, &report, leader).await.expect("the folder is ours");
    let anew =
        CoverageIndex::new(root.clone()).facts(&ask, &OpenJobs::default(), &SystemClock).await.expect("it reads");
    assert_eq!(anew.windows[0].1, facts);
}

#[test]
fn a_dataset_is_the_same_however_its_uri_is_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().canonicalize().expect("it is there").display().to_string();
    let root = Root::create(&path).expect("a folder");
    for uri in [path.clone(), format!("{path}/"), format!("file://{path}")] {
        assert_eq!(DatasetPlace::named(&uri), DatasetPlace::of(&root), "{uri}");
    }
    assert_eq!(DatasetPlace::named("s3://b/x/"), DatasetPlace::named("s3://b/x"));
    assert_ne!(DatasetPlace::named("s3://b/x"), DatasetPlace::named("s3://b/xy"));
}
