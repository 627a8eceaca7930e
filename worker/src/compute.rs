//! The one door from the asynchronous side to the threads that compute: a thread a slot, which may block.
//!
//! An attempt comes with a permit of its slot and keeps it until its thread is free again, so the queue never holds more
//! than there are slots. A caller that goes away leaves its attempt running: it stops at its next look at its progress.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, io};

use async_trait::async_trait;
use model::{Failure, FailureClass, HeldAttempt};
use shard_config::ShardMap;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::limits::SlotLimits;
use crate::scratch::AttemptScratch;
use crate::slot::{Outcome, Slot};
use crate::task::{Assignment, Progress, Stores, Surroundings};

/// An attempt and all that it needs.
pub(crate) struct Attempt {
    /// What there is to do.
    pub(crate) assignment: Assignment,
    /// Where to read and write.
    pub(crate) stores: Stores,
    /// Which organisation belongs where.
    pub(crate) shard_map: Arc<ShardMap>,
    /// Who watches.
    pub(crate) progress: Arc<Progress>,
    /// Its folder on this machine's disk; goes when it ends.
    pub(crate) scratch: AttemptScratch,
    /// Its slot.
    pub(crate) permit: OwnedSemaphorePermit,
}

/// An attempt on its way to a thread.
type Order = (Attempt, tracing::Span, oneshot::Sender<Outcome>);

/// What an attempt does on the slot that it is given.
pub type SlotWork = Box<dyn FnOnce(&mut Slot) -> Outcome + Send>;

/// What stands in for the threads where there may be none: a simulation has one thread for everything.
#[async_trait]
pub trait InPlace: Send + Sync + fmt::Debug {
    /// Does the work on a slot of its own. What the work waits for goes through [`storage::wait`].
    async fn run(&self, held: HeldAttempt, work: SlotWork) -> Outcome;
}

/// The threads, or what stands in for them. They end with this, each after what it computes.
#[derive(Debug)]
pub(crate) enum Compute {
    /// A thread a slot, behind one queue.
    Threads(SyncSender<Order>),
    /// No thread.
    InPlace(Arc<dyn InPlace>),
}

impl Compute {
    /// Starts a thread for each of `slots`, which work within `limits` each.
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

    /// Runs the attempt; waits for its end.
    pub(crate) async fn run(&self, attempt: Attempt) -> Outcome {
        let queue = match self {
            Self::Threads(queue) => queue,
            Self::InPlace(in_place) => {
                let held = attempt.assignment.held();
                return in_place.run(held, Box::new(move |slot| run(slot, attempt))).await;
            }
        };
        let (reply, outcome) = oneshot::channel();
        // Neither can be while a slot's thread lives: it ends with the queue, and a permit is room in it.
        let lost = || {
            let message = "no thread of a slot takes the attempt; please report this".to_owned();
            Outcome::Failed(Failure { class: FailureClass::Bug, message })
        };
        if queue.try_send((attempt, tracing::Span::current(), reply)).is_err() {
            return lost();
        }
        outcome.await.unwrap_or_else(|_| lost())
    }
}

/// One slot's life: attempts, one after the other.
fn work(orders: &Mutex<Receiver<Order>>, limits: SlotLimits) {
    let mut slot = Slot::new(limits);
    loop {
        // One idle thread waits at the queue, the others at the lock.
        let order = orders.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((attempt, span, reply)) = order else { return };
        let outcome = span.in_scope(|| run(&mut slot, attempt));
        // Whoever waited for it may be gone with its lease.
        let _ = reply.send(outcome);
    }
}

fn run(slot: &mut Slot, attempt: Attempt) -> Outcome {
    let Attempt { assignment, stores, shard_map, progress, scratch, permit } = attempt;
    let belongs = |org| shard_map.shard(org) == assignment.shard;
    let around = Surroundings { stores: &stores, belongs: &belongs, progress: &progress };
    let outcome = slot.run(&assignment, &around);
    drop(scratch);
    // Before the outcome is told: whoever hears of it finds the slot free.
    drop(permit);
    outcome
}
