//! Faults of one of three members: leases at their default TTLs, writes and watches must go on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use storage::meta::{
    Change, Compare, EtcdSettings, EtcdStore, LeaseSession, LeaseSettings, MetaStore, Op, Settled, Txn, Watch,
    WatchEvent, settle,
};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::support::{self, Network, Proxy};

/// TTLs of a worker's and a coordinator's lease.
const TTLS: [Duration; 2] = [Duration::from_secs(12), Duration::from_secs(5)];

/// Duration of a fault, longer than every lease.
const FAULT: Duration = Duration::from_secs(15);

/// Longest time of one write while a follower fails: patience, comparison, and the read that settles the outcome.
const WRITE_MAX: Duration = Duration::from_secs(4);

/// Longest time of one write while the leader fails: etcd elects another first, in 1 to 2 s, during which all members
/// are silent.
const WRITE_MAX_ELECTION: Duration = Duration::from_secs(8);

/// Clients as a cluster of Tailor uses them: one per member, which asks that member first. Each holds leases, writes
/// and watches.
struct Clients {
    stores: Vec<Arc<dyn MetaStore>>,
    sessions: Vec<LeaseSession>,
    watches: Vec<Watch>,
    told: Vec<BTreeMap<String, u32>>,
    written: u32,
}

impl Clients {
    /// Creates clients with the default timeouts, unlike the other tests.
    async fn of(endpoints: &[String]) -> Self {
        let mut clients =
            Self { stores: vec![], sessions: vec![], watches: vec![], told: vec![BTreeMap::new(); 3], written: 0 };
        for first in 0..3 {
            let settings = EtcdSettings { first, ..EtcdSettings::of(endpoints) };
            let store: Arc<dyn MetaStore> = Arc::new(EtcdStore::connect(&settings).await.expect("settings"));
            for ttl in TTLS {
                let settings = LeaseSettings { ttl, seed: first as u64 };
                clients.sessions.push(LeaseSession::open(Arc::clone(&store), settings).await.expect("a lease"));
            }
            let listing = store.list("w/").await.expect("listed");
            clients.watches.push(store.watch("w/", listing.revision));
            clients.stores.push(store);
        }
        clients.write(Duration::from_secs(1)).await;
        clients
    }

    /// Writes one key after another for `time`, by each store in turn; returns the longest time of a write.
    async fn write(&mut self, time: Duration) -> Duration {
        let (began, mut longest) = (Instant::now(), Duration::ZERO);
        while began.elapsed() < time {
            for store in &self.stores {
                let key = format!("w/{}", self.written);
                let txn = Txn::when([Compare::absent(&key)]).then([Op::put(&key, "1")]);
                let sent_at = Instant::now();
                let settled = settle(&**store, txn, &key, |entry| entry.map(|entry| entry.create_revision)).await;
                assert!(matches!(settled, Ok(Settled::Applied { .. })), "{key}: {settled:?}");
                longest = longest.max(sent_at.elapsed());
                self.written += 1;
            }
        }
        longest
    }

    /// Checks that all sessions live, and that each watch has reported each key once.
    async fn check(&mut self) {
        for (place, session) in self.sessions.iter().enumerate() {
            assert!(session.is_held(), "session {place} was lost");
        }
        for (watch, told) in self.watches.iter_mut().zip(&mut self.told) {
            while told.len() < self.written as usize {
                let WatchEvent::Changed { changes, .. } = support::next(watch).await else {
                    panic!("nothing is compacted")
                };
                for change in changes {
                    assert!(matches!(change, Change::Put(_)), "{change:?}");
                    *told.entry(change.key().to_owned()).or_default() += 1;
                }
            }
            assert!(told.values().all(|times| *times == 1), "told twice: {told:?}");
        }
    }

    /// Writes while the fault lasts, and checks.
    async fn bear(&mut self, longest_max: Duration) {
        let longest = self.write(FAULT).await;
        self.check().await;
        assert!(longest < longest_max, "one write took {longest:?}");
    }
}

#[tokio::test]
async fn a_frozen_follower_costs_no_lease_and_no_watch() {
    let cluster = Cluster::start().await;
    let mut clients = Clients::of(&cluster.endpoints()).await;
    let (_, follower) = cluster.leader_and_follower().await;
    cluster.signal(follower, "STOP").await;
    clients.bear(WRITE_MAX).await;
    cluster.signal(follower, "CONT").await;
    clients.write(Duration::from_secs(2)).await;
    clients.check().await;
}

#[tokio::test]
async fn a_frozen_leader_costs_no_lease_and_no_watch() {
    let cluster = Cluster::start().await;
    let mut clients = Clients::of(&cluster.endpoints()).await;
    let (leader, _) = cluster.leader_and_follower().await;
    cluster.signal(leader, "STOP").await;
    clients.bear(WRITE_MAX_ELECTION).await;
    cluster.signal(leader, "CONT").await;
    clients.write(Duration::from_secs(2)).await;
    clients.check().await;
}

#[tokio::test]
async fn each_member_may_be_killed_in_turn() {
    let mut cluster = Cluster::start().await;
    let mut clients = Clients::of(&cluster.endpoints()).await;
    for member in 0..3 {
        cluster.kill(member).await;
        clients.bear(WRITE_MAX_ELECTION).await;
        cluster.restart(member).await;
    }
}

#[tokio::test]
async fn a_replaced_member_is_used_under_its_old_address() {
    let mut cluster = Cluster::start().await;
    let mut clients = Clients::of(&cluster.endpoints()).await;
    let (_, follower) = cluster.leader_and_follower().await;
    cluster.kill(follower).await;
    let replaced = cluster.replace(follower);
    let (longest, ()) = tokio::join!(clients.write(FAULT), replaced);
    clients.check().await;
    assert!(longest < WRITE_MAX_ELECTION, "one write took {longest:?}");
    // The two remaining old members are not a quorum without the new one.
    cluster.kill((follower + 1) % 3).await;
    clients.bear(WRITE_MAX_ELECTION).await;
}

#[tokio::test]
async fn a_member_that_is_cut_off_or_slow_costs_no_lease_and_no_watch() {
    let cluster = Cluster::start().await;
    let mut proxies = Vec::new();
    for endpoint in cluster.endpoints() {
        proxies.push(Proxy::before(&endpoint).await);
    }
    let mut clients = Clients::of(&proxies.iter().map(Proxy::endpoint).collect::<Vec<_>>()).await;
    for (proxy, network) in proxies.iter().zip([Network::Hangs, Network::Cut, Network::Slow]) {
        proxy.set(network);
        clients.bear(WRITE_MAX).await;
        proxy.set(Network::Fine);
    }
}

/// A put-aside endpoint comes back: when the two others are cut off from this client, it alone must answer. The
/// others keep running, because it could not answer without a quorum.
#[tokio::test]
async fn an_endpoint_that_is_well_again_is_used_again() {
    let cluster = Cluster::start().await;
    let mut proxies = Vec::new();
    for endpoint in cluster.endpoints() {
        proxies.push(Proxy::before(&endpoint).await);
    }
    let endpoints = proxies.iter().map(Proxy::endpoint);
    let store = EtcdStore::connect(&EtcdSettings::of(endpoints)).await.expect("settings");
    store.get("a").await.expect("up");
    for well in [1, 2, 0] {
        for (place, proxy) in proxies.iter().enumerate() {
            proxy.set(if place == well { Network::Fine } else { Network::Hangs });
        }
        let asked_at = Instant::now();
        while let Err(error) = store.get("a").await {
            assert!(error.is_transient() && asked_at.elapsed() < Duration::from_secs(20), "{error:?}");
        }
    }
}
