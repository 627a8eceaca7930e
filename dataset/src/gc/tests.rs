use format::keys::{self, AttemptKeys, ObjectKey};
use format::manifest::Manifest;
use format::segments::Inputs;
use model::limits::SEGMENTS_INLINE_MAX;
use model::{AttemptId, FencingToken, OutputFormat, PartitionId, SegmentList, SegmentRef, SystemClock};
use storage::Root;

use super::*;
use crate::fixture::{Fixture, SHARD, WINDOW, job};
use crate::rollback::{RollbackOptions, rollback};
use crate::verify::{Level, VerifyOptions, verify};

mod any_history; // property: for any content, only our garbage is deleted
mod marks; //       open jobs

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Returns the key of a part that no manifest names, by an attempt of `job`.
fn unnamed(job: &JobId) -> String {
    let attempt = AttemptId { number: 9, token: FencingToken(9) };
    AttemptKeys { window: WINDOW, shard: SHARD, job, attempt }.part(PartitionId(0), OutputFormat::Part)
}

/// Returns the key of a run of `job` in the dataset.
fn run_of(job: &JobId) -> String {
    let attempt = AttemptId { number: 1, token: FencingToken(1) };
    format!("{}/{}", keys::scratch_folder(job), keys::run(job, SHARD, model::TaskId::map(0), attempt))
}

fn deleting() -> GcOptions {
    GcOptions { delete: true, ..GcOptions::default() }
}

async fn found(fixture: &Fixture, options: &GcOptions) -> Vec<(GarbageReason, String)> {
    let report = collect(&fixture.catalog, options, &SystemClock).await.expect("sound manifests");
    let mut garbage: Vec<_> = report.garbage.into_iter().map(|garbage| (garbage.reason, garbage.key)).collect();
    garbage.sort();
    garbage
}

async fn is_clean(fixture: &Fixture) -> bool {
    let options = VerifyOptions { level: Level::Rows, ..VerifyOptions::default() };
    verify(&fixture.catalog, &options).await.expect("a folder does not fail").is_clean()
}

async fn put(fixture: &Fixture, key: &str) {
    fixture.put_object(key.to_owned(), b"left behind".to_vec()).await;
}

#[tokio::test]
async fn what_a_manifest_names_stays_and_what_none_names_goes_once_it_is_old() {
    let (fixture, _, _) = Fixture::committed().await;
    let lost = unnamed(&job());
    put(&fixture, &lost).await;
    let staging = format!("{lost}#1");
    std::fs::write(fixture.object_path(&staging), "half").expect("the folder is ours");
    assert_eq!(found(&fixture, &deleting()).await, [], "it may still be committed");
    fixture.age(2 * HOUR);
    let garbage = [(GarbageReason::ObjectUnnamed, lost.clone()), (GarbageReason::StagingLeftover, staging.clone())];
    let dry = found(&fixture, &GcOptions::default()).await;
    assert_eq!(dry, garbage);
    assert!(fixture.object_path(&lost).exists(), "a look deletes nothing");
    assert_eq!(found(&fixture, &deleting()).await, garbage);
    assert!(!fixture.object_path(&lost).exists() && !fixture.object_path(&staging).exists());
    assert!(is_clean(&fixture).await);
    assert_eq!(found(&fixture, &deleting()).await, [], "running it twice equals running it once");
}

