use std::sync::Arc;
use std::time::Duration;

use format::state_records::Text;

use crate::meta::faulty::{Faults, FaultyStore};
use crate::meta::{LeaseSettings, MemoryStore, Outcome};

use super::*;

fn named(name: &str) -> Candidate {
    Candidate { replica: Text::cut(name), address: Text::cut("http://10.0.0.1:7070") }
}

async fn session(store: &Arc<dyn MetaStore>, seed: u64) -> LeaseSession {
    LeaseSession::open(Arc::clone(store), LeaseSettings::seeded(seed)).await.expect("a lease")
}

fn term(random: u64) -> Term {
    Term::drawn(random << 2)
}

fn memory() -> Arc<dyn MetaStore> {
    Arc::new(MemoryStore::new())
}

/// A write that only the leader may do.
async fn writes(store: &dyn MetaStore, leadership: &Leadership) -> bool {
    let txn = Txn::when(leadership.holds()).then([Op::put("x", "1")]);
    matches!(store.txn(txn).await, Ok(Outcome::Applied { .. }))
}

#[tokio::test(start_paused = true)]
async fn the_next_leads_when_the_first_resigns_and_has_a_larger_token() {
    let store = memory();
    let (one, two) = (session(&store, 1).await, session(&store, 2).await);
    let first = campaign(&*store, &one, &named("one"), term(1)).await.expect("elected");
    let me = named("two");
    let mut waiting = Box::pin(campaign(&*store, &two, &me, term(2)));
    let waited = tokio::time::timeout(Duration::from_secs(60), &mut waiting).await;
    assert!(waited.is_err(), "one leader at a time");
    resign(&*store, &first).await.expect("resigned");
    let second = waiting.await.expect("elected");
    assert!(second.revision() > first.revision());
    assert!(!writes(&*store, &first).await && writes(&*store, &second).await);
    resign(&*store, &first).await.expect("resigning twice changes nothing");
    assert!(writes(&*store, &second).await);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_vanished_is_succeeded_when_its_lease_ends() {
    let store = memory();
    let (one, two) = (session(&store, 1).await, session(&store, 2).await);
    let first = campaign(&*store, &one, &named("one"), term(1)).await.expect("elected");
    drop(one);
    let second = campaign(&*store, &two, &named("two"), term(2)).await.expect("elected");
    assert!(!writes(&*store, &first).await && writes(&*store, &second).await);
}

#[tokio::test(start_paused = true)]
async fn an_election_whose_answers_are_lost_is_found_out() {
    for seed in 0..50 {
        let inner = memory();
        let one = session(&inner, seed).await;
        let faults = Faults { lose_request: 0.3, lose_response: 0.3, ..Faults::default() };
        let store = FaultyStore::new(Arc::clone(&inner), faults, seed);
        let leadership = campaign(&store, &one, &named("one"), term(1)).await.expect("elected");
        assert!(writes(&*inner, &leadership).await, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_candidate_whose_session_is_lost_stops_waiting() {
    let store = memory();
    let (one, two) = (session(&store, 1).await, session(&store, 2).await);
    campaign(&*store, &one, &named("one"), term(1)).await.expect("elected");
    store.revoke(two.lease()).await.expect("revoked");
    let ended = campaign(&*store, &two, &named("two"), term(2)).await;
    assert!(matches!(ended, Err(MetaError::LeaseGone { .. })));
}

#[tokio::test(start_paused = true)]
async fn observers_see_who_leads_and_when_nobody_does() {
    let store = memory();
    let mut seen = Box::pin(observe(&*store).await.expect("memory"));
    let mut next = async || seen.next().await.expect("no end").expect("memory").map(|l| l.record.replica.to_string());
    assert_eq!(next().await, None);
    let one = session(&store, 1).await;
    let leadership = campaign(&*store, &one, &named("one"), term(1)).await.expect("elected");
    assert_eq!(next().await.as_deref(), Some("one"));
    resign(&*store, &leadership).await.expect("resigned");
    assert_eq!(next().await, None);
}

/// The standby's lease lives in the backup, so only the election itself can tell it that the leader is gone.
#[tokio::test(start_paused = true)]
async fn a_standby_stands_after_the_store_was_restored_to_an_earlier_leader() {
    let inner = MemoryStore::new();
    let store: Arc<dyn MetaStore> = Arc::new(inner.clone());
    let (one, two) = (session(&store, 1).await, session(&store, 2).await);
    let first = campaign(&*store, &one, &named("one"), term(1)).await.expect("elected");
    let backup = inner.backup();
    resign(&*store, &first).await.expect("resigned");
    drop(one);
    let three = session(&store, 3).await;
    for _ in 0..20 {
        store.txn(Txn::default().then([Op::put("x", "1")])).await.expect("memory");
    }
    let second = campaign(&*store, &three, &named("three"), term(3)).await.expect("elected");
    let me = named("two");
    let mut waiting = Box::pin(campaign(&*store, &two, &me, term(2)));
    assert!(tokio::time::timeout(Duration::from_secs(60), &mut waiting).await.is_err(), "one leader at a time");
    inner.restore(Some(&backup));
    let elected = tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("in time").expect("elected");
    assert!(writes(&*store, &elected).await && !writes(&*store, &second).await);
}

/// A restored store hands the create revision of the deposed leader's key out a second time.
#[tokio::test(start_paused = true)]
async fn a_leader_of_a_lost_history_is_refused_though_its_revision_came_again() {
    let inner = MemoryStore::new();
    let store: Arc<dyn MetaStore> = Arc::new(inner.clone());
    let (one, two) = (session(&store, 1).await, session(&store, 2).await);
    let backup = inner.backup();
    let lost = campaign(&*store, &one, &named("one"), term(1)).await.expect("elected");
    inner.restore(Some(&backup));
    let restored = campaign(&*store, &two, &named("two"), term(2)).await.expect("elected");
    assert_eq!(restored.revision(), lost.revision(), "the case that this is about");
    assert!(!writes(&*store, &lost).await && writes(&*store, &restored).await);
    resign(&*store, &lost).await.expect("changes nothing");
    assert!(writes(&*store, &restored).await);
}

/// The resignation was lost, and the session lives: the next term begins with the key of the last.
#[tokio::test(start_paused = true)]
async fn a_candidate_whose_own_earlier_office_was_not_given_up_leads_in_its_new_term() {
    let store = memory();
    let one = session(&store, 1).await;
    let first = campaign(&*store, &one, &named("one"), term(1)).await.expect("elected");
    let second = campaign(&*store, &one, &named("one"), term(2)).await.expect("elected again");
    assert!(second.revision() > first.revision());
    assert!(!writes(&*store, &first).await && writes(&*store, &second).await);
}

/// Watch that reports nothing: its history is one that the store no longer has.
#[derive(Debug)]
struct Deaf(MemoryStore);

#[async_trait::async_trait]
impl MetaStore for Deaf {
    async fn get(&self, key: &str) -> Result<Option<Entry>, MetaError> {
        self.0.get(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Listing, MetaError> {
        self.0.list(prefix).await
    }

    async fn txn(&self, txn: Txn) -> Result<Outcome, MetaError> {
        self.0.txn(txn).await
    }

    async fn grant(&self, ttl: Duration) -> Result<crate::meta::Lease, MetaError> {
        self.0.grant(ttl).await
    }

    async fn keep_alive(&self, lease: model::LeaseId) -> Result<(), MetaError> {
        self.0.keep_alive(lease).await
    }

    async fn revoke(&self, lease: model::LeaseId) -> Result<(), MetaError> {
        self.0.revoke(lease).await
    }

    fn watch(&self, _prefix: &str, _after: Revision) -> crate::meta::Watch {
        stream::pending().boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_candidate_reads_who_leads_though_its_watch_is_silent() {
    let store: Arc<dyn MetaStore> = Arc::new(Deaf(MemoryStore::new()));
    let (one, two) = (session(&store, 1).await, session(&store, 2).await);
    let first = campaign(&*store, &one, &named("one"), term(1)).await.expect("elected");
    let me = named("two");
    let mut waiting = Box::pin(campaign(&*store, &two, &me, term(2)));
    assert!(tokio::time::timeout(Duration::from_secs(60), &mut waiting).await.is_err(), "one leader at a time");
    resign(&*store, &first).await.expect("resigned");
    let elected = tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("in time").expect("elected");
    assert!(writes(&*store, &elected).await);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_starts_anew_repeats_its_revisions_and_no_token() {
    let tokens = async |drawn| {
        let store = memory();
        let session = session(&store, 1).await;
        let leadership = campaign(&*store, &session, &named("one"), term(drawn)).await.expect("elected");
        (leadership.revision(), leadership.token(), leadership.id().to_string())
    };
    let (before, after) = (tokens(1).await, tokens(2).await);
    assert_eq!(before.0, after.0);
    assert!(before.1 != after.1 && before.2 != after.2, "{before:?} {after:?}");
}
