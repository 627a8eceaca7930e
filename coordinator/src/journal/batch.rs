//! Gathers changes of tasks into transactions, of which several are in flight at once.

use std::collections::HashSet;
use std::sync::Arc;

use storage::meta::claim::{self, CHANGES_PER_TXN_MAX, TaskChange};
use tokio::sync::{Semaphore, mpsc};

use super::{Queued, Shared};

/// Most transactions in flight: enough to hide the round trip, few enough that batches fill.
const TXNS_MAX: usize = 4;

/// Makes changes until the last [`Journal`](super::Journal) is dropped.
pub(super) async fn run(shared: Arc<Shared>, mut queued: mpsc::Receiver<Queued>) {
    let permits = Arc::new(Semaphore::new(TXNS_MAX));
    let mut held_over = None;
    loop {
        let Some(first) = next(&mut held_over, &mut queued).await else { return };
        // Waiting for a permit gives the batch time to fill.
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
        let batch = gather(first, &mut held_over, &mut queued);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let (changes, replies): (Vec<TaskChange>, Vec<_>) =
                batch.into_iter().map(|queued| (queued.change, queued.reply)).unzip();
            let results = claim::apply(&*shared.store, &shared.leadership, changes).await;
            for (reply, result) in replies.into_iter().zip(results) {
                // The caller may be gone. The change stands, and a later reader of the state finds it.
                let _ = reply.send(result);
            }
            drop(permit);
        });
    }
}

async fn next(held_over: &mut Option<Queued>, queued: &mut mpsc::Receiver<Queued>) -> Option<Queued> {
    match held_over.take() {
        Some(first) => Some(first),
        None => queued.recv().await,
    }
}

/// Gathers as many changes as one transaction holds, each of another task.
fn gather(first: Queued, held_over: &mut Option<Queued>, queued: &mut mpsc::Receiver<Queued>) -> Vec<Queued> {
    let mut tasks = HashSet::from([first.change.task().clone()]);
    let mut batch = vec![first];
    while batch.len() < CHANGES_PER_TXN_MAX {
        let Ok(another) = queued.try_recv() else { break };
        if !tasks.insert(another.change.task().clone()) {
            *held_over = Some(another);
            break;
        }
        batch.push(another);
    }
    batch
}
