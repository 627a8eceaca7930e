//! Cluster's state on a real etcd: the conformance suite, and faults that only a real server has.

use std::sync::Arc;
use std::time::Duration;

use format::state_keys::{StateKey, TaskPath};
use format::state_records::{AttemptsRecord, ClaimRecord, DoneRecord, StateRecord, Text};
use futures::{FutureExt, StreamExt, TryStreamExt};
use model::digest::Digest;
use model::limits::{OPEN_TASKS_MAX, STATE_BYTES_MAX, STATE_TXN_OPS_MAX};
use model::{ShardId, TaskId, Term};
use storage::meta::claim::{CHANGES_PER_TXN_MAX, Changed, SeenAttempts, TaskChange, apply, apply_one, token_of};
use storage::meta::conformance::{StorePair, check_all};
use storage::meta::election::{Candidate, campaign};
use storage::meta::session::Loss;
use storage::meta::{
    Compare, LeaseSession, LeaseSettings, MetaError, MetaStore, Op, Outcome, Revision, Txn, WatchEvent,
};

mod cluster;
mod hanging;
mod restored;
mod users;
mod support;

use support::{Network, OwnEtcd, Proxy, next};

async fn put(store: &Arc<dyn MetaStore>, key: &str) -> Revision {
    match store.txn(Txn::default().then([Op::put(key, "1")])).await {
        Ok(Outcome::Applied { revision }) => revision,
        other => panic!("{other:?}"),
    }
}

fn task() -> TaskPath {
    TaskPath { job: "nightly".parse().expect("a job name"), shard: ShardId::Shared(7), task: TaskId::map(3) }
}

#[tokio::test]
async fn etcd_conforms() {
    let endpoint = support::shared();
    check_all(async || {
        let namespace = support::namespace();
        let one = support::store(&endpoint, &namespace).await;
        let two = support::store(&endpoint, &namespace).await;
        let endpoint = endpoint.clone();
        StorePair { one, two, compact: Box::new(move |up_to| support::compact(endpoint.clone(), up_to).boxed()) }
    })
    .await;
}

#[tokio::test]
async fn a_lost_response_is_unknown_and_claim_and_completion_find_out() {
    let (endpoint, namespace) = (support::shared(), support::namespace());
    let proxy = Proxy::before(&endpoint).await;
    let behind = support::store(&proxy.endpoint(), &namespace).await;
    let direct = support::store(&endpoint, &namespace).await;
    let session = LeaseSession::open(Arc::clone(&direct), LeaseSettings::seeded(1)).await.expect("a lease");
    let me = Candidate { replica: Text::cut("c-0"), address: Text::cut("http://c-0:7070") };
    let leadership = campaign(&*direct, &session, &me, Term::drawn(1)).await.expect("elected");
    behind.get("a").await.expect("a connection");

    let loses_one = async || {
        proxy.set(Network::LosesResponses);
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.set(Network::Fine);
    };
    let create = Txn::when([Compare::absent("a")]).then([Op::put("a", "1")]);
    let (outcome, ()) = tokio::join!(behind.txn(create), loses_one());
    assert!(matches!(outcome, Ok(Outcome::Unknown { .. })), "{outcome:?}");
    assert!(direct.get("a").await.expect("direct").is_some(), "it happened all the same");

    let path = task();
    behind.get("a").await.ok();
    let claim =
        TaskChange::Claim { task: path.clone(), worker: session.lease(), shard: None, seen: SeenAttempts::default() };
    let (claimed, ()) = tokio::join!(apply_one(&*behind, &leadership, &claim), loses_one());
    let Ok(Changed::Claimed { attempt, .. }) = claimed else { panic!("{claimed:?}") };
    let key = String::from(StateKey::Claim(path.clone(), 1));
    let held = direct.get(&key).await.expect("direct").expect("claimed");
    assert_eq!((attempt.number, attempt.token), (1, token_of(&held).expect("a claim")));

    let done = DoneRecord { attempt, last: 1, report: Digest::of(b"report"), report_bytes: 6, begun_at_ms: None };
    behind.get("a").await.ok();
    let complete = TaskChange::Complete { task: path, done, claimed: held.create_revision };
    let (completed, ()) = tokio::join!(apply_one(&*behind, &leadership, &complete), loses_one());
    assert_eq!(completed.expect("settled"), Changed::Completed);
    assert_eq!(direct.get(&key).await.expect("direct"), None);
}

