use super::*;
use crate::fixture::{Fixture, SHARD, WINDOW};
use crate::rollback::{RollbackOptions, rollback};
use crate::verify::{Level, VerifyOptions, verify};

/// A clock that stands still, some time after everything was written.
#[derive(Debug)]
struct Later(i64);

impl Clock for Later {
    fn now_ms(&self) -> TimestampMs {
        model::SystemClock.now_ms() + self.0
    }
}

const HOUR_MS: i64 = 3_600_000;
const UNNAMED: &str = "data/0000/window=0-600000/shard=org-mod-07/nightly/p00000-a-9-0000000000000009.part";

async fn found(fixture: &Fixture, options: &GcOptions, later_ms: i64) -> Vec<(GarbageReason, String)> {
    let report = collect(&fixture.catalog, options, &Later(later_ms)).await.expect("sound manifests");
    report.garbage.into_iter().map(|garbage| (garbage.reason, garbage.key)).collect()
}

async fn is_clean(fixture: &Fixture) -> bool {
    let options = VerifyOptions { level: Level::Rows, ..VerifyOptions::default() };
    verify(&fixture.catalog, &options).await.expect("a folder does not fail").is_clean()
}

#[tokio::test]
async fn what_a_manifest_names_stays_and_what_none_names_goes_once_it_is_old() {
    let (fixture, _, _) = Fixture::committed().await;
    fixture.put_object(UNNAMED.to_owned(), b"lost attempt".to_vec()).await;
    let staging = format!("{UNNAMED}#1");
    std::fs::write(fixture.object_path(&staging), "half").expect("the folder is ours");
    let mut options = GcOptions::default();
    assert_eq!(found(&fixture, &options, 0).await, [], "it may still be committed");
    let garbage =
        [(GarbageReason::ObjectUnnamed, UNNAMED.to_owned()), (GarbageReason::StagingLeftover, staging.clone())];
    assert_eq!(found(&fixture, &options, 2 * HOUR_MS).await, garbage);
    assert!(fixture.object_path(UNNAMED).exists(), "a look deletes nothing");
    options = GcOptions { delete: true, min_age: Duration::ZERO, ..options };
    assert_eq!(found(&fixture, &options, 0).await, garbage);
    assert!(!fixture.object_path(UNNAMED).exists() && !fixture.object_path(&staging).exists());
    assert!(is_clean(&fixture).await);
    assert_eq!(found(&fixture, &options, 0).await, [], "running it twice equals running it once");
}

