//! Replica of the coordinator: stands for election, leads while it is elected, and stands again.
//!
//! ```text
//!            elected                   deposed, or its lease lost
//! Follower ----------> Leader --------------------------------------> Follower
//!     ^  names the leader to whoever asks       |
//!     +-----------------------------------------+      told to go: gives the office up, ends its lease
//! ```

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use format::state_records::Text;
use futures::StreamExt as _;
use model::Term;
use model::error::chain;
use storage::meta::election::{self, Candidate, Leadership};
use storage::meta::{LeaseSession, LeaseSettings, MetaError, MetaStore};
use tokio::sync::watch;

use crate::Env;
use crate::leader::{self, Ended, Handle, Leader, LeaderSettings};

/// Pause before another access to a state that could not be reached.
const PAUSE: Duration = Duration::from_millis(500);

/// Longest time for resigning; after that, the office ends with the lease.
const LEAVE_MAX: Duration = Duration::from_secs(10);
/// Longest time for resigning when the lease is lost: the office ends anyway, and the next lease is waiting.
const LEAVE_LOST_MAX: Duration = Duration::from_secs(1);

/// Current role of a replica.
#[derive(Debug, Clone)]
pub(crate) enum Role {
    /// Another coordinator leads, at this address; empty if there is none.
    Follower { leader: String },
    /// This replica leads; the handle reaches its leader task.
    Leader(Handle),
}

/// Replica with its settings and channels.
pub(crate) struct Replica {
    pub(crate) settings: Arc<LeaderSettings>,
    pub(crate) lease: LeaseSettings,
    pub(crate) store: Arc<dyn MetaStore>,
    pub(crate) env: Env,
    pub(crate) role: watch::Sender<Role>,
    /// Address of the coordinator that was elected last, as far as this replica knows; empty if there is none. It is
    /// written and read under the lock of `role`.
    pub(crate) elected: Arc<Mutex<String>>,
    /// Usability of the cluster's state: `Ok`, or the reason why not.
    pub(crate) state: watch::Sender<Result<(), String>>,
}

impl Replica {
    /// Stands for election and leads, until `dismissed`.
    pub(crate) async fn run(self, dismissed: impl Future<Output = ()>) {
        let observing = tokio::spawn(observe(Arc::clone(&self.store), self.role.clone(), Arc::clone(&self.elected)));
        tokio::pin!(dismissed);
        let mut random = fastrand::Rng::with_seed(self.lease.seed);
        loop {
            let ended = self.term(Term::drawn(random.u64(..)), &mut dismissed).await;
            match ended {
                Ok(Ended::Dismissed) => break,
                Ok(Ended::Over { reason }) => tracing::warn!(reason, "stopped leading; standing for election again"),
                Err(error) => self.state_fails(chain(&error)),
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = &mut dismissed => break,
            }
        }
        observing.abort();
    }

    /// Logs that the state cannot be used, once for any number of tries.
    fn state_fails(&self, reason: String) {
        let before = self.state.send_replace(Err(reason.clone()));
        match before {
            Ok(()) => tracing::warn!(reason, "failed to use the cluster's state; trying again until it works"),
            Err(_) => tracing::debug!(reason, "the cluster's state still cannot be used"),
        }
    }

    /// Runs one lease's time: stands for election, and leads if elected.
    async fn term(&self, term: Term, dismissed: &mut (impl Future<Output = ()> + Unpin)) -> Result<Ended, MetaError> {
        let session = tokio::select! {
            session = LeaseSession::open(Arc::clone(&self.store), self.lease) => session?,
            () = &mut *dismissed => return Ok(Ended::Dismissed),
        };
        drop(self.state.send_replace(Ok(())));
        let ended = self.until_lost(&session, self.hold_office(&session, term, dismissed)).await;
        close(session).await;
        ended
    }

