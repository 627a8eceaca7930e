//! Makes the same changes without a coordinator: a client that claims and completes batches as fast as etcd takes
//! them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use format::state_records::{DoneRecord, Text};
use model::{Digest, ShardId, TaskId, TaskPath, Term};
use storage::meta::claim::{self, CHANGES_PER_TXN_MAX, Changed, SeenAttempts, TaskChange};
use storage::meta::election;
use storage::meta::{LeaseSession, LeaseSettings};

use super::cluster::{Cluster, job};

/// Transactions in flight, as many as the leader's journal has.
const TXNS: usize = 4;

/// Measures the changes that one client makes per second.
pub(super) async fn changes_per_second(cluster: &Cluster, span: Duration) -> Result<f64> {
    let store = cluster.store("/bench-plain/").await?;
    let session = LeaseSession::open(Arc::clone(&store), LeaseSettings::seeded(1)).await?;
    let me = election::Candidate { replica: Text::cut("plain"), address: Text::cut("") };
    let leadership = election::campaign(&*store, &session, &me, Term::drawn(1)).await?;
    let worker = session.lease();
    // Tasks of an earlier turn are already done, so begin behind them.
    let first = u32::try_from(leadership.revision().0 % (1 << 20))? << 10;
    let (next, changes) = (Arc::new(AtomicU32::new(first)), Arc::new(AtomicU64::new(0)));
    let started = Instant::now();
    let clients = (0..TXNS).map(|_| {
        let (store, next, changes) = (Arc::clone(&store), Arc::clone(&next), Arc::clone(&changes));
        let leadership = leadership.clone();
        tokio::spawn(async move {
            while started.elapsed() < span {
                let ordinals = next.fetch_add(CHANGES_PER_TXN_MAX as u32, Ordering::Relaxed)..;
                let path = |ordinal| TaskPath { job: job(), shard: ShardId::Shared(1), task: TaskId::map(ordinal) };
                let tasks: Vec<_> = ordinals.take(CHANGES_PER_TXN_MAX).map(path).collect();
                let claims = tasks.iter().map(|task| TaskChange::Claim {
                    task: task.clone(),
                    worker,
                    shard: None,
                    seen: SeenAttempts::default(),
                });
                let claimed = claim::apply(&*store, &leadership, claims.collect()).await;
                let mut completions = Vec::with_capacity(tasks.len());
                for (task, claimed) in tasks.into_iter().zip(claimed) {
                    let Changed::Claimed { attempt, seen: SeenAttempts { revision: Some(claimed), .. } } = claimed?
                    else {
                        bail!("a claim was answered otherwise")
                    };
                    let done = DoneRecord { attempt, last: 1, report: Digest(0), report_bytes: 400, begun_at_ms: None };
                    completions.push(TaskChange::Complete { task, done, claimed });
                }
                let count = completions.len() as u64;
                for completed in claim::apply(&*store, &leadership, completions).await {
                    completed?;
                }
                changes.fetch_add(2 * count, Ordering::Relaxed);
            }
            Ok(())
        })
    });
    for ended in futures::future::join_all(clients).await {
        ended??;
    }
    let rate = changes.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    session.close().await?;
    Ok(rate)
}