#[tokio::test]
async fn old_versions_go_when_told_to_but_not_what_a_kept_one_names_again() {
    let (fixture, mut output, first) = Fixture::committed().await;
    output.version = 2;
    let second = fixture.commit(&output).await;
    let back = RollbackOptions { window: Some(WINDOW), shard: SHARD, to: 1, reason: String::new() };
    rollback(&fixture.catalog, &back, &Later(0)).await.expect("all its objects are there");
    let options = GcOptions { keep_versions: Some(1), min_age: Duration::ZERO, delete: true };
    let garbage = found(&fixture, &options, 0).await;
    let manifests = garbage.iter().filter(|(reason, _)| *reason == GarbageReason::ManifestSuperseded);
    assert_eq!(manifests.count(), 2);
    let objects: Vec<_> = garbage.iter().filter(|(reason, _)| *reason == GarbageReason::ObjectSuperseded).collect();
    assert_eq!(objects.len(), second.objects().count());
    assert!(first.objects().all(|object| fixture.object_path(&object.key).exists()));
    assert!(second.objects().all(|object| !fixture.object_path(&object.key).exists()));
    assert!(is_clean(&fixture).await);
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_stops_the_collector() {
    let (fixture, _, manifest) = Fixture::committed().await;
    fixture.put_object(UNNAMED.to_owned(), b"lost attempt".to_vec()).await;
    let path = fixture.object_path(&crate::catalog::name_of(&manifest).to_string());
    std::fs::write(path, "{}").expect("the folder is ours");
    let options = GcOptions { min_age: Duration::ZERO, delete: true, ..GcOptions::default() };
    collect(&fixture.catalog, &options, &Later(0)).await.expect_err("it may name anything");
    assert!(fixture.object_path(UNNAMED).exists());
    let none = GcOptions { keep_versions: Some(0), ..GcOptions::default() };
    assert!(matches!(collect(&fixture.catalog, &none, &Later(0)).await, Err(DatasetError::Refused(_))));
}

#[tokio::test]
async fn scratch_of_a_killed_process_goes_with_its_folders_and_that_of_a_living_one_stays() {
    let (fixture, _, _) = Fixture::committed().await;
    for key in ["scratch/tailor-7/runs/a.run", "scratch/tailor-7/runs/b.run"] {
        fixture.put_object(key.to_owned(), b"run".to_vec()).await;
    }
    let mut options = GcOptions { delete: true, ..GcOptions::default() };
    assert_eq!(found(&fixture, &options, 0).await, [], "it may still run");
    options.min_age = Duration::ZERO;
    let garbage = found(&fixture, &options, 0).await;
    assert!(garbage.iter().all(|(reason, _)| *reason == GarbageReason::ScratchLeftover) && garbage.len() == 2);
    assert!(!fixture.object_path("scratch").exists());
}

#[tokio::test]
async fn a_job_that_only_grows_a_staging_file_is_left_alone() {
    let (fixture, _, _) = Fixture::committed().await;
    fixture.put_object(UNNAMED.to_owned(), b"the part of an earlier partition".to_vec()).await;
    let staging = fixture.object_path(&UNNAMED.replace("p00000", "p00001")).with_extension("part#1");
    let file = std::fs::File::create(&staging).expect("the folder is ours");
    let in_two_hours = model::SystemClock.now_ms() + 2 * HOUR_MS;
    let modified = std::time::UNIX_EPOCH + Duration::from_millis(in_two_hours as u64);
    file.set_modified(modified).expect("the file is ours");
    let options = GcOptions { delete: true, ..GcOptions::default() };
    assert_eq!(found(&fixture, &options, 2 * HOUR_MS).await, [], "it was just written to");
    assert_eq!(found(&fixture, &options, 4 * HOUR_MS).await.len(), 2);
    assert!(!staging.exists() && !fixture.object_path(UNNAMED).exists());
}

#[tokio::test]
async fn scratch_whose_lock_is_held_stays_however_old_and_goes_with_its_process() {
    let (fixture, _, _) = Fixture::committed().await;
    for key in ["scratch/tailor-7/runs/a.run", "scratch/tailor-7/lock", "scratch/tailor-8/lock"] {
        fixture.put_object(key.to_owned(), Vec::new()).await;
    }
    let lock = std::fs::File::open(fixture.object_path("scratch/tailor-7/lock")).expect("it was just written");
    lock.lock().expect("a local file system has locks");
    let options = GcOptions { delete: true, min_age: Duration::ZERO, ..GcOptions::default() };
    let dead = (GarbageReason::ScratchLeftover, "scratch/tailor-8/lock".to_owned());
    assert_eq!(found(&fixture, &options, 9 * HOUR_MS).await, [dead]);
    assert!(fixture.object_path("scratch/tailor-7/runs/a.run").exists());
    drop(lock);
    assert_eq!(found(&fixture, &options, 9 * HOUR_MS).await.len(), 2);
    assert!(!fixture.object_path("scratch").exists());
}

#[tokio::test]
async fn a_version_that_was_current_just_now_stays_with_its_parts() {
    let (fixture, mut output, _) = Fixture::committed().await;
    output.version = 2;
    let second = fixture.commit(&output).await;
    let back = RollbackOptions { window: Some(WINDOW), shard: SHARD, to: 1, reason: String::new() };
    rollback(&fixture.catalog, &back, &Later(0)).await.expect("all its objects are there");
    let options = GcOptions { keep_versions: Some(1), delete: true, ..GcOptions::default() };
    let first = format!("manifests/window={WINDOW}/shard={SHARD}/v00001.json");
    assert_eq!(found(&fixture, &options, 0).await, [(GarbageReason::ManifestSuperseded, first)]);
    let again = RollbackOptions { to: 2, ..back };
    rollback(&fixture.catalog, &again, &Later(0)).await.expect("its objects are still there");
    assert!(second.objects().all(|object| fixture.object_path(&object.key).exists()));
    assert!(is_clean(&fixture).await);
}

#[tokio::test]
async fn what_an_open_job_wrote_stays_whatever_the_clock_says() {
    let (fixture, _, _) = Fixture::committed().await;
    for key in [UNNAMED, "scratch/nightly/runs/a.run", "scratch/weekly/runs/b.run"] {
        fixture.put_object(key.to_owned(), b"lost attempt".to_vec()).await;
    }
    let options = GcOptions { delete: true, ..GcOptions::default() };
    let open = async || Ok(HashSet::from(["nightly".to_owned()]));
    let report = collect_beside(&fixture.catalog, &options, &Later(9 * HOUR_MS), open).await.expect("sound manifests");
    let gone: Vec<_> = report.garbage.iter().map(|garbage| garbage.key.as_str()).collect();
    assert_eq!(gone, ["scratch/weekly/runs/b.run"]);
    let unknown = async || Err(DatasetError::Refused("the leader has just stepped down".to_owned()));
    collect_beside(&fixture.catalog, &options, &Later(9 * HOUR_MS), unknown).await.expect_err("any job may be open");
    assert!(fixture.object_path(UNNAMED).exists());
}
