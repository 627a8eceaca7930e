use crate::meta::faulty::{Faults, FaultyStore};
use crate::meta::memory::MemoryStore;
use crate::meta::{Op, Txn};

use super::*;

const SETTINGS: LeaseSettings = LeaseSettings { ttl: Duration::from_secs(10), seed: 7 };

struct Cluster {
    memory: MemoryStore,
    network: Arc<FaultyStore>,
    session: LeaseSession,
}

async fn cluster(faults: Faults) -> Cluster {
    let memory = MemoryStore::new();
    let network = Arc::new(FaultyStore::new(Arc::new(memory.clone()), faults, 3));
    let session = loop {
        if let Ok(session) = LeaseSession::open(network.clone(), SETTINGS).await {
            break session;
        }
    };
    memory.txn(Txn::default().then([Op::put_leased("a", "1", session.lease())])).await.expect("put");
    Cluster { memory, network, session }
}

impl Cluster {
    async fn has_key(&self) -> bool {
        self.memory.get("a").await.expect("memory").is_some()
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_lives_on_while_it_renews() {
    let cluster = cluster(Faults::default()).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(cluster.session.is_held() && cluster.has_key().await);
}

#[tokio::test(start_paused = true)]
async fn a_session_survives_a_network_that_loses_a_third_of_everything() {
    let faults = Faults { lose_request: 0.2, lose_response: 0.15, delay_max: Duration::from_millis(200) };
    let cluster = cluster(faults).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(cluster.session.is_held() && cluster.has_key().await);
}

#[tokio::test(start_paused = true)]
async fn a_cut_off_worker_stops_before_its_lease_ends() {
    let cluster = cluster(Faults::default()).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    cluster.network.cut(true);
    let cut_at = Instant::now();
    assert_eq!(cluster.session.lost().await, Loss::Silence);
    assert!(cut_at.elapsed() <= trusted(SETTINGS.ttl));
    assert!(cluster.has_key().await, "the worker stops first");
    assert!(!cluster.session.is_held());
    tokio::time::sleep(SETTINGS.ttl).await;
    assert!(!cluster.has_key().await, "then the store gives its tasks to others");
    cluster.network.cut(false);
    tokio::time::sleep(SETTINGS.ttl).await;
    assert!(!cluster.session.is_held(), "what is lost stays lost");
}

#[tokio::test(start_paused = true)]
async fn a_cut_shorter_than_the_deadline_goes_unnoticed() {
    let cluster = cluster(Faults::default()).await;
    for _ in 0..20 {
        cluster.network.cut(true);
        tokio::time::sleep(SETTINGS.ttl * 2 / 5).await;
        cluster.network.cut(false);
        tokio::time::sleep(SETTINGS.ttl / 2).await;
    }
    assert!(cluster.session.is_held() && cluster.has_key().await);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ends_early_is_noticed_at_the_next_renewal() {
    let cluster = cluster(Faults::default()).await;
    cluster.memory.revoke(cluster.session.lease()).await.expect("memory");
    let revoked_at = Instant::now();
    assert_eq!(cluster.session.lost().await, Loss::Ended);
    assert!(revoked_at.elapsed() <= SETTINGS.ttl / 3);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_process_knows_before_anything_else_ran() {
    let cluster = cluster(Faults::default()).await;
    // The clock moves on, but no task has run since.
    tokio::time::advance(trusted(SETTINGS.ttl)).await;
    assert!(!cluster.session.is_held());
}

#[tokio::test(start_paused = true)]
async fn closing_gives_everything_back_at_once() {
    let Cluster { memory, session, .. } = cluster(Faults::default()).await;
    session.close().await.expect("memory");
    assert_eq!(memory.get("a").await.expect("memory"), None);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_session_ends_with_its_ttl() {
    let Cluster { memory, session, .. } = cluster(Faults::default()).await;
    drop(session);
    tokio::time::sleep(SETTINGS.ttl).await;
    assert_eq!(memory.get("a").await.expect("memory"), None);
}
