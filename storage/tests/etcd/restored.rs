//! An etcd that was lost, or restored to an older backup, and comes back under its address: revisions come again.

use std::sync::Arc;
use std::time::Duration;

use format::state_records::Text;
use futures::StreamExt as _;
use model::Term;
use storage::meta::election::{Candidate, Leadership, campaign, observe, resign};
use storage::meta::{LeaseSession, LeaseSettings, MetaStore, Op, Outcome, Revision, Txn, WatchEvent};

use crate::support::{self, Network, OwnEtcd, Proxy, next};

/// Writes as soon as the server takes it.
async fn put(store: &Arc<dyn MetaStore>, key: &str) -> Revision {
    loop {
        match store.txn(Txn::default().then([Op::put(key, "1")])).await {
            Ok(Outcome::Applied { revision }) => return revision,
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Keys that a watch is given because its history is another one.
async fn restored_keys(watch: &mut storage::meta::Watch) -> Vec<String> {
    match next(watch).await {
        WatchEvent::Restored(listing) => listing.entries.into_iter().map(|entry| entry.key).collect(),
        other => panic!("{other:?}"),
    }
}

fn named(name: &str) -> Candidate {
    Candidate { replica: Text::cut(name), address: Text::cut("http://10.0.0.1:7070") }
}

async fn session(store: &Arc<dyn MetaStore>, seed: u64) -> LeaseSession {
    let settings = LeaseSettings { ttl: Duration::from_secs(10), seed };
    LeaseSession::open(Arc::clone(store), settings).await.expect("a lease")
}

#[tokio::test]
async fn a_watch_of_an_etcd_that_was_lost_tells_so_and_goes_on() {
    let mut etcd = OwnEtcd::start(&[]).await;
    let store = support::store(&etcd.endpoint(), "/own/").await;
    let mut last = Revision(0);
    for number in 0..20 {
        last = put(&store, &format!("w/{number}")).await;
    }
    let mut watch = store.watch("w/", last);
    put(&store, "w/20").await;
    assert!(matches!(next(&mut watch).await, WatchEvent::Changed { .. }));

    etcd.kill().await;
    etcd.put_back(None);
    etcd.restart().await;
    assert_eq!(restored_keys(&mut watch).await, [""; 0]);
    let anew = put(&store, "w/0").await;
    assert!(anew < last, "revisions begin anew");
    assert!(matches!(next(&mut watch).await, WatchEvent::Changed { revision, .. } if revision == anew));
}

#[tokio::test]
async fn a_watch_of_a_restored_etcd_tells_so_though_its_revision_was_reached_again() {
    let mut etcd = OwnEtcd::start(&[]).await;
    let proxy = Proxy::before(&etcd.endpoint()).await;
    let direct = support::store(&etcd.endpoint(), "/own/").await;
    let behind = support::store(&proxy.endpoint(), "/own/").await;
    put(&direct, "w/kept").await;
    etcd.kill().await;
    let backup = etcd.saved();
    etcd.restart().await;

    let mut watch = behind.watch("w/", put(&direct, "w/lost").await);
    let lost = put(&direct, "w/lost-too").await;
    assert!(matches!(next(&mut watch).await, WatchEvent::Changed { revision, .. } if revision == lost));
    proxy.set(Network::Cut);
    etcd.kill().await;
    etcd.put_back(Some(&backup));
    etcd.restart().await;
    while put(&direct, "w/new").await <= lost {}
    proxy.set(Network::Fine);
    assert_eq!(restored_keys(&mut watch).await, ["w/kept", "w/new"]);
}

/// The standby's lease is in the backup and lives on, so nothing but its watch can tell it that the leader is gone.
#[tokio::test]
async fn a_standby_is_elected_after_etcd_was_restored_to_a_backup_of_an_earlier_leader() {
    let mut etcd = OwnEtcd::start(&[]).await;
    let store = support::store(&etcd.endpoint(), "/own/").await;
    let standby = session(&store, 1).await;
    let earlier = session(&store, 2).await;
    let first = campaign(&*store, &earlier, &named("earlier"), Term::drawn(1)).await.expect("elected");
    etcd.kill().await;
    let backup = etcd.saved();
    etcd.restart().await;

    put(&store, "up").await;
    resign(&*store, &first).await.expect("resigned");
    drop(earlier);
    let later = session(&store, 3).await;
    for number in 0..20 {
        put(&store, &format!("x/{number}")).await;
    }
    let second = campaign(&*store, &later, &named("later"), Term::drawn(2)).await.expect("elected");
    let mut seen = Box::pin(observe(&*store).await.expect("up"));
    let mut leader = async || {
        let told = tokio::time::timeout(Duration::from_secs(30), seen.next()).await.expect("told in time");
        told.expect("no end").expect("no fault").map(|leader| leader.record.replica.to_string())
    };
    assert_eq!(leader().await.as_deref(), Some("later"));
    let me = named("standby");
    let mut waiting = Box::pin(campaign(&*store, &standby, &me, Term::drawn(3)));
    let waited = tokio::time::timeout(Duration::from_secs(1), &mut waiting).await;
    assert!(waited.is_err(), "one leader at a time");

    etcd.kill().await;
    etcd.put_back(Some(&backup));
    etcd.restart().await;
    let elected = tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("in time").expect("elected");
    assert!(elected.revision() < second.revision(), "in a history that has not come so far yet");
    assert_eq!(leader().await.as_deref(), Some("standby"), "who observes is told as well");
}

/// The case that a create revision alone does not tell apart: both leaders' keys were created at the same one.
#[tokio::test]
async fn a_leader_of_a_lost_history_cannot_write_though_its_revision_came_again() {
    let mut etcd = OwnEtcd::start(&[]).await;
    let store = support::store(&etcd.endpoint(), "/own/").await;
    let (one, two) = (session(&store, 1).await, session(&store, 2).await);
    put(&store, "up").await;
    etcd.kill().await;
    let backup = etcd.saved();
    etcd.restart().await;
    let lost = elected(&store, &one, "one", 1).await;
    etcd.kill().await;
    etcd.put_back(Some(&backup));
    etcd.restart().await;
    let restored = elected(&store, &two, "two", 2).await;
    assert_eq!(restored.revision(), lost.revision(), "the case that this is about");
    let write = |leadership: &Leadership| Txn::when(leadership.holds()).then([Op::put("x", "1")]);
    assert!(matches!(store.txn(write(&lost)).await, Ok(Outcome::Refused { .. })));
    assert!(matches!(store.txn(write(&restored)).await, Ok(Outcome::Applied { .. })));
}

async fn elected(store: &Arc<dyn MetaStore>, session: &LeaseSession, name: &str, term: u64) -> Leadership {
    let me = named(name);
    let elected = campaign(&**store, session, &me, Term::drawn(term << 2));
    tokio::time::timeout(Duration::from_secs(30), elected).await.expect("in time").expect("elected")
}
