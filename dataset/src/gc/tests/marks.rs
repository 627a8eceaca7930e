//! Open jobs: of this cluster, another one, an embedded run, a rollback.

use super::*;
use crate::marks::{Pin, mark_open, mark_over};
use format::keys::{ManifestName, ProcessName};

/// Creates a dataset with objects that no manifest names, nine hours old.
async fn with_leftovers() -> (Fixture, Manifest) {
    let (fixture, _, manifest) = Fixture::committed().await;
    put(&fixture, &unnamed(&job())).await;
    put(&fixture, &run_of(&job())).await;
    fixture.age(9 * HOUR);
    (fixture, manifest)
}

fn root(fixture: &Fixture) -> &Root {
    fixture.catalog.root()
}

#[tokio::test]
async fn a_job_that_anybody_runs_stays_until_its_mark_is_over_or_stale() {
    let (fixture, _) = with_leftovers().await;
    mark_open(root(&fixture), &job(), 1, None).await.expect("the folder is ours");
    mark_over(root(&fixture), &job(), 2).await.expect("the folder is ours");
    for options in [deleting(), GcOptions { min_age: Duration::ZERO, ..deleting() }] {
        assert_eq!(found(&fixture, &options).await, [], "one of its runs is open");
    }
    // An hour and a half without a refresh is later than any live runner would be.
    fixture.age(HOUR + HOUR / 2);
    let patient = GcOptions { min_age: 6 * HOUR, ..deleting() };
    assert_eq!(found(&fixture, &patient).await, [], "a collector that waits longer waits for the mark, too");
    assert_eq!(found(&fixture, &deleting()).await.len(), 2);
    assert!(!fixture.object_path(keys::MARKS).exists());
}

#[tokio::test]
async fn a_job_that_ended_within_the_minimum_age_stays() {
    let (fixture, _) = with_leftovers().await;
    mark_over(root(&fixture), &job(), 1).await.expect("the folder is ours");
    let report = collect(&fixture.catalog, &deleting(), &SystemClock).await.expect("sound manifests");
    assert_eq!((report.objects, report.jobs_young), (0, 1));
    assert_eq!(found(&fixture, &GcOptions { min_age: Duration::ZERO, ..deleting() }).await.len(), 2);
}

#[tokio::test]
async fn a_mark_that_cannot_be_read_counts_as_open() {
    let (fixture, _) = with_leftovers().await;
    let key = keys::mark(&job(), 1);
    fixture.catalog.root().replace(&key, r#"{"state": "half-open"}"#).await.expect("the folder is ours");
    assert_eq!(found(&fixture, &deleting()).await, [], "a later version may mean anything");
}

#[tokio::test]
async fn a_process_that_is_killed_leaves_nobody_waiting_for_its_mark() {
    let (fixture, _) = with_leftovers().await;
    let process = ProcessName { pid: 7, began_at_ms: 1 };
    let lock = "scratch/tailor-7-1/lock";
    put(&fixture, lock).await;
    mark_open(root(&fixture), &job(), 1, Some(process)).await.expect("the folder is ours");
    let held = std::fs::File::open(fixture.object_path(lock)).expect("it was just written");
    held.lock().expect("a local file system has locks");
    let options = GcOptions { min_age: Duration::ZERO, ..deleting() };
    assert_eq!(found(&fixture, &options).await, [], "it lives");
    fixture.age(99 * HOUR);
    assert_eq!(found(&fixture, &options).await, [], "however long it said nothing");
    drop(held);
    assert_eq!(found(&fixture, &options).await.len(), 3);
}

#[tokio::test]
async fn what_an_open_job_of_the_cluster_wrote_stays_without_a_mark() {
    let (fixture, _) = with_leftovers().await;
    let open = async || Ok(HashSet::from(["nightly".to_owned()]));
    let options = deleting();
    let report = collect_beside(&fixture.catalog, &options, &SystemClock, open).await.expect("sound manifests");
    assert_eq!((report.objects, report.jobs_open), (0, 1));
    let unknown = async || Err(DatasetError::Refused("the leader has just stepped down".to_owned()));
    collect_beside(&fixture.catalog, &options, &SystemClock, unknown).await.expect_err("any job may be open");
    assert!(fixture.object_path(&unnamed(&job())).exists());
}

#[tokio::test]
async fn what_a_rollback_reads_stays_and_what_it_replaced_is_looked_at_again() {
    let (fixture, mut output, first) = Fixture::committed().await;
    output.version = 2;
    fixture.commit(&output).await;
    fixture.age(9 * HOUR);
    let options = GcOptions { keep_versions: Some(1), ..deleting() };
    let pin = Pin::hold(root(&fixture), &job()).await.expect("the folder is ours");
    assert_eq!(found(&fixture, &options).await, [], "the rollback may name the first version's objects");
    assert!(first.objects().all(|object| fixture.object_path(&object.key).exists()));
    pin.release().await.expect("the folder is ours");
    fixture.age(2 * HOUR);
    // A pin that is over leads a collector with scope `Changed` to the window and shard.
    let changed = GcOptions { scope: Scope::Changed, ..options };
    let garbage = found(&fixture, &changed).await;
    assert_eq!(garbage.len(), 1 + first.objects().count());
    assert!(is_clean(&fixture).await);
}

#[tokio::test]
async fn what_followed_a_version_that_stays_stays_too_so_that_no_version_seems_lost() {
    let (fixture, mut output, _) = Fixture::committed().await;
    let other: JobId = "other".parse().expect("a name");
    fixture.know(&other).await;
    output.on_manifest = |manifest| manifest.job = "other".parse().expect("a name");
    for version in [2, 3] {
        output.version = version;
        fixture.commit(&output).await;
    }
    fixture.age(9 * HOUR);
    let pin = Pin::hold(root(&fixture), &job()).await.expect("the folder is ours");
    let options = GcOptions { keep_versions: Some(1), ..deleting() };
    assert_eq!(found(&fixture, &options).await, [], "version 2 lies between one that stays and the current one");
    pin.release().await.expect("the folder is ours");
    fixture.age(2 * HOUR);
    found(&fixture, &options).await;
    let is_there =
        |version| fixture.object_path(&ManifestName { window: WINDOW, shard: SHARD, version }.to_string()).exists();
    assert_eq!([1, 2, 3].map(is_there), [false, false, true]);
}

#[tokio::test]
async fn a_rollback_to_a_version_that_was_just_given_up_fails() {
    let (fixture, mut output, _) = Fixture::committed().await;
    output.version = 2;
    fixture.commit(&output).await;
    let options = GcOptions { keep_versions: Some(1), min_age: Duration::ZERO, ..deleting() };
    found(&fixture, &options).await;
    let back = RollbackOptions { window: Some(WINDOW), shard: SHARD, to: 1, reason: String::new() };
    let error = rollback(&fixture.catalog, &back, &SystemClock).await.expect_err("its parts are gone");
    assert!(matches!(error, DatasetError::NoManifest { .. }), "{error}");
    assert!(is_clean(&fixture).await);
}
