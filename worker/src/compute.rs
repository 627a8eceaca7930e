//! Runs attempts on threads, one thread per slot, which may block. Asynchronous code reaches them only through this
//! module.
//!
//! An attempt comes with a permit for its slot and keeps it until its thread is free again, so the queue never holds
//! more attempts than there are slots. If the caller goes away, its attempt runs on until it next checks its
//! progress.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, io};

use async_trait::async_trait;
use model::{Failure, FailureClass, HeldAttempt};
use shard_config::ShardMap;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::limits::SlotLimits;
use crate::scratch::AttemptScratch;
use crate::slot::{AttemptOutcome, Slot};
use crate::task::{Assignment, AttemptContext, Progress, Stores};

/// Attempt with everything that it needs.
pub(crate) struct Attempt {
    /// Input and identity of the attempt.
    pub(crate) assignment: Assignment,
    /// Stores to read from and write to.
    pub(crate) stores: Stores,
    /// Rule that assigns organisations to shards.
    pub(crate) shard_map: Arc<ShardMap>,
    /// Progress counters and cancel flag.
    pub(crate) progress: Arc<Progress>,
    /// Folder of the attempt on this machine's disk; removed when the attempt ends.
    pub(crate) scratch: AttemptScratch,
    /// Permit of the slot, kept until its thread is free.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// Attempt on its way to a thread, with the channel for its outcome.
type Order = (Attempt, tracing::Span, oneshot::Sender<AttemptOutcome>);

/// Work that an attempt does on its slot.
pub type SlotWork = Box<dyn FnOnce(&mut Slot) -> AttemptOutcome + Send>;

/// Replacement for the threads in a simulation, which has a single thread.
#[async_trait]
pub trait InPlace: Send + Sync + fmt::Debug {
    /// Runs the work on a slot of its own. Blocking waits inside the work must go through [`storage::wait`].
    async fn run(&self, held: HeldAttempt, work: SlotWork) -> AttemptOutcome;
}

/// Threads of the slots, or their replacement. When dropped, each thread ends after its current attempt.
#[derive(Debug)]
pub(crate) enum Compute {
    /// A thread per slot, behind one queue.
    Threads(SyncSender<Order>),
    /// Replacement that needs no threads.
    InPlace(Arc<dyn InPlace>),
}

impl Compute {
    /// Starts `slots` threads, each within `limits`.
    pub(crate) fn start(slots: usize, limits: SlotLimits) -> io::Result<Self> {
        let (queue, orders) = sync_channel(slots);
        let orders = Arc::new(Mutex::new(orders));
        for number in 0..slots {
            let orders = Arc::clone(&orders);
            let thread = std::thread::Builder::new().name(format!("slot-{number}"));
            thread.spawn(move || work(&orders, limits))?;
        }
        Ok(Self::Threads(queue))
    }

    /// Runs the attempt; returns when it has ended.
    pub(crate) async fn run(&self, attempt: Attempt) -> AttemptOutcome {
        let queue = match self {
            Self::Threads(queue) => queue,
            Self::InPlace(in_place) => {
                let held = attempt.assignment.held();
                return in_place.run(held, Box::new(move |slot| run(slot, attempt))).await;
            }
        };
        let (reply, outcome) = oneshot::channel();
        // Both failures are impossible while a slot's thread lives: it ends with the queue, and each permit reserves
        // room in the queue.
        let lost = || {
            let message = "no thread of a slot takes the attempt; please report this".to_owned();
            AttemptOutcome::Failed(Failure::new(FailureClass::Bug, message))
        };
        if queue.try_send((attempt, tracing::Span::current(), reply)).is_err() {
            return lost();
        }
        outcome.await.unwrap_or_else(|_| lost())
    }
}

/// Runs attempts on one slot, one after the other, until the queue closes.
fn work(orders: &Mutex<Receiver<Order>>, limits: SlotLimits) {
    let mut slot = Slot::new(limits);
    loop {
        // One idle thread waits at the queue, the others at the lock.
        let order = orders.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((attempt, span, reply)) = order else { return };
        let outcome = span.in_scope(|| run(&mut slot, attempt));
        // The receiver may be gone: its shift may have lost the lease.
        let _ = reply.send(outcome);
    }
}

fn run(slot: &mut Slot, attempt: Attempt) -> AttemptOutcome {
    let Attempt { assignment, stores, shard_map, progress, scratch, permit } = attempt;
    let belongs = |org| shard_map.shard(org) == assignment.shard;
    let ctx = AttemptContext { stores: &stores, belongs: &belongs, progress: &progress };
    let outcome = slot.run(&assignment, &ctx);
    drop(scratch);
    // Freed before the outcome is sent, so that the receiver finds the slot free.
    drop(permit);
    outcome
}
