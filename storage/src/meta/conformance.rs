//! Conformance suite for every store of the cluster's state.
//!
//! Each check gets a place of its own: two handles to one empty store. The checks run in real or in paused time, as
//! the caller's runtime has it.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::BoxFuture;

use crate::meta::{
    Change, Compare, Entry, LeaseId, Listing, MetaError, MetaStore, Op, Outcome, Revision, Txn, Watch, WatchEvent,
};

/// Empty store, with two handles to it.
pub struct StorePair {
    /// First handle to the store.
    pub one: Arc<dyn MetaStore>,
    /// Second handle to the same store.
    pub two: Arc<dyn MetaStore>,
    /// Makes the store forget its history up to a revision.
    pub compact: Box<dyn Fn(Revision) -> BoxFuture<'static, ()> + Send + Sync>,
}

/// Shortest TTL that etcd grants with its default election timeout.
const TTL: Duration = Duration::from_secs(2);

/// Longest wait for an event or for a lease to end. etcd looks for ended leases every half second, and may be slow.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs every check, each on a place from `make`.
pub async fn check_all(make: impl AsyncFn() -> StorePair) {
    reads_show_what_was_written(&make().await).await;
    revisions_tell_incarnations_apart(&make().await).await;
    a_comparison_that_fails_refuses_everything(&make().await).await;
    a_listing_is_of_its_prefix_in_order(&make().await).await;
    a_prefix_is_deleted_at_one_revision(&make().await).await;
    what_no_store_accepts_changes_nothing(&make().await).await;
    of_rivals_for_one_key_one_wins(&make().await).await;
    a_revoked_lease_takes_its_keys_along(&make().await).await;
    a_lease_lasts_as_long_as_it_is_kept_alive(&make().await).await;
    a_watch_tells_whole_transactions_in_order(&make().await).await;
    a_watch_from_the_past_catches_up(&make().await).await;
    a_watch_without_its_history_lists_anew(&make().await).await;
}

/// Runs a transaction that must be applied; returns its revision.
async fn apply(store: &Arc<dyn MetaStore>, txn: Txn) -> Revision {
    match store.txn(txn).await.expect("a transaction without a fault") {
        Outcome::Applied { revision } => revision,
        other => panic!("not applied: {other:?}"),
    }
}

async fn put(store: &Arc<dyn MetaStore>, key: &str, value: &str) -> Revision {
    apply(store, Txn::default().then([Op::put(key, value.to_owned())])).await
}

async fn get(store: &Arc<dyn MetaStore>, key: &str) -> Option<Entry> {
    store.get(key).await.expect("a read without a fault")
}

async fn list(store: &Arc<dyn MetaStore>, prefix: &str) -> Listing {
    store.list(prefix).await.expect("a listing without a fault")
}

async fn next(watch: &mut Watch) -> WatchEvent {
    let event = tokio::time::timeout(PATIENCE, watch.next()).await.expect("an event in time");
    event.expect("a watch does not end").expect("a watch without a fault")
}

