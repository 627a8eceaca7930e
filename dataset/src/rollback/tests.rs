use model::SystemClock;

use super::*;
use crate::catalog::Selection;
use crate::error::ErrorKind;
use crate::fixture::{Fixture, SHARD};

fn to(version: u32) -> RollbackOptions {
    RollbackOptions { window: None, shard: SHARD, to: version, reason: "bad input".to_owned() }
}

#[tokio::test]
async fn a_rollback_is_a_new_version_of_the_old_parts() {
    let (fixture, mut output, first) = Fixture::committed().await;
    output.version = 2;
    output.series.pop_last();
    fixture.commit(&output).await;
    let done = rollback(&fixture.catalog, &to(1), &SystemClock).await.expect("all its objects are there");
    assert_eq!((done.version, done.replaces, done.reason.as_str()), (3, 2, "rollback to v1: bad input"));
    let current = fixture.catalog.one(None, SHARD, None).await.expect("it was just written");
    assert_eq!((current.version, current.replaces), (3, Some(2)));
    assert_eq!(current.content_digest(), first.content_digest());
    let list = fixture.catalog.manifests(&Selection::default()).await.expect("three versions");
    let shown: Vec<_> = list.manifests.iter().map(|listed| (listed.manifest.version, listed.is_current)).collect();
    assert_eq!(shown, [(1, false), (2, false), (3, true)]);
}

#[tokio::test]
async fn a_version_that_cannot_be_served_any_more_is_refused() {
    let (fixture, mut output, first) = Fixture::committed().await;
    output.version = 2;
    fixture.commit(&output).await;
    let object = first.objects().next().expect("the fixture has parts");
    std::fs::write(fixture.object_path(&object.key), "short").expect("the folder is ours");
    let error = rollback(&fixture.catalog, &to(1), &SystemClock).await.expect_err("an object has changed");
    assert!(matches!(error, DatasetError::ObjectDamaged { .. }), "{error}");
    std::fs::remove_file(fixture.object_path(&object.key)).expect("it is there");
    let error = rollback(&fixture.catalog, &to(1), &SystemClock).await.expect_err("an object is gone");
    assert_eq!(error.kind(), ErrorKind::Damaged);
    let error = rollback(&fixture.catalog, &to(2), &SystemClock).await.expect_err("it is current");
    assert!(matches!(error, DatasetError::Refused(_)), "{error}");
    let error = rollback(&fixture.catalog, &to(9), &SystemClock).await.expect_err("it never was");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_damaged_current_manifest_can_be_rolled_back() {
    let (fixture, mut output, first) = Fixture::committed().await;
    output.version = 2;
    let second = fixture.commit(&output).await;
    std::fs::write(fixture.object_path(&name_of(&second).to_string()), "{}").expect("the folder is ours");
    let error = fixture.catalog.one(None, SHARD, None).await.expect_err("it is damaged");
    assert_eq!(error.kind(), ErrorKind::Damaged);
    rollback(&fixture.catalog, &to(1), &SystemClock).await.expect("the old version is sound");
    let current = fixture.catalog.one(None, SHARD, None).await.expect("it was just written");
    assert_eq!((current.version, current.content_digest()), (3, first.content_digest()));
}