    /// Waits for `work`, and reports a lost lease at once, because `work` may take long to notice.
    async fn until_lost<T>(&self, session: &LeaseSession, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return done,
            loss = session.lost() => self.state_fails(format!("the lease was lost ({loss:?}); asking for another")),
        }
        work.await
    }

    /// Stands for election, and leads if elected.
    async fn hold_office(
        &self,
        session: &LeaseSession,
        term: Term,
        dismissed: &mut (impl Future<Output = ()> + Unpin),
    ) -> Result<Ended, MetaError> {
        let me = Candidate { replica: Text::cut(&self.settings.replica), address: Text::cut(&self.settings.address) };
        let leadership = tokio::select! {
            leadership = election::campaign(&*self.store, session, &me, term) => leadership?,
            () = &mut *dismissed => return Ok(Ended::Dismissed),
        };
        let ended = self.lead(&leadership, session, dismissed).await;
        self.step_down();
        match tokio::time::timeout(leave_max(session), election::resign(&*self.store, &leadership)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::info!(error = chain(&error), "failed to resign; the office ends with the lease"),
            Err(_) => tracing::info!("did not resign in time; the office ends with the lease"),
        }
        ended
    }

    /// Follows the coordinator that was elected meanwhile: its election may have been noticed while this replica still
    /// led, as after a pause of the process, and is not told a second time.
    fn step_down(&self) {
        self.role.send_modify(|role| {
            let elected = lock(&self.elected).clone();
            let leader = if elected == self.settings.address { String::new() } else { elected };
            *role = Role::Follower { leader };
        });
    }

    async fn lead(
        &self,
        leadership: &Leadership,
        session: &LeaseSession,
        dismissed: &mut (impl Future<Output = ()> + Unpin),
    ) -> Result<Ended, MetaError> {
        let began = tokio::time::Instant::now();
        let found = tokio::select! {
            found = leader::find(&*self.store) => found?,
            () = &mut *dismissed => return Ok(Ended::Dismissed),
        };
        let read_ms = began.elapsed().as_millis() as u64;
        let (handle, inbox) = Handle::new();
        let (settings, env, store) = (Arc::clone(&self.settings), self.env.clone(), Arc::clone(&self.store));
        let leader = Leader::new(settings, env, store, leadership.clone(), &found, handle.clone());
        tracing::info!(token = %leadership.token(), jobs = found.jobs.len(), workers = found.workers.len(), read_ms, "began to lead");
        metrics::gauge!("tailor_is_leader").set(1.0);
        self.role.send_replace(Role::Leader(handle));
        let ended = leader.run(&*self.store, found, session, inbox, dismissed).await;
        metrics::gauge!("tailor_is_leader").set(0.0);
        Ok(ended)
    }
}

async fn close(session: LeaseSession) {
    match tokio::time::timeout(leave_max(&session), session.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::info!(error = chain(&error), "failed to revoke the lease; it expires by itself"),
        Err(_) => tracing::info!("did not revoke the lease in time; it expires by itself"),
    }
}

fn leave_max(session: &LeaseSession) -> Duration {
    if session.is_held() { LEAVE_MAX } else { LEAVE_LOST_MAX }
}

fn lock(elected: &Mutex<String>) -> MutexGuard<'_, String> {
    // No code panics while it holds the lock.
    elected.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes who is elected, and follows the coordinator that leads while this replica does not.
async fn observe(store: Arc<dyn MetaStore>, role: watch::Sender<Role>, elected: Arc<Mutex<String>>) {
    loop {
        match election::observe(&*store).await {
            Err(error) => tracing::debug!(%error, "ask who leads"),
            Ok(leaders) => {
                let mut leaders = std::pin::pin!(leaders);
                while let Some(Ok(leader)) = leaders.next().await {
                    let address = leader.map(|leader| leader.record.address.to_string()).unwrap_or_default();
                    role.send_if_modified(|role| {
                        lock(&elected).clone_from(&address);
                        match role {
                            Role::Leader(_) => false,
                            Role::Follower { leader } => {
                                *leader = address;
                                true
                            }
                        }
                    });
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests;
