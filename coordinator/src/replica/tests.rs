//! Replica whose store hangs, and the answers to probes and callers meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use model::LeaseId;
use storage::meta::{Entry, Lease, Listing, MemoryStore, Outcome, Revision, Txn, Watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;

const TTL: Duration = Duration::from_secs(5);
/// Time that a call of etcd takes to fail.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Store whose calls never return while it hangs.
#[derive(Debug)]
struct Hanging {
    inner: MemoryStore,
    hangs: AtomicBool,
}

impl Hanging {
    async fn wait(&self, operation: &'static str) -> Result<(), MetaError> {
        if !self.hangs.load(Ordering::Relaxed) {
            return Ok(());
        }
        tokio::time::sleep(CALL_TIMEOUT).await;
        Err(MetaError::Unavailable { operation, object: "a key".to_owned(), source: "it hangs".into() })
    }
}

#[async_trait]
impl MetaStore for Hanging {
    async fn get(&self, key: &str) -> Result<Option<Entry>, MetaError> {
        self.wait("read").await?;
        self.inner.get(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Listing, MetaError> {
        self.wait("list").await?;
        self.inner.list(prefix).await
    }

    async fn txn(&self, txn: Txn) -> Result<Outcome, MetaError> {
        match self.wait("change").await {
            Ok(()) => self.inner.txn(txn).await,
            Err(cause) => Ok(Outcome::Unknown { cause }),
        }
    }

    async fn grant(&self, ttl: Duration) -> Result<Lease, MetaError> {
        self.wait("grant").await?;
        self.inner.grant(ttl).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<(), MetaError> {
        self.wait("renew").await?;
        self.inner.keep_alive(lease).await
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), MetaError> {
        self.wait("revoke").await?;
        self.inner.revoke(lease).await
    }

    fn watch(&self, prefix: &str, after: Revision) -> Watch {
        self.inner.watch(prefix, after)
    }
}

/// Replica that leads a cluster.
struct Running {
    store: Arc<Hanging>,
    roles: watch::Receiver<Role>,
    states: watch::Receiver<Result<(), String>>,
    replica: JoinHandle<()>,
}

async fn lead() -> Running {
    let store = Arc::new(Hanging { inner: MemoryStore::new(), hangs: AtomicBool::new(false) });
    let (role, mut roles) = watch::channel(Role::Follower { leader: String::new() });
    let (state, states) = watch::channel(Ok(()));
    let replica = Replica {
        settings: Arc::new(LeaderSettings::default()),
        lease: LeaseSettings { ttl: TTL, seed: 1 },
        store: Arc::clone(&store) as Arc<dyn MetaStore>,
        env: Env::real(),
        role,
        elected: Arc::default(),
        state,
    };
    let replica = tokio::spawn(replica.run(std::future::pending()));
    roles.wait_for(|role| matches!(role, Role::Leader(_))).await.expect("it runs");
    Running { store, roles, states, replica }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_lost_its_lease_is_unready_at_once_and_stands_again() {
    let Running { store, mut roles, mut states, replica } = lead().await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(states.borrow_and_update().is_ok());

    store.hangs.store(true, Ordering::Relaxed);
    let hung_at = Instant::now();
    let unready = states.wait_for(Result::is_err).await.expect("it runs").clone();
    assert!(unready.as_ref().is_err_and(|reason| reason.contains("lease")), "{unready:?}");
    assert!(hung_at.elapsed() <= TTL, "told after {:?}", hung_at.elapsed());

    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(states.borrow().is_err(), "there is no lease all the time");
    store.hangs.store(false, Ordering::Relaxed);
    let well_at = Instant::now();
    roles.wait_for(|role| matches!(role, Role::Leader(_))).await.expect("it runs");
    assert!(states.borrow().is_ok());
    assert!(well_at.elapsed() <= 2 * CALL_TIMEOUT, "led after {:?}", well_at.elapsed());
    replica.abort();
}

#[tokio::test(start_paused = true)]
async fn an_office_is_given_up_within_a_second_once_its_lease_is_lost() {
    let Running { store, roles: _, mut states, replica } = lead().await;
    store.hangs.store(true, Ordering::Relaxed);
    let lost = states.wait_for(Result::is_err).await.expect("it runs").clone();
    let lost_at = Instant::now();
    // The next report belongs to the next lease, whose request takes a call's whole timeout.
    states.wait_for(|state| *state != lost).await.expect("it runs");
    let limit = 2 * LEAVE_LOST_MAX + PAUSE + CALL_TIMEOUT + Duration::from_millis(100);
    assert!(lost_at.elapsed() <= limit, "asked for another lease after {:?}", lost_at.elapsed());
    replica.abort();
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_was_replaced_unnoticed_names_its_successor() {
    let Running { store, mut roles, states: _, replica } = lead().await;
    let ours = store.inner.list("").await.expect("memory").entries.into_iter().find_map(|entry| entry.lease);
    store.inner.revoke(ours.expect("the office hangs on a lease")).await.expect("memory");
    let state: Arc<dyn MetaStore> = Arc::new(store.inner.clone());
    let session = LeaseSession::open(Arc::clone(&state), LeaseSettings { ttl: TTL, seed: 2 }).await.expect("memory");
    let other = Candidate { replica: Text::cut("other"), address: Text::cut("http://other:7070") };
    election::campaign(&*state, &session, &other, Term::drawn(2)).await.expect("the office is vacant");
    assert!(matches!(&*roles.borrow(), Role::Leader(_)), "it has not noticed yet");

    let follows = roles.wait_for(|role| matches!(role, Role::Follower { .. })).await.expect("it runs").clone();
    assert!(matches!(&follows, Role::Follower { leader } if leader == "http://other:7070"), "{follows:?}");
    replica.abort();
}