#[tokio::test]
async fn a_place_without_our_marker_is_left_alone_and_so_is_one_with_somebody_elses() {
    let (fixture, _, _) = Fixture::committed().await;
    put(&fixture, &unnamed(&job())).await;
    for marker in [None, Some(r#"{"name": "a tailor's shop"}"#)] {
        std::fs::remove_file(fixture.object_path(keys::MARKER)).expect("it was made");
        if let Some(marker) = marker {
            std::fs::write(fixture.object_path(keys::MARKER), marker).expect("the folder is ours");
            crate::marks::mark_dataset(fixture.catalog.root()).await.expect("it is left as it is");
        }
        let options = GcOptions { min_age: Duration::ZERO, ..deleting() };
        let report = collect(&fixture.catalog, &options, &SystemClock).await.expect("nothing to do");
        assert!(report.objects == 0 && report.warnings.len() == 1, "{report:?}");
        crate::marks::mark_dataset(fixture.catalog.root()).await.expect("the folder is ours");
    }
    assert!(fixture.object_path(&unnamed(&job())).exists());
}

#[tokio::test]
async fn what_is_not_ours_and_what_is_of_unknown_jobs_stays_for_ever() {
    let (fixture, _, _) = Fixture::committed().await;
    let stranger: JobId = "stranger".parse().expect("a job's name");
    let beside = unnamed(&job()).replace("p00000", "notes");
    let foreign = [
        "data/2020/ledger.parquet",
        "scratch/alice/notes.txt",
        "scratch/nightly/notes.txt",
        "scratch/tailor-7-8/notes.txt",
        "manifests/window=all/shard=org-mod-07/backup.json",
        "ledger#7",
        beside.as_str(),
        &unnamed(&stranger),
        &run_of(&stranger),
    ];
    for key in foreign {
        // Written to the disk directly: the store's own client never writes a name that looks like a staging file.
        let path = fixture.object_path(key);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is ours");
        std::fs::write(path, "theirs").expect("the folder is ours");
    }
    fixture.age(100 * HOUR);
    let options = GcOptions { min_age: Duration::ZERO, keep_versions: Some(1), ..deleting() };
    assert_eq!(found(&fixture, &options).await, []);
    for key in foreign {
        assert!(fixture.object_path(key).exists(), "{key}");
    }
}

#[tokio::test]
async fn old_versions_go_when_told_to_but_not_what_a_kept_one_names_again() {
    let (fixture, mut output, first) = Fixture::committed().await;
    output.version = 2;
    let second = fixture.commit(&output).await;
    let back = RollbackOptions { window: Some(WINDOW), shard: SHARD, to: 1, reason: String::new() };
    rollback(&fixture.catalog, &back, &SystemClock).await.expect("all its objects are there");
    let options = GcOptions { keep_versions: Some(1), min_age: Duration::ZERO, ..deleting() };
    let garbage = found(&fixture, &options).await;
    let manifests = garbage.iter().filter(|(reason, _)| *reason == GarbageReason::ManifestSuperseded);
    assert_eq!(manifests.count(), 2);
    let objects: Vec<_> = garbage.iter().filter(|(reason, _)| *reason == GarbageReason::ObjectSuperseded).collect();
    assert_eq!(objects.len(), second.objects().count());
    assert!(first.objects().all(|object| fixture.object_path(&object.key).exists()));
    assert!(second.objects().all(|object| !fixture.object_path(&object.key).exists()));
    assert!(is_clean(&fixture).await);
    assert!(!fixture.object_path(keys::MARKS).exists(), "what was swept has no marks");
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_stops_the_collector_of_its_shard() {
    let (fixture, _, manifest) = Fixture::committed().await;
    put(&fixture, &unnamed(&job())).await;
    let path = fixture.object_path(&crate::catalog::name_of(&manifest).to_string());
    std::fs::write(path, "{}").expect("the folder is ours");
    let options = GcOptions { min_age: Duration::ZERO, ..deleting() };
    collect(&fixture.catalog, &options, &SystemClock).await.expect_err("it may name anything");
    assert!(fixture.object_path(&unnamed(&job())).exists());
    let none = GcOptions { keep_versions: Some(0), ..GcOptions::default() };
    assert!(matches!(collect(&fixture.catalog, &none, &SystemClock).await, Err(DatasetError::Refused(_))));
}

#[tokio::test]
async fn scratch_of_a_killed_process_goes_with_its_folders() {
    let (fixture, _, _) = Fixture::committed().await;
    let run = run_of(&job()).replace("scratch/nightly", "scratch/tailor-7-8");
    for key in [run.as_str(), "scratch/tailor-7-8/lock", "scratch/tailor-7-8/tailor-7-9/lock"] {
        put(&fixture, key).await;
    }
    assert_eq!(found(&fixture, &deleting()).await, [], "it may still run");
    let garbage = found(&fixture, &GcOptions { min_age: Duration::ZERO, ..deleting() }).await;
    assert!(garbage.iter().all(|(reason, _)| *reason == GarbageReason::ScratchLeftover) && garbage.len() == 3);
    assert!(!fixture.object_path("scratch").exists());
}

#[tokio::test]
async fn a_job_that_only_grows_a_staging_file_is_left_alone() {
    let (fixture, _, _) = Fixture::committed().await;
    let lost = unnamed(&job());
    put(&fixture, &lost).await;
    fixture.age(4 * HOUR);
    let staging = format!("{}#1", lost.replace("-a-9-", "-a-10-"));
    std::fs::write(fixture.object_path(&staging), "half").expect("the folder is ours");
    assert_eq!(found(&fixture, &deleting()).await, [], "it was just written to");
    fixture.age(2 * HOUR);
    assert_eq!(found(&fixture, &deleting()).await.len(), 2);
    assert!(!fixture.object_path(&staging).exists() && !fixture.object_path(&lost).exists());
}

#[tokio::test]
async fn scratch_whose_lock_is_held_stays_however_old_and_goes_with_its_process() {
    let (fixture, _, _) = Fixture::committed().await;
    for key in ["scratch/tailor-7-1/lock", "scratch/tailor-8-1/lock"] {
        put(&fixture, key).await;
    }
    let lock = std::fs::File::open(fixture.object_path("scratch/tailor-7-1/lock")).expect("it was just written");
    lock.lock().expect("a local file system has locks");
    let options = GcOptions { min_age: Duration::ZERO, ..deleting() };
    let dead = (GarbageReason::ScratchLeftover, "scratch/tailor-8-1/lock".to_owned());
    assert_eq!(found(&fixture, &options).await, [dead]);
    assert!(fixture.object_path("scratch/tailor-7-1/lock").exists());
    drop(lock);
    assert_eq!(found(&fixture, &options).await.len(), 1);
    assert!(!fixture.object_path("scratch").exists());
}

#[tokio::test]
async fn a_version_that_was_current_just_now_stays_with_its_parts() {
    let (fixture, mut output, _) = Fixture::committed().await;
    fixture.age(9 * HOUR);
    output.version = 2;
    let second = fixture.commit(&output).await;
    fixture.age(9 * HOUR);
    // Ages are by the store's clock and not by the manifest: its writer's clock may be a day ahead.
    let back = RollbackOptions { window: Some(WINDOW), shard: SHARD, to: 1, reason: String::new() };
    rollback(&fixture.catalog, &back, &Later(-24 * 60 * 60 * 1000)).await.expect("all its objects are there");
    let options = GcOptions { keep_versions: Some(1), ..deleting() };
    assert_eq!(found(&fixture, &options).await, [], "the rollback was just now");
    // The rollback's mark becomes old enough before its version does.
    let marks = std::fs::read_dir(fixture.object_path("marks/nightly")).expect("the rollback's");
    for mark in marks.flatten() {
        let file = std::fs::File::open(mark.path()).expect("the file is ours");
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).expect("the file is ours");
    }
    let first = format!("manifests/window={WINDOW}/shard={SHARD}/v00001.json");
    assert_eq!(found(&fixture, &options).await, [(GarbageReason::ManifestSuperseded, first)]);
    assert!(fixture.object_path("marks/nightly").exists(), "v2 is still to go");
    let again = RollbackOptions { to: 2, ..back };
    rollback(&fixture.catalog, &again, &SystemClock).await.expect("its objects are still there");
    assert!(second.objects().all(|object| fixture.object_path(&object.key).exists()));
    assert!(is_clean(&fixture).await);
}

/// Clock that is wrong by an offset.
#[derive(Debug)]
struct Later(i64);

impl Clock for Later {
    fn now_ms(&self) -> model::TimestampMs {
        SystemClock.now_ms() + self.0
    }
}

#[tokio::test]
async fn a_clock_that_is_hours_ahead_makes_nothing_garbage() {
    let (fixture, _, _) = Fixture::committed().await;
    put(&fixture, &unnamed(&job())).await;
    let ahead = Later(100 * 60 * 60 * 1000);
    let report = collect(&fixture.catalog, &deleting(), &ahead).await.expect("sound manifests");
    assert_eq!((report.objects, report.objects_young), (0, 1), "ages are by the store's clock");
    assert!(fixture.object_path(&unnamed(&job())).exists());
    assert!(!fixture.object_path(keys::PROBES).exists(), "the probe is gone");
}

#[tokio::test]
async fn what_changed_alone_is_swept_once_and_the_rest_when_all_is_asked_for() {
    let (fixture, _, _) = Fixture::committed().await;
    let other: JobId = "weekly".parse().expect("a job's name");
    fixture.know(&other).await;
    for key in [unnamed(&job()), unnamed(&other), run_of(&other)] {
        put(&fixture, &key).await;
    }
    crate::marks::mark_over(fixture.catalog.root(), &other, 7).await.expect("the folder is ours");
    fixture.age(9 * HOUR);
    let changed = GcOptions { scope: Scope::Changed, ..deleting() };
    let gone: Vec<_> = found(&fixture, &changed).await.into_iter().map(|(_, key)| key).collect();
    assert_eq!(gone, [unnamed(&other), run_of(&other)]);
    assert!(!fixture.object_path("scratch").exists() && !fixture.object_path(keys::MARKS).exists());
    assert_eq!(found(&fixture, &changed).await, []);
    assert_eq!(found(&fixture, &deleting()).await, [(GarbageReason::ObjectUnnamed, unnamed(&job()))]);
}

/// More segments than a manifest holds inline.
fn many() -> SegmentList {
    (0..=SEGMENTS_INLINE_MAX).map(|at| SegmentRef { key: format!("{at:05}.seg"), size: 1, etag: None }).collect()
}

fn inputs_of_many() -> Inputs {
    Inputs::of(&many(), |digest| keys::segments(&job(), SHARD, digest))
}

#[tokio::test]
async fn the_list_of_segments_that_a_version_names_stays_whatever_else_goes() {
    let (fixture, mut output, first) = Fixture::committed().await;
    let inputs = inputs_of_many();
    fixture.catalog.root().write_inputs(&inputs, &many()).await.expect("it is written");
    output.version = 2;
    output.on_manifest = |manifest| manifest.inputs = inputs_of_many();
    let second = fixture.commit(&output).await;
    fixture.age(2 * HOUR);
    let options = GcOptions { keep_versions: Some(1), ..deleting() };
    let garbage = found(&fixture, &options).await;
    assert!(first.objects().all(|object| garbage.iter().any(|(_, key)| *key == object.key)), "{garbage:?}");
    assert!(second.objects().all(|object| fixture.object_path(&object.key).exists()));
    let list = inputs.object().expect("they are too many for a manifest");
    assert!(second.objects().any(|object| object == list), "a version names its list");
    assert_eq!(fixture.catalog.root().read_inputs(&second.inputs).await.expect("it is whole"), many());
}
