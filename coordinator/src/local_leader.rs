//! Leader of one process, without sockets and without a rival: the coordinator's half of `tailor run`.
//!
//! The mailbox stays private. The worker of the process asks through [`Dispatch`], the operator through the methods here.

use std::sync::Arc;

use format::state_records::Text;
use model::error::chain;
use model::{JobId, JobSpec, Term};
use proto::{ApiError, Dispatch, v1};
use storage::meta::{LeaseSession, LeaseSettings, MetaError, MetaStore, election};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::JobError;
use crate::env::Env;
use crate::leader::{Ask, Handle, Leader, LeaderSettings};
use crate::report::JobReport;

/// Leader that runs as a task of this process.
#[derive(Debug)]
pub struct LocalLeader {
    handle: Handle,
    dismiss: oneshot::Sender<()>,
    leading: JoinHandle<()>,
}

impl LocalLeader {
    /// Elects a leader over `store`, which no other process may use, and lets it lead.
    ///
    /// # Errors
    /// [`JobError::Refused`] if the store does not take a lease, an election or a read.
    pub async fn elect(
        settings: LeaderSettings,
        lease: LeaseSettings,
        store: Arc<dyn MetaStore>,
        env: Env,
    ) -> Result<Self, JobError> {
        let refused = |error: MetaError| JobError::Refused { reason: chain(&error) };
        let session = LeaseSession::open(Arc::clone(&store), lease).await.map_err(refused)?;
        let me = election::Candidate { replica: Text::cut(&settings.replica), address: Text::cut(&settings.address) };
        let leadership = election::campaign(&*store, &session, &me, Term::drawn(lease.seed)).await.map_err(refused)?;
        let found = crate::leader::find(&*store).await.map_err(refused)?;
        let (handle, inbox) = Handle::new();
        let leader = Leader::new(Arc::new(settings), env, Arc::clone(&store), leadership, &found, handle.clone());
        let (dismiss, dismissed) = oneshot::channel::<()>();
        let leading = tokio::spawn(async move {
            let dismissed = async {
                // A dropped sender means the same as a message.
                let _ = dismissed.await;
            };
            let ended = leader.run(&*store, found, &session, inbox, dismissed).await;
            tracing::debug!(?ended, "the leader of this process has ended");
        });
        Ok(Self { handle, dismiss, leading })
    }

    /// Returns the interface for the worker of this process.
    pub fn dispatch(&self) -> Arc<dyn Dispatch> {
        Arc::new(self.handle.clone())
    }

    /// Starts a job, even if the dataset's history has one of that name. Its report arrives when it has ended; without
    /// a report the leader has stopped.
    ///
    /// # Errors
    /// [`JobError::Refused`] with the leader's answer.
    pub async fn start(&self, spec: JobSpec) -> Result<oneshot::Receiver<Box<JobReport>>, JobError> {
        let refused = |error: ApiError| JobError::Refused { reason: error.to_string() };
        let (ended, report) = oneshot::channel();
        self.handle.ask(|reply| Ask::Run { spec: Box::new(spec), ended, reply }).await.map_err(refused)?;
        Ok(report)
    }

    /// Fetches the current state of a job; none if it has ended, or if the leader has stopped.
    pub async fn job(&self, job: &JobId) -> Option<v1::GetJobResponse> {
        let job = job.clone();
        self.handle.ask(|reply| Ask::Job { job, reply }).await.ok().flatten()
    }

    /// Cancels a job. Changes nothing if it has ended.
    pub async fn cancel(&self, job: &JobId, reason: String) {
        let job = job.clone();
        let _ = self.handle.ask(|reply| Ask::Cancel { job, reason, reply }).await;
    }

    /// Dismisses the leader, and waits until it has ended.
    pub async fn dismiss(self) {
        // A leader that has ended already does not listen.
        let _ = self.dismiss.send(());
        if let Err(error) = self.leading.await {
            tracing::error!(%error, "the leader panicked; please report this");
        }
    }
}
