//! Begin and end of a job and its shards, under several leaders.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_job_that_was_taken_over_ends_when_it_ends_and_lasted_since_it_was_submitted() {
    let cluster = Cluster::start().await;
    let (leader, leads) = cluster.lead().await;
    let began = cluster.clock.now_ms();
    cluster.submit(&leader).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    cluster.claim(&leader).await.expect("the only task");
    tokio::time::sleep(Duration::from_secs(15)).await;
    drop(leads);
    let (next, leads) = cluster.lead().await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    drop(leads);
    let (last, _leads) = cluster.lead().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    cluster.cancel(&last).await.expect("it is there");
    drop(next);
    let record = cluster.ended(&last).await;
    let ended = cluster.clock.now_ms();
    let job = crate::history_view::summary(&record);
    let near = |found: i64, expected: i64| (found - expected).abs() <= 2_000;
    assert!(near(job.submitted_at_ms, began), "{} of {began}", job.submitted_at_ms);
    assert!(near(job.ended_at_ms, ended), "{} of {ended}", job.ended_at_ms);
    let shard = record.shards.first().expect("one shard");
    assert!(near(shard.elapsed.as_millis() as i64, 45_000), "from its first attempt: {:?}", shard.elapsed);
}
