//! Run of one job: a leader and a worker are started, the job is watched to its end, and both end with it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use coordinator::local_leader::LocalLeader;
use coordinator::{Env, Job, JobError, JobReport, LeaderSettings};
use model::error::chain;
use model::{ByteSize, JobSpec};
use proto::v1;
use storage::meta::{LeaseSettings, MemoryStore, MetaStore, Revision};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use worker::agent::{Agent, AgentError, AgentSettings, Left};

use crate::{LocalRunError, Resources};

/// TTL of the leases. No other process can take them over, so they only have to outlast a machine that sleeps.
const LEASE: Duration = Duration::from_secs(24 * 60 * 60);
/// Interval between calls of the watcher.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Task of this process's worker, which ends when the worker has left.
type Working = JoinHandle<Result<Left, AgentError>>;

/// Observer of a job's progress.
pub trait Watcher: Sync {
    /// Called with the current state of the job.
    fn show(&self, job: &v1::GetJobResponse);
}

/// Runs a job to its end. A failed shard is in the report, and does not stop the others.
///
/// `cancel` resolves when the operator wants the job to end: shards that have not committed then end as cancelled.
///
/// # Errors
/// [`LocalRunError`] if the job cannot start, or cannot go on as a whole.
pub async fn run(
    spec: JobSpec,
    resources: &Resources,
    env: Env,
    watcher: &dyn Watcher,
    cancel: impl Future<Output = String>,
) -> Result<JobReport, LocalRunError> {
    resources.check_memory()?;
    spec.validate().map_err(|error| JobError::Refused { reason: error.to_string() })?;
    let job = Job::open(&spec, &env).await?;
    // Done before anything is written, so that an input that cannot be planned is reported as such.
    coordinator::discover::discover(&job.input, &job.shards).await?;

    // Revisions order the records of runs under one name: 22 bits for changes within a millisecond, the clock above
    // them.
    let first = Revision(env.clock.now_ms().cast_unsigned() << 22);
    let store: Arc<dyn MetaStore> = Arc::new(MemoryStore::starting_after(first));
    let lease = LeaseSettings { ttl: LEASE, seed: resources.seed };
    let settings = LeaderSettings {
        scratch: Some(resources.scratch.uri().to_owned()),
        record_required: false,
        ..LeaderSettings::default()
    };
    let leader = LocalLeader::elect(settings, lease, Arc::clone(&store), env.clone()).await?;
    let (leave, mut working) = work(&store, lease, resources, &leader, &env)?;

    let watched = tokio::select! {
        watched = watch(&leader, spec, watcher, cancel) => {
            // The worker leaves before the leader: it hands back the attempts that it stops, and has finished with
            // scratch before the caller removes it. If it has left already, the send fails, which is fine.
            let _ = leave.send("the job has ended".to_owned());
            if let Err(error) = working.await {
                tracing::error!(%error, "the worker panicked; please report this");
            }
            watched.map_err(LocalRunError::from)
        }
        ended = &mut working => Err(worker_ended(ended)),
    };
    leader.dismiss().await;
    watched
}

/// Starts the worker of this process.
fn work(
    store: &Arc<dyn MetaStore>,
    lease: LeaseSettings,
    resources: &Resources,
    leader: &LocalLeader,
    env: &Env,
) -> Result<(oneshot::Sender<String>, Working), LocalRunError> {
    let settings = AgentSettings {
        name: "embedded".to_owned(),
        slots: resources.workers.max(1),
        memory: resources.memory,
        scratch: resources.scratch.local_folder().map_or_else(std::env::temp_dir, PathBuf::from),
        scratch_free_min: ByteSize(0),
        unfit_pause: AgentSettings::UNFIT_PAUSE,
        lease,
        drain_timeout: Duration::ZERO,
        limits: resources.limits,
        access: resources.access,
        protocol: proto::dispatch::PROTOCOL,
        secret: None,
    };
    let ended = |error: AgentError| LocalRunError::Worker { reason: chain(&error) };
    let agent =
        Agent::new(settings, leader.dispatch(), Arc::clone(store), env.stores.clone(), &*env.clock).map_err(ended)?;
    let (leave, left) = oneshot::channel();
    let working = tokio::spawn(
        agent.run(async { left.await.unwrap_or_else(|_| "the job has ended".to_owned()) }, std::future::pending()),
    );
    Ok((leave, working))
}

fn worker_ended(ended: Result<Result<Left, AgentError>, tokio::task::JoinError>) -> LocalRunError {
    let reason = match ended {
        Ok(Ok(left)) => format!("it left while the job ran ({left:?})"),
        Ok(Err(error)) => chain(&error),
        Err(error) => format!("it panicked: {error}; please report this"),
    };
    LocalRunError::Worker { reason }
}

/// Starts the job, and reports its progress to the watcher until it has ended.
async fn watch(
    leader: &LocalLeader,
    spec: JobSpec,
    watcher: &dyn Watcher,
    cancel: impl Future<Output = String>,
) -> Result<JobReport, JobError> {
    let job = spec.job.clone();
    let mut report = leader.start(spec).await?;
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let mut cancel = std::pin::pin!(cancel);
    let mut is_cancelled = false;
    loop {
        tokio::select! {
            report = &mut report => {
                let stopped = |_| JobError::Refused { reason: "the leader of this process stopped".to_owned() };
                return report.map(|report| *report).map_err(stopped);
            }
            _ = looks.tick() => {
                if let Some(view) = leader.job(&job).await {
                    watcher.show(&view);
                }
            }
            reason = &mut cancel, if !is_cancelled => {
                is_cancelled = true;
                leader.cancel(&job, reason).await;
            }
        }
    }
}
