//! Turns a grant into a slot's input: reads the spec, the plan and the run list that the grant names.
//!
//! Each is an object named by the digest of its bytes, so it is read once, checked, and kept for the attempts that
//! follow. Slots that need the same object at the same moment share one read.

mod assignment; // input of a task, from its plan
mod recent; //     cache of recent documents
mod roots; //      cache of open stores, by URI

use std::sync::Arc;

use bytes::Bytes;
use format::keys;
use format::plan::PlanDocument;
use model::{Digest, Grant, JobSpec, RunList, ShardPlan};
use shard_config::ShardMap;
use storage::Root;

use crate::WorkError;
use crate::task::Assignment;
use recent::Recent;
pub(crate) use roots::Roots;

/// Documents of one kind that are kept; a worker works on few shards at a time.
const KEPT_MAX: usize = 16;

/// Attempt that is ready to run.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    /// Input and identity of the attempt.
    pub(crate) assignment: Assignment,
    /// Root of the segments.
    pub(crate) input: Root,
    /// Root of parts and quarantine.
    pub(crate) dataset: Root,
    /// Root of the runs.
    pub(crate) scratch: Root,
    /// Rule that assigns organisations to shards.
    pub(crate) shard_map: Arc<ShardMap>,
}

/// Parts of a job's spec that a worker needs.
#[derive(Debug)]
struct Job {
    input: String,
    shard_map: Arc<ShardMap>,
}

/// Resolves grants; all slots share it.
#[derive(Debug)]
pub(crate) struct Resolver {
    roots: Arc<Roots>,
    jobs: Recent<Job>,
    plans: Recent<ShardPlan>,
    run_lists: Recent<RunList>,
}

impl Resolver {
    /// Creates a resolver that opens stores through `roots`.
    pub(crate) fn new(roots: Arc<Roots>) -> Self {
        Self { roots, jobs: Recent::new(KEPT_MAX), plans: Recent::new(KEPT_MAX), run_lists: Recent::new(KEPT_MAX) }
    }

    /// Reads everything that the attempt needs.
    ///
    /// # Errors
    /// A store failed, or a document does not match the digest in the grant.
    pub(crate) async fn resolve(&self, grant: &Grant) -> Result<Resolved, WorkError> {
        let task = &grant.task;
        let dataset = self.roots.output(&grant.dataset).await?;
        let scratch = self.roots.output(&grant.scratch).await?;
        let job = self.jobs.get(&dataset, &keys::spec(&task.job, grant.spec), grant.spec, read_job).await?;
        let plan_key = keys::plan(&task.job, task.shard, grant.plan);
        let read = async || read_plan(&dataset, &plan_key, grant.plan).await;
        let plan = self.plans.get_by(&dataset.object(&plan_key), read).await?;
        let runs = match grant.runs {
            None => None,
            Some(digest) => {
                let key = keys::run_list(&task.job, task.shard, digest);
                Some(self.run_lists.get(&scratch, &key, digest, read_json).await?)
            }
        };
        let assignment = assignment::of(grant, &plan, runs.as_deref())
            .map_err(|fault| WorkError::Document { object: dataset.object(&plan_key), fault })?;
        let input = self.roots.input(&job.input).await.map_err(WorkError::reading)?;
        Ok(Resolved { assignment, input, dataset, scratch, shard_map: Arc::clone(&job.shard_map) })
    }
}

/// Reads a document and checks its digest.
async fn read(root: &Root, key: &str, expected: Digest) -> Result<Bytes, WorkError> {
    let bytes = root.read(key).await?;
    let found = Digest::of(&bytes);
    if found == expected {
        return Ok(bytes);
    }
    let fault = format!("has the digest {found}, and {expected} was granted");
    Err(WorkError::Document { object: root.object(key), fault })
}

/// Reads a plan and checks its digest; reads its segments too if they are an object of their own.
async fn read_plan(dataset: &Root, key: &str, expected: Digest) -> Result<ShardPlan, WorkError> {
    let bytes = read(dataset, key, expected).await?;
    let document = |fault| WorkError::Document { object: dataset.object(key), fault };
    let unreadable = |error| format!("cannot be read ({error}); do coordinator and worker run the same version?");
    let plan = PlanDocument::from_bytes(&bytes).map_err(unreadable).map_err(document)?;
    let segments = dataset.read_inputs(plan.inputs()).await?;
    plan.into_plan(segments).map_err(unreadable).map_err(document)
}

fn read_json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let parsed = serde_json::from_slice(bytes);
    parsed.map_err(|error| format!("cannot be read ({error}); do coordinator and worker run the same version?"))
}

fn read_job(bytes: &[u8]) -> Result<Job, String> {
    let spec = JobSpec::from_object(bytes).map_err(|error| format!("is not a spec: {error}"))?;
    let shard_map = match spec.shard_map.as_str() {
        "" => ShardMap::default(),
        text => ShardMap::parse(text, "shard map").map_err(|error| format!("has a bad shard map: {error}"))?,
    };
    Ok(Job { input: spec.input, shard_map: Arc::new(shard_map) })
}

#[cfg(test)]
mod tests;
