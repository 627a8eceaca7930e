use std::sync::Arc;

use object_store::memory::InMemory;

use super::*;
use crate::error::ErrorKind;
use crate::fixture::{Fixture, SHARD, WINDOW};

const EARLIER: Window = Window { start_ms: -600_000, end_ms: 0 };

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