/// Waits until the key is gone.
async fn until_gone(store: &Arc<dyn MetaStore>, key: &str) {
    let gone = async {
        while get(store, key).await.is_some() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the lease ends in time");
}

async fn reads_show_what_was_written(place: &StorePair) {
    assert_eq!(get(&place.one, "a").await, None);
    let at = put(&place.one, "a", "1").await;
    let entry = Entry { key: "a".into(), value: "1".into(), create_revision: at, mod_revision: at, lease: None };
    assert_eq!(get(&place.two, "a").await, Some(entry));
}

async fn revisions_tell_incarnations_apart(place: &StorePair) {
    let created = put(&place.one, "a", "1").await;
    let both = apply(&place.two, Txn::default().then([Op::put("a", "2"), Op::put("b", "2")])).await;
    let [a, b] = [get(&place.one, "a").await, get(&place.one, "b").await].map(|e| e.expect("it was written"));
    assert_eq!((a.create_revision, a.mod_revision), (created, both));
    assert_eq!((b.create_revision, b.mod_revision), (both, both));
    let deleted = apply(&place.one, Txn::default().then([Op::delete("a")])).await;
    let again = put(&place.two, "a", "3").await;
    assert!(created < both && both < deleted && deleted < again);
    assert_eq!(get(&place.one, "a").await.map(|a| a.create_revision), Some(again));
}

async fn a_comparison_that_fails_refuses_everything(place: &StorePair) {
    let store = &place.one;
    let at = put(store, "a", "1").await;
    let then = put(store, "a", "2").await;
    let failing = [
        Compare::absent("a"),
        Compare::modified("a", at),
        Compare::created("a", then),
        Compare::value("a", "1"),
        Compare::modified("b", at),
        Compare::created("b", at),
        Compare::value("b", "1"),
    ];
    for compare in failing {
        let txn = Txn::when([Compare::created("a", at), compare.clone()])
            .then([Op::put("b", "x"), Op::delete("a")])
            .otherwise(["b", "a"]);
        match store.txn(txn).await.expect("a transaction without a fault") {
            Outcome::Refused { current } => {
                assert_eq!(current[0], None, "{compare:?}");
                assert_eq!(current[1].as_ref().map(|a| a.mod_revision), Some(then), "{compare:?}");
            }
            other => panic!("{compare:?}: {other:?}"),
        }
        assert_eq!(list(&place.two, "").await.entries.len(), 1, "{compare:?}");
    }
    let holding =
        [Compare::absent("b"), Compare::modified("a", then), Compare::created("a", at), Compare::value("a", "2")];
    apply(store, Txn::when(holding).then([Op::delete("a")])).await;
    assert_eq!(get(&place.two, "a").await, None);
}

async fn a_listing_is_of_its_prefix_in_order(place: &StorePair) {
    // This many keys take more than one page of etcd.
    let keys: Vec<_> = (0..1280).map(|number| format!("many/{number:05}")).collect();
    for some in keys.chunks(128) {
        apply(&place.one, Txn::default().then(some.iter().map(|key| Op::put(key, "x")))).await;
    }
    put(&place.one, "many", "no").await;
    let last = put(&place.one, "many0", "no").await;
    let listing = list(&place.two, "many/").await;
    assert_eq!(listing.revision, last);
    assert!(listing.entries.iter().map(|entry| &entry.key).eq(&keys), "1280 keys in order");
    assert_eq!(list(&place.two, "none/").await.entries, []);
}

async fn a_prefix_is_deleted_at_one_revision(place: &StorePair) {
    for key in ["jobs/a/head", "jobs/a/x/y", "jobs/ab/head"] {
        put(&place.one, key, "1").await;
    }
    let mut watch = place.two.watch("", list(&place.two, "").await.revision);
    let revision = apply(&place.one, Txn::default().then([Op::delete_prefix("jobs/a/")])).await;
    let changes = ["jobs/a/head", "jobs/a/x/y"].map(|key| Change::Deleted { key: key.into() });
    assert_eq!(next(&mut watch).await, WatchEvent::Changed { revision, changes: changes.into() });
    assert_eq!(list(&place.one, "").await.entries.len(), 1);
}

async fn what_no_store_accepts_changes_nothing(place: &StorePair) {
    let refused = [
        Txn::default().then([Op::put("a", "1"), Op::put("a", "2")]),
        Txn::default().then([Op::put("a/b", "1"), Op::delete_prefix("a/")]),
        Txn::default().then([Op::delete_prefix("")]),
        Txn::default().then([Op::put("", "1")]),
        Txn::default().then((0..129).map(|number| Op::put(format!("{number}"), "1"))),
    ];
    for txn in refused {
        let shown = format!("{txn:?}");
        assert!(matches!(place.one.txn(txn).await, Err(MetaError::Invalid { .. })), "{shown}");
    }
    assert_eq!(list(&place.two, "").await.entries, []);
}

async fn of_rivals_for_one_key_one_wins(place: &StorePair) {
    for round in 0..20 {
        let claim = |store: &Arc<dyn MetaStore>| {
            let (store, key) = (Arc::clone(store), format!("claim/{round}"));
            async move { store.txn(Txn::when([Compare::absent(&key)]).then([Op::put(&key, "me")])).await }
        };
        let rivals = (0..8).map(|rival| claim(if rival % 2 == 0 { &place.one } else { &place.two }));
        let outcomes = futures::future::join_all(rivals).await;
        let won = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Applied { .. }))).count();
        let lost = outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Refused { .. }))).count();
        assert_eq!((won, lost), (1, 7));
    }
}

