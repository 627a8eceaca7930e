//! Users of an etcd that asks for them: the least role of a worker and of a coordinator, as SECURITY.md gives them.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Client, Permission, PermissionType};
use format::state_keys::{StateKey, WORKERS};
use format::state_records::{ClaimRecord, StateRecord as _};
use futures::StreamExt as _;
use model::{LeaseId, Term};
use storage::meta::{Compare, EtcdStore, EtcdUser, MetaError, MetaStore, Op, Outcome, Revision, Txn};

use crate::support::{self, OwnEtcd};
use crate::{put, task};

/// Adds a user whose only role may read and write the keys below `prefix`.
async fn add_user(raw: &mut Client, name: &str, prefix: &str) {
    raw.role_add(name).await.expect("a role");
    let keys = Permission::new(PermissionType::Readwrite, prefix).with_prefix();
    raw.role_grant_permission(name, keys).await.expect("granted");
    raw.user_add(name, "pass", None).await.expect("a user");
    raw.user_grant_role(name, name).await.expect("granted");
}

/// Begins to ask for users, of which root may do anything.
async fn enable(raw: &mut Client) {
    raw.user_add("root", "secret", None).await.expect("root");
    raw.user_grant_role("root", "root").await.expect("root");
    raw.auth_enable().await.expect("enabled");
}

async fn connect(etcd: &OwnEtcd, name: &str, password: &str, namespace: &str) -> Result<EtcdStore, MetaError> {
    let user = EtcdUser { name: name.to_owned(), password: password.to_owned() };
    let settings = support::settings(&etcd.endpoint(), namespace);
    EtcdStore::connect(&storage::meta::EtcdSettings { user: Some(user), ..settings }).await
}

#[tokio::test]
async fn a_user_is_asked_for_and_held_to_its_keys() {
    let etcd = OwnEtcd::start(&[]).await;
    let mut raw = support::raw(&etcd.endpoint()).await;
    add_user(&mut raw, "tailor", "/own/").await;
    enable(&mut raw).await;

    let ours: Arc<dyn MetaStore> = Arc::new(connect(&etcd, "tailor", "pass", "/own/").await.expect("a user"));
    put(&ours, "a").await;
    let wrong = connect(&etcd, "tailor", "wrong", "/own/").await;
    assert!(matches!(wrong, Err(MetaError::NotAllowed { .. })), "{wrong:?}");
    let elsewhere = connect(&etcd, "tailor", "pass", "/other/").await.expect("a user");
    assert!(matches!(elsewhere.get("a").await, Err(MetaError::NotAllowed { .. })));
    let watched = elsewhere.watch("", Revision(0)).next().await;
    assert!(matches!(watched, Some(Err(MetaError::NotAllowed { .. }))), "{watched:?}");
    let nobody = support::store(&etcd.endpoint(), "/own/").await;
    let refused = nobody.txn(Txn::default().then([Op::put("a", "1")])).await;
    assert!(matches!(refused, Err(MetaError::NotAllowed { .. })), "{refused:?}");
}

/// Writes `ops` if `key` is as `revision` says; returns true if it was applied.
async fn change(store: &dyn MetaStore, ops: Vec<Op>) -> Result<bool, MetaError> {
    store.txn(Txn::default().then(ops)).await.map(|outcome| matches!(outcome, Outcome::Applied { .. }))
}

#[tokio::test]
async fn a_workers_user_keeps_its_record_and_can_write_none_of_the_leaders_keys() {
    let etcd = OwnEtcd::start(&[]).await;
    let mut raw = support::raw(&etcd.endpoint()).await;
    add_user(&mut raw, "tailor-coordinator", "/tailor/").await;
    add_user(&mut raw, "tailor-worker", &format!("/tailor/{WORKERS}")).await;
    enable(&mut raw).await;
    let leader = connect(&etcd, "tailor-coordinator", "pass", "/tailor/").await.expect("a user");
    let worker = connect(&etcd, "tailor-worker", "pass", "/tailor/").await.expect("a user");

    // The worker registers on a lease of its own, the leader grants it a task on that lease, the worker drains.
    let lease = worker.grant(Duration::from_secs(60)).await.expect("a lease").id;
    let record = |text: &str| Op::put_leased(StateKey::Worker(lease), text.to_owned(), lease);
    assert!(change(&worker, vec![record("active")]).await.expect("its own record"));
    let claim = ClaimRecord { attempt: 1, worker: lease, term: Term::drawn(7) }.encode().expect("bounded");
    let claim_key = StateKey::Claim(task(), 1);
    assert!(change(&leader, vec![Op::put_leased(claim_key.clone(), claim, lease)]).await.expect("a claim"));
    assert!(change(&worker, vec![record("draining")]).await.expect("its own record, beside a claim on its lease"));
    worker.keep_alive(lease).await.expect("its own lease");
    assert_eq!(leader.list(WORKERS).await.expect("the leader sees it").entries.len(), 1);

    // None of the leader's keys can be written, removed or read, also not beside a key that is the worker's.
    let leaders = ["leader", "format", "drains/serial", "datasets/x", "jobs/nightly/head", "jobs/nightly/x", "later"];
    for key in leaders.into_iter().map(str::to_owned).chain([claim_key.to_string()]) {
        for ops in [
            vec![Op::put(key.clone(), "forged")],
            vec![Op::delete(key.clone())],
            vec![record("active"), Op::put(key.clone(), "forged")],
            vec![Op::put_leased(key.clone(), "forged".to_owned(), lease)],
        ] {
            let refused = change(&worker, ops.clone()).await;
            assert!(matches!(refused, Err(MetaError::NotAllowed { .. })), "{key} {ops:?}: {refused:?}");
        }
        assert!(matches!(worker.get(&key).await, Err(MetaError::NotAllowed { .. })), "{key}");
        let compared = Txn::when([Compare::absent(key.clone())]).then([record("active")]);
        let refused = worker.txn(compared).await;
        assert!(matches!(refused, Err(MetaError::NotAllowed { .. })), "a comparison tells of {key}: {refused:?}");
    }
    assert!(matches!(worker.list("jobs/").await, Err(MetaError::NotAllowed { .. })));
    let claims = leader.list("jobs/").await.expect("the leader's own").entries;
    assert_eq!(claims.len(), 1, "the claim stands");
    // The lease of somebody else's keys cannot be ended; a worker's ends with its time, or with its last claim.
    let theirs = leader.grant(Duration::from_secs(60)).await.expect("a lease").id;
    assert!(change(&leader, vec![Op::put_leased("leader", "c0".to_owned(), theirs)]).await.expect("its own"));
    worker.revoke(theirs).await.expect_err("the leader's office hangs on it");
    assert!(leader.get("leader").await.expect("readable").is_some());
    assert!(change(&leader, vec![Op::delete(claim_key)]).await.expect("the task is over"));
    worker.revoke(lease).await.expect("nothing of others hangs on it");
    assert!(leader.list(WORKERS).await.expect("the leader sees it").entries.is_empty());
    assert_ne!(lease, LeaseId(0));
}
