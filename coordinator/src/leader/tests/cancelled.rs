//! Jobs that are cancelled, at any time and more than once.

use super::*;

#[tokio::test(start_paused = true)]
async fn cancels_at_one_time_get_the_same_answer_and_none_sees_the_job_run() {
    use v1::JobState::{Cancelled, Cancelling};
    for turns in [0, 3, 10, 20, 30, 40, 60, 100, 1000] {
        let cluster = Cluster::start().await;
        let (leader, _leads) = cluster.lead().await;
        cluster.submit(&leader).await;
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        let cancels = (0..5).map(|_| async {
            cluster.cancel(&leader).await.unwrap_or_else(|error| panic!("after {turns} turns: {error}"));
            // An archived job is shown from its record; no other may be shown as running.
            let state = cluster.view(&leader).await.map(|job| job.state());
            assert!(
                state.is_none_or(|state| [Cancelling, Cancelled].contains(&state)),
                "after {turns} turns: {state:?}"
            );
        });
        futures::future::join_all(cancels).await;
        let record = cluster.ended(&leader).await;
        assert_eq!(record.cause.as_deref(), Some("cancelled: no longer wanted"), "after {turns} turns");
        assert_eq!(crate::history_view::summary(&record).state(), Cancelled, "after {turns} turns");
    }
}

/// The leader dies right after the reply, while the job is planned, its plans are written, or it runs.
#[tokio::test(start_paused = true)]
async fn an_answered_cancel_holds_for_the_next_leader_and_a_retry_runs_all_shards() {
    for turns in [0, 3, 10, 20, 30, 40, 60, 100, 1000] {
        let cluster = Cluster::start().await;
        let (leader, leads) = cluster.lead().await;
        let shards = ["org-mod-01", "org-7", "org-8"].map(|shard| shard.parse().expect("a shard"));
        let spec = Box::new(JobSpec { shards: shards.into(), ..cluster.spec() });
        leader.ask(|reply| Ask::Submit { spec, trace: None, reply }).await.expect("a job that can be planned");
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        cluster.cancel(&leader).await.expect("it is there");
        drop(leads);
        let (next, _leads) = cluster.lead().await;
        let record = cluster.ended(&next).await;
        assert!(record.cause.is_some(), "after {turns} turns");
        let known = record.shards.len();
        assert!(known == 0 || known == 3, "all or none: after {turns} turns, {known} are on record");
        if record.shards.iter().all(|shard| !shard.is_done()) {
            let (earlier, reason) = (Some(Box::new(record)), "after all".to_owned());
            let retried =
                next.ask(|reply| Ask::Retry { job: job(), reason, earlier, reply }).await.expect("it has ended");
            assert_eq!(retried.len(), known, "after {turns} turns");
            tokio::time::sleep(Duration::from_secs(1)).await;
            let view = cluster.view(&next).await.expect("it runs again: nobody does its task");
            assert_eq!(view.shards, 3, "after {turns} turns");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_done_is_not_run_again_by_a_retry_whatever_its_record_says() {
    let cluster = Cluster::start().await;
    let (leader, _leads) = cluster.lead().await;
    cluster.submit(&leader).await;
    cluster.cancel(&leader).await.expect("it is there");
    let mut record = cluster.ended(&leader).await;
    let plan = model::ShardPlan {
        job: job(),
        shard: "org-7".parse().expect("a shard"),
        settings: JobSettings::default(),
        segments: model::SegmentList::default(),
        map_tasks: Vec::new(),
        partitions: 0,
    };
    let mut done = crate::report::ShardReport::planned(&plan);
    done.state = crate::ShardState::Done;
    record.shards = vec![done];
    let (earlier, reason) = (Some(Box::new(record)), "by mistake".to_owned());
    let retried = leader.ask(|reply| Ask::Retry { job: job(), reason, earlier, reply }).await;
    assert!(matches!(&retried, Err(ApiError::Refused { .. })), "{retried:?}");
}
