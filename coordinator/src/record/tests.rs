use std::time::Duration;

use format::keys;
use model::{JobSettings, JobSpec, Term};
use tempfile::TempDir;

use super::*;

struct Place {
    root: Root,
    _folder: TempDir,
}

fn place() -> Place {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Place { root: Root::create(&folder.path().display().to_string()).expect("a folder"), _folder: folder }
}

fn job() -> JobId {
    "nightly".parse().expect("a name")
}

fn leader(revision: u64) -> LeaderId {
    LeaderId { revision, term: Term::drawn(revision.wrapping_mul(0x9e37_79b9_7f4a_7c15)) }
}

/// Creates a record with a cause of its own.
fn report(round: u32, cause: &str) -> Vec<u8> {
    let spec = JobSpec {
        job: job(),
        input: "in".to_owned(),
        dataset: "out".to_owned(),
        shards: Vec::new(),
        settings: JobSettings::default(),
        shard_map: String::new(),
        reason: "run".to_owned(),
        weight: 10,
        running_max: None,
        force_replace: None,
        replay_of: None,
        submitted_by: String::new(),
        submitted_at_ms: 0,
    };
    let report = JobReport::of(&spec, round, Vec::new(), Vec::new(), 0, Duration::ZERO);
    JobReport { cause: Some(cause.to_owned()), ..report }.to_bytes()
}

async fn current(place: &Place) -> Option<String> {
    read(&place.root, &job()).await.expect("it reads").and_then(|report| report.cause)
}

#[tokio::test]
async fn a_leader_that_was_deposed_cannot_take_back_what_a_later_round_has_told() {
    let place = place();
    assert_eq!(current(&place).await, None);
    let put = async |round, by, cause: &str| {
        write(&place.root, &job(), round, by, report(round, cause)).await.expect("it is written");
    };
    put(1, leader(5), "failed").await;
    assert_eq!(current(&place).await.as_deref(), Some("failed"));
    put(2, leader(9), "done after all").await;
    // The leader was stopped before it wrote the record of the first round, and goes on now.
    put(1, leader(7), "late").await;
    put(1, leader(5), "late, and its second try").await;
    assert_eq!(current(&place).await.as_deref(), Some("done after all"));
    let records = place.root.list(&keys::records(&job())).await.expect("it lists");
    assert_eq!(records.len(), 3, "none was replaced");
}

#[tokio::test]
async fn of_one_round_the_leader_that_was_elected_last_has_the_word() {
    let place = place();
    for revision in [9, 5] {
        let record = report(1, &format!("by {revision}"));
        write(&place.root, &job(), 1, leader(revision), record).await.expect("it is written");
    }
    assert_eq!(current(&place).await.as_deref(), Some("by 9"));
}

#[tokio::test]
async fn the_one_record_of_versions_before_is_read_until_a_later_round_is_on_record() {
    let place = place();
    let legacy = |round, cause| place.root.replace("jobs/nightly/record.json", report(round, cause));
    legacy(1, "an old one").await.expect("it is written");
    assert_eq!(current(&place).await.as_deref(), Some("an old one"));
    write(&place.root, &job(), 2, leader(5), report(2, "a new one")).await.expect("it is written");
    assert_eq!(current(&place).await.as_deref(), Some("a new one"));
    legacy(3, "by an old leader, in between").await.expect("it is written");
    assert_eq!(current(&place).await.as_deref(), Some("by an old leader, in between"));
}
