//! Compares the index with records, with and without entries, whole and damaged.

use std::time::Duration;

use model::{JobSettings, JobSpec};
use tempfile::TempDir;

use super::*;
use crate::report::JobReport;

fn dataset() -> (TempDir, Root) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = Root::create(folder.path().to_str().expect("a plain name")).expect("a folder opens");
    (folder, root)
}

fn leader(revision: u64) -> LeaderId {
    LeaderId { revision, term: Term::drawn(1) }
}

fn report(job: &str, round: u32, submitted_at_ms: i64) -> JobReport {
    let spec = JobSpec {
        job: job.parse().expect("a job name"),
        input: "in".to_owned(),
        dataset: "out".to_owned(),
        shards: Vec::new(),
        settings: JobSettings::default(),
        shard_map: String::new(),
        reason: "nightly".to_owned(),
        weight: 10,
        running_max: None,
        force_replace: None,
        replay_of: None,
        submitted_by: "test".to_owned(),
        submitted_at_ms: 0,
    };
    JobReport::of(&spec, round, Vec::new(), Vec::new(), submitted_at_ms, Duration::from_millis(7))
}

/// Writes the objects of an older version: a record, and others of the job.
async fn record(root: &Root, report: &JobReport) {
    root.replace(&keys::legacy_record(&report.job), report.to_bytes()).await.expect("it is written");
    root.replace(&format!("jobs/{}/plans/x.json", report.job), "{}").await.expect("it is written");
}

/// Lists names and states of all jobs after a position, in order.
async fn listed(root: &Root, after: Option<&Position>) -> Vec<String> {
    let mut shown = Vec::new();
    for ended in ended(root, after, usize::MAX).await.expect("a listing") {
        let job = ended.summary(root).await.expect("the store answers");
        shown.push(format!("{} {}", job.job, job.state().as_str_name().trim_start_matches(STATE_PREFIX)));
    }
    shown
}

#[tokio::test]
async fn an_entry_tells_what_the_record_tells() {
    let (_folder, root) = dataset();
    let report = report("a", 1, 1000);
    add(&root, &report, leader(5)).await.expect("it is written");
    let ended = ended(&root, None, 1).await.expect("a listing").remove(0);
    assert_eq!(ended.summary(&root).await.expect("it is read"), history_view::summary(&report));
}

#[tokio::test]
async fn of_two_leaders_that_saw_a_round_end_the_later_one_is_listed_whoever_comes_first() {
    for revisions in [[5, 8], [8, 5]] {
        let (_folder, root) = dataset();
        for revision in revisions {
            let mut report = report("a", 1, 1000);
            report.cause = Some(format!("as {revision} saw it"));
            add(&root, &report, leader(revision)).await.expect("it is written");
        }
        root.replace(keys::HISTORY_COMPLETE, "{}").await.expect("it is written");
        let [ended] = &mut ended(&root, None, 9).await.expect("a listing")[..] else { panic!("one job") };
        let key = match &ended.source {
            Source::Entry { key } => key.clone(),
            Source::Record(_) => panic!("it has an entry"),
        };
        assert_eq!(key.parse::<HistoryName>().expect("a name").leader, leader(8));
    }
}

#[tokio::test]
async fn jobs_with_and_without_an_entry_are_listed_once_each_and_the_newest_first() {
    let (_folder, root) = dataset();
    for (job, round, at) in [("b", 1, 2000), ("c", 1, 1000), ("c", 2, 5000), ("d", 1, 2000)] {
        add(&root, &report(job, round, at), leader(5)).await.expect("it is written");
        record(&root, &report(job, round, at)).await;
    }
    record(&root, &report("old", 1, 3000)).await;
    root.replace("jobs/open/spec-0.json", "{}").await.expect("a job that has not ended");
    let all = ["c DONE", "old DONE", "b DONE", "d DONE"];
    assert_eq!(listed(&root, None).await, all);
    let after = Position::new(3000, "old");
    assert_eq!(after.to_string().parse(), Ok(after.clone()), "a token parses back");
    assert_eq!(listed(&root, Some(&after)).await, all[2..]);

    complete(&root).await.expect("all records can be read");
    assert_eq!(listed(&root, None).await, all, "the same by entries alone");
    root.remove("jobs/old/record.json").await.expect("it goes");
    assert_eq!(listed(&root, None).await, all, "no record is read any more");
}

#[tokio::test]
async fn what_cannot_be_read_hides_nothing_else() {
    let (_folder, root) = dataset();
    for (job, at) in [("a", 3000), ("b", 2000)] {
        add(&root, &report(job, 1, at), leader(5)).await.expect("it is written");
    }
    record(&root, &report("whole", 1, 500)).await;
    root.replace("jobs/torn/record.json", "{\"api_ver").await.expect("a torn record");
    root.replace("history/readme.txt", "x").await.expect("somebody else's");
    let torn =
        HistoryName { submitted_at_ms: 2000, round: 1, leader: leader(5), job: "b".parse().expect("a job name") }
            .to_string();
    root.replace(&torn, "{").await.expect("a torn entry");
    assert_eq!(listed(&root, None).await, ["a DONE", "b UNREADABLE", "whole DONE", "torn UNREADABLE"]);
    complete(&root).await.expect_err("a record cannot be read");
    assert!(listed(&root, None).await.contains(&"torn UNREADABLE".to_owned()), "so the mark is not put");
    assert!(listed(&root, None).await.contains(&"whole DONE".to_owned()));
}

#[tokio::test]
async fn a_page_of_ten_thousand_ended_jobs_reads_the_entries_of_that_page_alone() {
    const JOBS: i64 = 10_000;
    let (folder, root) = dataset();
    let entry = serde_json::to_vec(&Entry::of(history_view::summary(&report("j", 1, 0)))).expect("an entry");
    std::fs::create_dir_all(folder.path().join("history")).expect("a folder");
    let name = |at| {
        let job = format!("j{at}").parse().expect("a name");
        HistoryName { submitted_at_ms: at, round: 1, leader: leader(5), job }.to_string()
    };
    for at in 0..JOBS {
        std::fs::write(folder.path().join(name(at)), &entry).expect("it is written");
    }
    root.replace(keys::HISTORY_COMPLETE, "{}").await.expect("it is written");
    let page = ended(&root, None, 100).await.expect("a listing");
    // The names are known; nothing but the entries of the page is read from here on.
    std::fs::remove_dir_all(folder.path().join("history")).expect("a folder");
    std::fs::create_dir_all(folder.path().join("history")).expect("a folder");
    for at in JOBS - 100..JOBS {
        std::fs::write(folder.path().join(name(at)), &entry).expect("it is written");
    }
    for ended in page.into_iter().take(100) {
        ended.summary(&root).await.expect("an entry of the page");
    }
}
