//! State that a leader leaves to the next one beside its jobs' tasks: orders to leave, warnings of planning; and a
//! state that is no longer the one that the leader read.

use super::*;

/// Replaces this leader by another one.
async fn succeed(cluster: &Cluster, leads: oneshot::Sender<()>) -> (Handle, oneshot::Sender<()>) {
    drop(leads);
    // The old leader resigns in its own time.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let led = cluster.lead().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    led
}

async fn drain(leader: &Handle, worker: &str) {
    let (worker, reason) = (worker.to_owned(), "old image".to_owned());
    leader.ask(|reply| Ask::Drain { worker, reason, reply }).await.expect("it lives");
}

/// Lists the names of orders, and whether their worker was lost.
async fn orders(leader: &Handle) -> Vec<(String, bool)> {
    let orders = leader.ask(|reply| Ask::DrainOrders { reply }).await.expect("it leads");
    orders.into_iter().map(|order| (order.name, order.lost)).collect()
}

/// Returns the reason that a worker is given for leaving.
async fn order_of(leader: &Handle, worker: &LeaseSession) -> Option<String> {
    leader.heartbeat(worker.lease(), &Beat::default()).await.expect("it knows the worker").drain
}

/// Counts the orders on record.
async fn on_record(cluster: &Cluster) -> usize {
    let entries = cluster.store.list(format::state_keys::DRAINS).await.expect("memory").entries;
    entries.iter().filter(|entry| matches!(entry.key.parse(), Ok(StateKey::Drain(_)))).count()
}

#[tokio::test(start_paused = true)]
async fn an_order_to_leave_outlives_its_leader_and_follows_its_name() {
    let cluster = Cluster::start().await;
    let (leader, leads) = cluster.lead().await;
    drain(&leader, "w0").await;
    assert_eq!(on_record(&cluster).await, 1, "once it is answered");

    let (leader, leads) = succeed(&cluster, leads).await;
    assert_eq!(orders(&leader).await, [("w0".to_owned(), false)]);
    assert_eq!(order_of(&leader, &cluster.worker).await.as_deref(), Some("old image"), "it is told again");

    // The worker's lease ends while nobody leads, and the worker comes back under the next leader.
    drop(leads);
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.store.revoke(cluster.worker.lease()).await.expect("memory");
    let (leader, leads) = cluster.lead().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(orders(&leader).await, [("w0".to_owned(), true)]);
    let again = join(&cluster.store).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(order_of(&leader, &again).await.as_deref(), Some("old image"));

    let (leader, leads) = succeed(&cluster, leads).await;
    assert_eq!(orders(&leader).await, [("w0".to_owned(), false)]);
    let (worker, reason) = ("w0".to_owned(), "it is the new image".to_owned());
    leader.ask(|reply| Ask::Undrain { worker, reason, reply }).await.expect("there is an order");
    assert_eq!(on_record(&cluster).await, 0, "once it is answered");
    assert_eq!(order_of(&leader, &again).await, None);
    let (leader, _leads) = succeed(&cluster, leads).await;
    assert_eq!((orders(&leader).await, order_of(&leader, &again).await), (Vec::new(), None));
}

/// Writes the record of a worker, which leaves if `draining` is set.
async fn register(cluster: &Cluster, worker: &LeaseSession, draining: Option<Text<128>>) {
    let key = String::from(StateKey::Worker(worker.lease()));
    let entry = cluster.store.get(&key).await.expect("memory").expect("it is registered");
    let record = WorkerRecord { draining, ..entry.record().expect("a worker's") };
    let put = Op::put_leased(key, record.encode().expect("small"), worker.lease());
    cluster.store.txn(Txn::when([]).then([put])).await.expect("memory");
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_carried_out_is_removed_whoever_leads_then() {
    for leaves_under in ["the leader that told it", "nobody"] {
        let cluster = Cluster::start().await;
        let (leader, leads) = cluster.lead().await;
        drain(&leader, "w0").await;
        register(&cluster, &cluster.worker, Some(Text::cut("old image"))).await;
        if leaves_under == "nobody" {
            drop(leads);
            tokio::time::sleep(Duration::from_secs(1)).await;
            cluster.store.revoke(cluster.worker.lease()).await.expect("memory");
            let (_leader, _leads) = cluster.lead().await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(on_record(&cluster).await, 0, "{leaves_under}");
        } else {
            cluster.store.revoke(cluster.worker.lease()).await.expect("memory");
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!((on_record(&cluster).await, orders(&leader).await), (0, Vec::new()), "{leaves_under}");
            let new = join(&cluster.store).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(order_of(&leader, &new).await, None, "a new one of that name works");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_leaves_by_heartbeat_is_not_lost_though_its_record_is_late() {
    let cluster = Cluster::start().await;
    let (leader, _leads) = cluster.lead().await;
    drain(&leader, "w0").await;
    let beat = Beat { draining: Some("old image".to_owned()), ..Beat::default() };
    leader.heartbeat(cluster.worker.lease(), &beat).await.expect("it leads");
    cluster.store.revoke(cluster.worker.lease()).await.expect("memory");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((on_record(&cluster).await, orders(&leader).await), (0, Vec::new()), "it is carried out");
}

#[tokio::test(start_paused = true)]
async fn what_planning_warned_of_is_in_the_record_whoever_led_then() {
    let cluster = Cluster::start().await;
    std::fs::write(cluster.folder.path().join("in/loose.seg"), "of no shard").expect("a file");
    let (leader, leads) = cluster.lead().await;
    cluster.submit(&leader).await;
    assert!(cluster.claim(&leader).await.is_some());
    let (_, leads) = succeed(&cluster, leads).await;
    let (leader, _leads) = succeed(&cluster, leads).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    cluster.cancel(&leader).await.expect("it runs");
    let record = cluster.ended(&leader).await;
    assert!(record.warnings.iter().any(|warning| warning.contains("loose.seg")), "{:?}", record.warnings);
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_state_was_restored_steps_down_and_the_next_runs_what_is_there() {
    let store = MemoryStore::default();
    let cluster = Cluster::on(Arc::new(store.clone())).await;
    let (leader, _leads) = cluster.lead().await;
    cluster.submit(&leader).await;
    assert!(cluster.claim(&leader).await.is_some(), "its plan is on record");
    let backup = store.backup();
    cluster.cancel(&leader).await.expect("it runs");
    cluster.ended(&leader).await;
    // The leader's lease and office are in the backup, so nothing else tells the leader.
    store.restore(Some(&backup));
    for _ in 0..100 {
        if leader.is_closed() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(leader.is_closed(), "what it knows is gone");
    let (next, _leads) = cluster.lead().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(cluster.view(&next).await.is_some(), "what was open in the backup is open again");
}