async fn a_revoked_lease_takes_its_keys_along(place: &StorePair) {
    let lease = place.one.grant(TTL).await.expect("a lease").id;
    let ops = ["b", "a"].map(|key| Op::put_leased(key, "1", lease));
    let at = apply(&place.one, Txn::default().then(ops).then([Op::put("c", "1")])).await;
    assert_eq!(get(&place.two, "a").await.and_then(|entry| entry.lease), Some(lease));
    let mut watch = place.two.watch("", at);
    place.two.revoke(lease).await.expect("revoked");
    place.two.revoke(lease).await.expect("revoked before: no error");
    match next(&mut watch).await {
        WatchEvent::Changed { revision, changes } => {
            assert!(revision > at);
            assert_eq!(changes, ["a", "b"].map(|key| Change::Deleted { key: key.into() }));
        }
        other => panic!("{other:?}"),
    }
    gone(place, lease).await;
}

/// Checks that an ended lease refuses every use, and that nothing is written under it.
async fn gone(place: &StorePair, lease: LeaseId) {
    let before = list(&place.one, "").await;
    assert!(matches!(place.one.keep_alive(lease).await, Err(MetaError::LeaseGone { .. })));
    let late = Txn::default().then([Op::put("kept", "1"), Op::put_leased("late", "1", lease)]);
    assert!(matches!(place.one.txn(late).await, Err(MetaError::LeaseGone { .. })));
    assert_eq!(list(&place.two, "").await, before);
}

async fn a_lease_lasts_as_long_as_it_is_kept_alive(place: &StorePair) {
    let lease = place.one.grant(TTL).await.expect("a lease");
    assert!(lease.ttl >= TTL);
    apply(&place.one, Txn::default().then([Op::put_leased("a", "1", lease.id), Op::put_leased("b", "1", lease.id)]))
        .await;
    put(&place.one, "b", "taken off the lease").await;
    for _ in 0..4 {
        tokio::time::sleep(lease.ttl / 2).await;
        place.two.keep_alive(lease.id).await.expect("it lives");
    }
    assert!(get(&place.one, "a").await.is_some(), "kept alive for twice its TTL");
    until_gone(&place.one, "a").await;
    assert!(get(&place.one, "b").await.is_some());
    gone(place, lease.id).await;
}

async fn a_watch_tells_whole_transactions_in_order(place: &StorePair) {
    let start = put(&place.one, "w/0", "before").await;
    let mut watch = place.two.watch("w/", start);
    put(&place.one, "elsewhere", "1").await;
    let first =
        apply(&place.one, Txn::default().then([Op::put("w/b", "1"), Op::put("w/a", "1"), Op::put("x", "1")])).await;
    let second = apply(&place.one, Txn::default().then([Op::delete("w/b"), Op::put("w/c", "1")])).await;
    let shown = async |watch: &mut Watch| match next(watch).await {
        WatchEvent::Changed { revision, changes } => {
            (revision, changes.iter().map(|c| c.key().to_owned()).collect::<Vec<_>>())
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(shown(&mut watch).await, (first, vec!["w/a".to_owned(), "w/b".to_owned()]));
    assert_eq!(shown(&mut watch).await, (second, vec!["w/b".to_owned(), "w/c".to_owned()]));
}

async fn a_watch_from_the_past_catches_up(place: &StorePair) {
    let start = put(&place.one, "a", "1").await;
    let revisions = [put(&place.one, "a", "2").await, put(&place.one, "a", "3").await];
    let mut watch = place.two.watch("a", start);
    for (expected, value) in revisions.into_iter().zip(["2", "3"]) {
        match next(&mut watch).await {
            WatchEvent::Changed { revision, changes } => {
                assert_eq!(revision, expected);
                assert!(matches!(&changes[..], [Change::Put(entry)] if entry.value == value), "{changes:?}");
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn a_watch_without_its_history_lists_anew(place: &StorePair) {
    let start = put(&place.one, "a", "1").await;
    put(&place.one, "b", "1").await;
    apply(&place.one, Txn::default().then([Op::delete("a")])).await;
    let compacted = put(&place.one, "b", "2").await;
    (place.compact)(compacted).await;
    let mut watch = place.two.watch("", start);
    match next(&mut watch).await {
        WatchEvent::Resync(listing) => {
            let keys: Vec<_> = listing.entries.iter().map(|entry| entry.key.as_str()).collect();
            assert_eq!(keys, ["b"]);
            assert!(listing.revision >= compacted);
        }
        other => panic!("{other:?}"),
    }
    let after = put(&place.one, "c", "1").await;
    assert!(matches!(next(&mut watch).await, WatchEvent::Changed { revision, .. } if revision == after));
}
