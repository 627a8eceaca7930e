//! Jobs of many shards, all of them empty. Empty shards commit at once, which gives a leader the most to do.

use model::{OrgId, ShardId};

use super::slow::Slow;
use super::*;
use crate::leader::commits::COMMITS_AT_ONCE;
use crate::leader::ends::ENDS_AT_ONCE;

const SHARDS: u64 = 400;

async fn submit_empty(cluster: &Cluster, handle: &Handle) {
    let shards = (0..SHARDS).map(|org| ShardId::Dedicated(OrgId(1000 + org))).collect();
    let spec = Box::new(JobSpec { shards, ..cluster.spec() });
    handle.ask(|reply| Ask::Submit { spec, trace: None, reply }).await.expect("a job that can be planned");
}

/// Counts the shards that are done, and those that are cancelled.
fn ends(record: &JobReport) -> (usize, usize) {
    let count = |state| record.shards.iter().filter(|shard| shard.state == state).count();
    (count(crate::ShardState::Done), count(crate::ShardState::Cancelled))
}

#[tokio::test(start_paused = true)]
async fn a_job_of_many_empty_shards_ends_with_few_changes_under_way_at_once() {
    let store = Arc::new(Slow::new(Duration::from_millis(5)));
    let cluster = Cluster::on(Arc::<Slow>::clone(&store)).await;
    let (leader, _leads) = cluster.lead().await;
    submit_empty(&cluster, &leader).await;
    let record = cluster.ended(&leader).await;
    assert_eq!(ends(&record), (SHARDS as usize, 0));
    let most = store.most();
    assert!(most <= COMMITS_AT_ONCE + ENDS_AT_ONCE + 8, "{most} transactions were under way at once");
}

#[tokio::test(start_paused = true)]
async fn a_job_of_many_shards_is_cancelled_at_once_and_commits_no_waiting_shard() {
    let cluster = Cluster::on(Arc::new(Slow::new(Duration::from_millis(200)))).await;
    let (leader, _leads) = cluster.lead().await;
    submit_empty(&cluster, &leader).await;
    while cluster.view(&leader).await.expect("it is listed").shards_done == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let asked = tokio::time::Instant::now();
    cluster.cancel(&leader).await.expect("it runs");
    assert!(asked.elapsed() < Duration::from_secs(2), "answered after {:?}", asked.elapsed());
    let (done, cancelled) = ends(&cluster.ended(&leader).await);
    assert_eq!(done + cancelled, SHARDS as usize);
    assert!(done > 0 && cancelled > SHARDS as usize / 2, "{done} done, {cancelled} cancelled");
}

#[tokio::test(start_paused = true)]
async fn a_job_of_many_shards_cancelled_in_a_takeover_keeps_visible_versions() {
    let cluster = Cluster::on(Arc::new(Slow::new(Duration::from_millis(200)))).await;
    let (leader, leads) = cluster.lead().await;
    submit_empty(&cluster, &leader).await;
    while cluster.view(&leader).await.expect("it is listed").shards_done == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(leads);
    let (next, _leads) = cluster.lead().await;
    cluster.cancel(&next).await.expect("it is there");
    let record = cluster.ended(&next).await;
    let (done, cancelled) = ends(&record);
    assert_eq!(done + cancelled, SHARDS as usize);
    let versions = record.shards.iter().filter(|shard| shard.is_done()).map(|shard| shard.version);
    assert!(versions.clone().all(|version| version == Some(1)), "CM-3: none is committed twice");
    let visible = std::fs::read_dir(cluster.folder.path().join("dataset/manifests/window=all")).expect("a folder");
    assert_eq!(visible.count(), versions.count(), "what is visible is told as done");
}
