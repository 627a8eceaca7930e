//! Session: the lease of one process, kept alive and fenced on its own clock.
//!
//! Life of a session: `LeaseSession::open` asks for a lease. A task renews it at a third of its TTL, with jitter, so
//! that a fleet that started together does not renew together. A renewal that fails is tried again, until the
//! *deadline*: the instant at which the last renewal that was answered was **sent**, plus the TTL less 20 %. Sent,
//! not answered: the store started the TTL anew at some time in between. Less 20 %: attempts need time to stop before
//! the store gives their tasks to others.
//!
//! | what happens | the session |
//! |---|---|
//! | a renewal fails, a later one before the deadline is answered | goes on; nobody notices |
//! | no renewal is answered until the deadline | is lost: `Loss::Silence`. The lease may well live on |
//! | the store says that the lease is gone (also while the worker is healthy) | is lost at once: `Loss::Ended` |
//! | the process was stopped past the deadline and goes on | `LeaseSession::is_held` is false before anything else ran |
//! | `LeaseSession::close` (drain) | revokes the lease: its claims are free at once |
//! | the session is dropped | renewals stop; the lease ends by itself |
//!
//! A lost session stays lost: stop its attempts, open a new one. This saves work; it is not what keeps a late writer
//! out. That is done by comparing revisions (see [`crate::meta::claim`]).
//!
//! The clock is tokio's monotonic one, which a change of the wall clock does not move. It stands still while a machine
//! sleeps, which servers do not.

use std::sync::Arc;
use std::time::Duration;

use model::LeaseId;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::meta::{Lease, MetaError, MetaStore};

/// Timing of renewals.
#[derive(Debug, Clone, Copy)]
pub struct LeaseSettings {
    /// Time that the lease lasts without a renewal: 10 to 15 s in a cluster. A shorter lease would end with a slow
    /// disk of etcd; with a longer one, the tasks of a lost worker wait.
    pub ttl: Duration,
    /// Seed of the jitter, different for each process.
    pub seed: u64,
}

impl LeaseSettings {
    /// Default TTL.
    pub const TTL: Duration = Duration::from_secs(12);

    /// Default settings with this seed.
    pub const fn seeded(seed: u64) -> Self {
        Self { ttl: Self::TTL, seed }
    }
}

/// State of the session: held or lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionLife {
    /// The lease may be relied on until the deadline, which moves with every renewal.
    Held {
        /// Deadline on tokio's clock.
        until: Instant,
    },
    /// The lease may never be relied on again.
    Lost(Loss),
}

/// Reason for which a session was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The store ended the lease.
    Ended,
    /// No renewal was answered in time.
    Silence,
}

/// Lease that is being kept alive.
#[derive(Debug)]
pub struct LeaseSession {
    store: Arc<dyn MetaStore>,
    lease: Lease,
    life: watch::Receiver<SessionLife>,
    renewal: JoinHandle<()>,
}

impl LeaseSession {
    /// Asks for a lease and starts to keep it alive.
    ///
    /// # Errors
    /// The store refused or did not answer; nothing is kept, and the call may be repeated.
    pub async fn open(store: Arc<dyn MetaStore>, settings: LeaseSettings) -> Result<Self, MetaError> {
        let sent_at = Instant::now();
        let lease = store.grant(settings.ttl).await?;
        let (sender, life) = watch::channel(SessionLife::Held { until: sent_at + trusted(lease.ttl) });
        let renewal = Renewal {
            store: Arc::clone(&store),
            lease,
            life: sender,
            random: fastrand::Rng::with_seed(settings.seed),
            renewed_at: sent_at,
            deadline: sent_at + trusted(lease.ttl),
        };
        tracing::info!(lease = %lease.id, ttl = ?lease.ttl, "lease granted");
        Ok(Self { store, lease, life, renewal: tokio::spawn(renewal.run()) })
    }

    /// Returns the lease, for claims and records that should end with it.
    pub fn lease(&self) -> LeaseId {
        self.lease.id
    }

    /// True if the lease may be relied on at this instant. Check it before starting anything that takes time.
    pub fn is_held(&self) -> bool {
        matches!(*self.life.borrow(), SessionLife::Held { until } if Instant::now() < until)
    }

    /// Watches the state of the session.
    pub fn life(&self) -> watch::Receiver<SessionLife> {
        self.life.clone()
    }

    /// Waits until the session is lost.
    pub async fn lost(&self) -> Loss {
        let mut life = self.life.clone();
        match life.wait_for(|life| matches!(life, SessionLife::Lost(_))).await.map(|life| *life) {
            Ok(SessionLife::Lost(loss)) => loss,
            // The renewal task ends with a loss or with the session, so here it can only have panicked.
            Ok(SessionLife::Held { .. }) | Err(_) => Loss::Silence,
        }
    }

    /// Ends the lease, and with it every claim under it, now.
    ///
    /// # Errors
    /// The store could not be asked; the lease then ends by itself.
    pub async fn close(self) -> Result<(), MetaError> {
        self.renewal.abort();
        self.store.revoke(self.lease.id).await
    }
}

impl Drop for LeaseSession {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

/// Returns the part of a TTL during which the session relies on its lease.
fn trusted(ttl: Duration) -> Duration {
    ttl * 4 / 5
}

/// State of the renewing task.
struct Renewal {
    store: Arc<dyn MetaStore>,
    lease: Lease,
    life: watch::Sender<SessionLife>,
    random: fastrand::Rng,
    /// Send time of the last renewal that was answered.
    renewed_at: Instant,
    deadline: Instant,
}

impl Renewal {
    async fn run(mut self) {
        let lease = self.lease.id;
        let loss = loop {
            let pause = self.jittered(self.lease.ttl / 3);
            if let Err(loss) = self.renew_after(pause).await {
                break loss;
            }
        };
        tracing::warn!(%lease, ?loss, "lost a lease; stopping the work under it");
        self.life.send_replace(SessionLife::Lost(loss));
    }

    /// Renews the lease after `pause`; tries until a renewal is answered or the deadline is reached.
    async fn renew_after(&mut self, mut pause: Duration) -> Result<(), Loss> {
        loop {
            let (sent_at, answer) = tokio::time::timeout_at(self.deadline, async {
                tokio::time::sleep(pause).await;
                let sent_at = Instant::now();
                // A renewal that hangs must leave time for another try, so it gets a third of the trusted time.
                let answer = tokio::time::timeout(trusted(self.lease.ttl) / 3, self.store.keep_alive(self.lease.id));
                (sent_at, answer.await)
            })
            .await
            .map_err(|_| {
                crate::metrics::renewal_gap(self.renewed_at.elapsed());
                Loss::Silence
            })?;
            crate::metrics::renewal_gap(sent_at - self.renewed_at);
            match answer {
                Ok(Ok(())) => {
                    self.renewed_at = sent_at;
                    self.deadline = sent_at + trusted(self.lease.ttl);
                    self.life.send_replace(SessionLife::Held { until: self.deadline });
                    return Ok(());
                }
                Ok(Err(MetaError::LeaseGone { .. })) => return Err(Loss::Ended),
                Ok(Err(cause)) => tracing::debug!(lease = %self.lease.id, %cause, "lease not renewed, trying again"),
                Err(_) => tracing::debug!(lease = %self.lease.id, "renewal not answered, trying again"),
            }
            pause = self.jittered(self.lease.ttl / 20);
        }
    }

    /// Draws a duration between three quarters of `pause` and all of it.
    fn jittered(&mut self, pause: Duration) -> Duration {
        pause.mul_f64(0.75 + 0.25 * self.random.f64())
    }
}

#[cfg(test)]
mod tests;
