//! Role of an operator, which submits jobs, cancels and replays, drains workers, and insists that every shard gets
//! done.

use std::sync::Arc;
use std::time::Duration;

use model::{Clock as _, JobId, JobSpec, ShardId};
use proto::client::{CallPolicy, LeaderClient};
use proto::v1::JobState;
use proto::{ApiError, v1};

use super::Env;
use crate::clock::SimClock;
use crate::network::SimChannel;
use crate::port::{Message, Truth};
use crate::workload::DATASET;

/// Pause between two checks of a job.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Wish of an operator.
#[derive(Debug, Clone)]
pub(crate) enum Wish {
    /// Run a job until all of its shards are done.
    Run(Box<JobSpec>),
    /// Cancel a job, which is retried later.
    Cancel(JobId),
    /// Replay a shard of a job when the job has ended.
    Replay(JobId, ShardId),
    /// Drain the worker of this name.
    Drain(String),
}

/// Settings of an operator.
#[derive(Debug, Clone)]
pub(crate) struct OperatorRole {
    pub(crate) coordinators: Vec<String>,
    pub(crate) wishes: Vec<(Duration, Wish)>,
    /// Time from which on the operator retries jobs that are not done.
    pub(crate) insists_from: Duration,
    /// If set, a job that the cluster has forgotten is submitted again.
    pub(crate) submits_again: bool,
}

impl OperatorRole {
    pub(crate) async fn run(self, env: Env) {
        let port = Arc::clone(&env.port);
        let connect = move |to: &str| SimChannel { port: Arc::clone(&port), to: to.to_owned(), bend: None };
        let client = LeaderClient::connecting(self.coordinators.clone(), Box::new(connect));
        let client = client.expect("the addresses are ours").with_policy(CallPolicy::default());
        let began_ms = env.clock.now_ms();
        let desk = Arc::new(Desk {
            client,
            clock: env.clock,
            began_ms,
            insists_from: self.insists_from,
            submits_again: self.submits_again,
        });
        let mut open = tokio::task::JoinSet::new();
        for (at, wish) in self.wishes {
            let desk = Arc::clone(&desk);
            open.spawn(async move {
                tokio::time::sleep(at).await;
                desk.see_to(wish).await;
            });
        }
        while open.join_next().await.is_some() {}
        env.port.send(Message::Truth(Truth::Finished));
        // An operator that ended could not be asked anything more, so it stays.
        std::future::pending::<()>().await;
    }
}

/// Connection and clock of the operator.
struct Desk {
    client: LeaderClient<SimChannel>,
    clock: SimClock,
    began_ms: i64,
    insists_from: Duration,
    submits_again: bool,
}

/// Final state of a job, as the operator sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Done,
    /// The cluster does not know the job, or it cannot be retried.
    Gone,
}

impl Desk {
    async fn see_to(&self, wish: Wish) {
        match wish {
            Wish::Run(spec) => {
                self.submit(&spec).await;
                while self.see_done(&spec.job).await == Seen::Gone {
                    self.submit(&spec).await;
                }
            }
            Wish::Cancel(job) => {
                let request = v1::CancelJobRequest { job: job.to_string(), reason: "changed my mind".to_owned() };
                let asked = self.client.operator(|mut client| {
                    let request = request.clone();
                    async move { client.cancel_job(request).await }
                });
                // The job may have ended, or there may be no leader: a human operator would check and leave it at
                // that.
                drop(asked.await);
            }
            Wish::Replay(job, shard) => self.replay(&job, shard).await,
            Wish::Drain(worker) => {
                let request = v1::DrainWorkerRequest { worker, reason: "upgrade".to_owned(), cancel: false };
                let asked = self.client.operator(|mut client| {
                    let request = request.clone();
                    async move { client.drain_worker(request).await }
                });
                drop(asked.await);
            }
        }
    }

    async fn submit(&self, spec: &JobSpec) {
        let request = v1::SubmitJobRequest { spec: spec.to_bytes().into() };
        loop {
            let asked = self.client.operator(|mut client| {
                let request = request.clone();
                async move { client.submit_job(request).await }
            });
            match asked.await {
                Ok(_) => return,
                Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    /// Waits until the job is done; from `insists_from` on, retries it if needed.
    async fn see_done(&self, job: &JobId) -> Seen {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let request = v1::GetJobRequest { job: job.to_string(), ..Default::default() };
            let asked = self.client.operator(|mut client| {
                let request = request.clone();
                async move { client.get_job(request).await }
            });
            let state = match asked.await {
                Ok(answer) => answer.job.map(|job| job.state()),
                Err(ApiError::NotFound { .. }) if self.submits_again => return Seen::Gone,
                Err(_) => None,
            };
            match state {
                Some(JobState::Done) => return Seen::Done,
                Some(state) if is_over(state) && self.insists() && !self.retry(job).await => return Seen::Gone,
                _ => {}
            }
        }
    }

    fn insists(&self) -> bool {
        self.clock.now_ms() - self.began_ms >= self.insists_from.as_millis() as i64
    }

    /// Retries a job; returns false if that is refused for good.
    async fn retry(&self, job: &JobId) -> bool {
        let request = v1::RetryJobRequest {
            job: job.to_string(),
            reason: "the faults are over".to_owned(),
            dataset: String::new(),
        };
        let asked = self.client.operator(|mut client| {
            let request = request.clone();
            async move { client.retry_job(request).await }
        });
        // The next check shows if the job runs.
        let is_refused = matches!(asked.await, Err(ApiError::Refused { .. } | ApiError::NotFound { .. }));
        !(is_refused && self.submits_again)
    }

    async fn replay(&self, job: &JobId, shard: ShardId) {
        while self.replay_once(job, shard).await == Seen::Gone {}
    }

    async fn replay_once(&self, job: &JobId, shard: ShardId) -> Seen {
        let mut request = v1::ReplayShardRequest {
            job: job.to_string(),
            shard: shard.to_string(),
            reason: "rehearsal".to_owned(),
            dataset: String::new(),
            force_replace: String::new(),
        };
        let name = loop {
            let asked = self.client.operator(|mut client| {
                let request = request.clone();
                async move { client.replay_shard(request).await }
            });
            match asked.await {
                Ok(answer) => break answer.job,
                // The job still runs, or has no such shard on record yet.
                Err(ApiError::Refused { .. }) if self.insists() => return Seen::Done,
                // If etcd was lost, the cluster does not know in which dataset to look for the history; the operator
                // does.
                Err(ApiError::NotFound { .. }) if self.submits_again => {
                    DATASET.clone_into(&mut request.dataset);
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        };
        match name.parse() {
            Ok(job) => self.see_done(&job).await,
            Err(_) => Seen::Done,
        }
    }
}

const fn is_over(state: JobState) -> bool {
    !matches!(state, JobState::Planning | JobState::Running | JobState::Cancelling | JobState::Unspecified)
}
