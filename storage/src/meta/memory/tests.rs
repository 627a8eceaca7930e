use futures::FutureExt;

use crate::meta::conformance::{StorePair, check_all};
use crate::meta::faulty::{Faults, FaultyStore};

use super::*;

fn place(wrap: impl Fn(MemoryStore) -> Arc<dyn MetaStore>) -> StorePair {
    let store = MemoryStore::new();
    let compacted = store.clone();
    let compact = Box::new(move |revision| {
        compacted.compact(revision);
        std::future::ready(()).boxed()
    });
    StorePair { one: wrap(store.clone()), two: wrap(store), compact }
}

#[tokio::test(start_paused = true)]
async fn memory_conforms() {
    check_all(async || place(|store| Arc::new(store))).await;
}

#[tokio::test(start_paused = true)]
async fn the_decorator_without_faults_conforms() {
    check_all(async || place(|store| Arc::new(FaultyStore::new(Arc::new(store), Faults::default(), 1)))).await;
}

#[tokio::test(start_paused = true)]
async fn a_restored_store_has_the_revisions_of_its_backup_and_leases_of_its_own() -> Result<(), MetaError> {
    let store = MemoryStore::new();
    let put = async |key: &'static str| match store
        .txn(Txn::when([]).then([crate::meta::Op::put(key, key.as_bytes())]))
        .await?
    {
        Outcome::Applied { revision } => Ok::<_, MetaError>(revision),
        other => panic!("nothing was compared: {other:?}"),
    };
    put("a").await?;
    let (backup, first) = (store.backup(), store.grant(Duration::from_secs(5)).await?);
    let before = put("b").await?;
    store.restore(Some(&backup));
    assert_eq!(store.list("").await?.entries.len(), 1);
    assert_eq!(put("c").await?, before, "the revision of what was lost is given again");
    assert!(store.keep_alive(first.id).await.is_err(), "a lease that the backup does not have is gone");
    assert!(store.grant(Duration::from_secs(5)).await?.id > first.id, "and its id is not given again");
    store.restore(None);
    assert_eq!(store.list("").await?.entries.len(), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_told_that_its_store_was_restored_and_what_there_is() -> Result<(), MetaError> {
    let store = MemoryStore::new();
    let put = async |key: &'static str| {
        store.txn(Txn::when([]).then([crate::meta::Op::put(key, "1")])).await.expect("nothing was compared");
        store.list("").await.expect("memory").revision
    };
    let first = put("a").await;
    let backup = store.backup();
    let second = put("b").await;
    let (mut early, mut late) = (store.watch("", first), store.watch("", second));
    store.restore(Some(&backup));
    assert_eq!(put("c").await, second, "which is the revision that one of them has seen");
    for watch in [&mut early, &mut late] {
        let Some(Ok(WatchEvent::Restored(listing))) = watch.next().await else { panic!("it was restored") };
        assert_eq!(listing.entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(listing.revision, second);
    }
    let Some(Ok(WatchEvent::Restored(_))) = store.watch("", Revision(99)).next().await else {
        panic!("a revision of another history")
    };
    put("d").await;
    assert!(matches!(early.next().await, Some(Ok(WatchEvent::Changed { .. }))), "and goes on");
    Ok(())
}