#[tokio::test]
async fn a_batch_whose_answer_is_lost_is_settled_change_by_change() {
    let (endpoint, namespace) = (support::shared(), support::namespace());
    let proxy = Proxy::before(&endpoint).await;
    let behind = support::store(&proxy.endpoint(), &namespace).await;
    let direct = support::store(&endpoint, &namespace).await;
    let session = LeaseSession::open(Arc::clone(&direct), LeaseSettings::seeded(1)).await.expect("a lease");
    let me = Candidate { replica: Text::cut("c-0"), address: Text::cut("http://c-0:7070") };
    let leadership = campaign(&*direct, &session, &me, Term::drawn(1)).await.expect("elected");
    behind.get("a").await.expect("a connection");

    let path = |ordinal| TaskPath { task: TaskId::map(ordinal), ..task() };
    let claim = |ordinal| TaskChange::Claim {
        task: path(ordinal),
        worker: session.lease(),
        shard: None,
        seen: SeenAttempts::default(),
    };
    let loses_one = async {
        proxy.set(Network::LosesResponses);
        tokio::time::sleep(Duration::from_millis(300)).await;
        proxy.set(Network::Fine);
    };
    let changes = (0..CHANGES_PER_TXN_MAX as u32).map(claim).collect();
    let (claimed, ()) = tokio::join!(apply(&*behind, &leadership, changes), loses_one);
    let attempts: Vec<_> = claimed
        .into_iter()
        .map(|claimed| match claimed {
            Ok(Changed::Claimed { attempt, seen }) => (attempt, seen.revision.expect("it was just written")),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(attempts.iter().all(|attempt| *attempt == attempts[0]), "one transaction did it: {attempts:?}");

    let completions = attempts.iter().zip(0..).map(|((attempt, claimed), ordinal)| TaskChange::Complete {
        task: path(ordinal),
        done: DoneRecord {
            attempt: *attempt,
            last: 1,
            report: Digest::of(b"report"),
            report_bytes: 6,
            begun_at_ms: None,
        },
        claimed: *claimed,
    });
    let completed = apply(&*behind, &leadership, completions.collect()).await;
    assert!(completed.iter().all(|result| matches!(result, Ok(Changed::Completed))), "{completed:?}");
    let left = direct.list("jobs/").await.expect("direct").entries;
    assert!(left.len() == CHANGES_PER_TXN_MAX && left.iter().all(|entry| entry.key.contains("/done/")), "{left:?}");
}

#[tokio::test]
async fn session_and_watch_survive_a_killed_and_restarted_etcd() {
    let mut etcd = OwnEtcd::start(&[]).await;
    let store = support::store(&etcd.endpoint(), "/own/").await;
    let settings = LeaseSettings { ttl: Duration::from_secs(10), seed: 1 };
    let session = LeaseSession::open(Arc::clone(&store), settings).await.expect("a lease");
    let held = Txn::default().then([Op::put_leased("held", "1", session.lease())]);
    store.txn(held).await.expect("put");
    let start = put(&store, "w/0").await;
    let mut watch = store.watch("w/", start);
    let first = put(&store, "w/1").await;
    assert!(matches!(next(&mut watch).await, WatchEvent::Changed { revision, .. } if revision == first));

    etcd.kill().await;
    let down = store.get("held").await;
    assert!(matches!(&down, Err(error) if error.is_transient()), "{down:?}");
    etcd.restart().await;

    let second = loop {
        match store.txn(Txn::default().then([Op::put("w/2", "1")])).await {
            Ok(Outcome::Applied { revision }) => break revision,
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    assert!(second > first, "revisions go on after a restart");
    assert!(matches!(next(&mut watch).await, WatchEvent::Changed { .. }), "the watch resumed");
    tokio::time::sleep(settings.ttl).await;
    assert!(session.is_held(), "renewed after the restart");
    assert!(store.get("held").await.expect("up").is_some());
}

#[tokio::test]
async fn a_session_reports_loss_when_etcd_stays_away() {
    let mut etcd = OwnEtcd::start(&[]).await;
    let store = support::store(&etcd.endpoint(), "/own/").await;
    let settings = LeaseSettings { ttl: Duration::from_secs(3), seed: 1 };
    let session = LeaseSession::open(store, settings).await.expect("a lease");
    etcd.kill().await;
    let lost = tokio::time::timeout(settings.ttl, session.lost()).await;
    assert_eq!(lost.expect("before the TTL is over"), Loss::Silence);
    assert!(!session.is_held());
}

#[tokio::test]
async fn a_watch_that_missed_compacted_history_lists_anew() {
    let etcd = OwnEtcd::start(&[]).await;
    let proxy = Proxy::before(&etcd.endpoint()).await;
    let direct = support::store(&etcd.endpoint(), "/own/").await;
    let behind = support::store(&proxy.endpoint(), "/own/").await;
    let start = put(&direct, "w/0").await;
    let mut watch = behind.watch("w/", start);
    put(&direct, "w/1").await;
    assert!(matches!(next(&mut watch).await, WatchEvent::Changed { .. }));

    proxy.set(Network::Cut);
    put(&direct, "w/2").await;
    direct.txn(Txn::default().then([Op::delete("w/1")])).await.expect("deleted");
    let last = put(&direct, "w/3").await;
    support::compact(etcd.endpoint(), last).await;
    proxy.set(Network::Fine);

    match next(&mut watch).await {
        WatchEvent::Resync(listing) => {
            let keys: Vec<_> = listing.entries.iter().map(|entry| entry.key.as_str()).collect();
            assert_eq!(keys, ["w/0", "w/2", "w/3"]);
        }
        other => panic!("{other:?}"),
    }
    let after = put(&direct, "w/4").await;
    assert!(matches!(next(&mut watch).await, WatchEvent::Changed { revision, .. } if revision == after));
}

#[tokio::test]
async fn an_etcd_that_is_out_of_space_says_what_to_do() {
    let etcd = OwnEtcd::start(&["--quota-backend-bytes=16777216"]).await;
    let store = support::store(&etcd.endpoint(), "/own/").await;
    let large = vec![0_u8; 1 << 20];
    for _ in 0..64 {
        match store.txn(Txn::default().then([Op::put("fill", large.clone())])).await {
            Err(error @ MetaError::OutOfSpace) => {
                assert!(error.to_string().contains("etcdctl compact"));
                return;
            }
            other => drop(other.expect("until it is full")),
        }
    }
    panic!("16 MiB were never full");
}

/// Worst case: each open task has been claimed once before, and is claimed now.
#[tokio::test]
async fn the_most_open_tasks_fit_into_a_real_database() {
    let etcd = OwnEtcd::start(&[]).await;
    let store = support::store(&etcd.endpoint(), "/tailor/").await;
    let lease = store.grant(Duration::from_secs(600)).await.expect("a lease").id;
    let claim = ClaimRecord { attempt: 2, worker: lease, term: Term::drawn(u64::MAX) }.encode().expect("bounded");
    let attempts = AttemptsRecord { last: 2, ..AttemptsRecord::default() }.encode().expect("bounded");
    let txns: Vec<_> = (0..OPEN_TASKS_MAX as u32)
        .collect::<Vec<_>>()
        .chunks(STATE_TXN_OPS_MAX / 2)
        .map(|ordinals| {
            Txn::default().then(ordinals.iter().flat_map(|ordinal| {
                let job = "nightly-2026-11-21".parse().expect("a job name");
                let path = TaskPath { job, shard: ShardId::Shared(63), task: TaskId::map(*ordinal) };
                let put_claim = Op::put_leased(StateKey::Claim(path.clone(), 2), claim.clone(), lease);
                [put_claim, Op::put(StateKey::Attempts(path), attempts.clone())]
            }))
        })
        .collect();
    futures::stream::iter(txns)
        .map(|txn| store.txn(txn))
        .buffer_unordered(8)
        .try_for_each(|outcome| {
            assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
            std::future::ready(Ok(()))
        })
        .await
        .expect("written");
    let listed = store.list("jobs/").await.expect("listed").entries.len();
    assert_eq!(listed, 2 * OPEN_TASKS_MAX);
    let size = support::raw(&etcd.endpoint()).await.status().await.expect("status").db_size();
    assert!(size < STATE_BYTES_MAX as i64, "{OPEN_TASKS_MAX} open tasks make a database of {size} bytes");
}
