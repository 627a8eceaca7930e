use std::sync::Arc;

use object_store::memory::InMemory;

use super::*;
use crate::error::ErrorKind;
use crate::fixture::{Fixture, SHARD, WINDOW};

const EARLIER: Window = Window::of(-600_000, 0);

#[tokio::test]
async fn the_highest_version_is_current_by_number_and_not_by_text() {
    let (fixture, mut output, _) = Fixture::committed().await;
    for version in [99_999, 100_000] {
        output.version = version;
        fixture.commit(&output).await;
    }
    let current = fixture.catalog.current(&Selection::default()).await.expect("three versions");
    assert_eq!(current.iter().map(|manifest| manifest.version).collect::<Vec<_>>(), [100_000]);
    let old = fixture.catalog.one(Some(WINDOW), SHARD, Some(1)).await.expect("it is there");
    assert_eq!(old.version, 1);
}

#[tokio::test]
async fn a_selection_leaves_out_other_windows_and_shards() {
    let (fixture, mut output, _) = Fixture::committed().await;
    output.window = EARLIER;
    fixture.commit(&output).await;
    let selected = |window, shards| Selection { window, shards };
    let count = async |selection| fixture.catalog.current(&selection).await.map(|manifests| manifests.len());
    assert_eq!(count(selected(None, vec![])).await.expect("both"), 2);
    assert_eq!(count(selected(Some(EARLIER), vec![SHARD])).await.expect("one"), 1);
    let error = count(selected(None, vec![ShardId::Shared(8)])).await.expect_err("no such shard");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = fixture.catalog.one(None, SHARD, None).await.expect_err("which of the two?");
    assert!(matches!(&error, DatasetError::WindowUnclear { windows, .. } if windows.len() == 2), "{error}");
}

#[tokio::test]
async fn windows_of_one_shard_that_overlap_are_refused_until_one_is_named() {
    let (fixture, mut output, _) = Fixture::committed().await;
    let half = Window::of(0, 300_000);
    for window in [half, EARLIER] {
        output.window = window;
        fixture.commit(&output).await;
    }
    let error = fixture.catalog.current(&Selection::default()).await.expect_err("its points would come twice");
    assert!(error.to_string().contains(&format!("({half}, {WINDOW})")), "{error}");
    assert!(error.to_string().contains("--window"), "{error}");
    for window in [half, EARLIER, WINDOW] {
        let selection = Selection { window: Some(window), ..Selection::default() };
        assert_eq!(fixture.catalog.current(&selection).await.expect("one is named").len(), 1);
    }
    let list = fixture.catalog.manifests(&Selection::default()).await.expect("a list hides nothing");
    assert_eq!(list.manifests.len(), 3);
    let options = crate::verify::VerifyOptions { level: crate::verify::Level::Objects, ..Default::default() };
    let verification = crate::verify::verify(&fixture.catalog, &options).await.expect("it looks at all of them");
    assert_eq!(verification.checked.manifests, 3);
}

#[tokio::test]
async fn windows_of_two_shards_may_overlap() {
    let (fixture, mut output, _) = Fixture::committed().await;
    (output.shard, output.window) = (ShardId::Shared(8), Window::ALL);
    fixture.commit(&output).await;
    assert_eq!(fixture.catalog.current(&Selection::default()).await.expect("other organisations").len(), 2);
}

#[test]
fn windows_overlap_where_they_share_an_instant_and_all_of_time_overlaps_each() {
    let window = |start_ms, end_ms| Window::of(start_ms, end_ms);
    let (a, b, c) = (window(0, 10), window(10, 20), window(20, 30));
    assert_eq!(overlapping(&[a, b, c]), []);
    assert_eq!(overlapping(&[a, window(9, 11), b, c]), [a, window(9, 11), b]);
    assert_eq!(overlapping(&[window(0, 25), b, c]), [window(0, 25), b, c]);
    assert_eq!(overlapping(&[Window::ALL, b]), [Window::ALL, b]);
}

#[tokio::test]
async fn a_dataset_in_a_store_that_is_no_folder_reads_the_same() {
    let (fixture, _, manifest) = Fixture::committed().await;
    let memory = Root::of_store("memory://dataset", Arc::new(InMemory::new()));
    for object in fixture.catalog.root().list("").await.expect("a folder") {
        let key = object.location.to_string();
        let bytes = fixture.catalog.root().read(&key).await.expect("it was listed");
        memory.create_object(&key, bytes).await.expect("it is empty");
    }
    let catalog = Catalog::new(memory);
    assert_eq!(catalog.current(&Selection::default()).await.expect("a copy"), [manifest]);
    let options = crate::verify::VerifyOptions { level: crate::verify::Level::Rows, ..Default::default() };
    let verification = crate::verify::verify(&catalog, &options).await.expect("memory does not fail");
    assert!(verification.is_clean(), "{:#?}", verification.differences);
}
