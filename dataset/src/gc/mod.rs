//! Collector: finds objects that no retained manifest names, and deletes them if asked to.
//!
//! | garbage | why it is there |
//! |---|---|
//! | a data object that no manifest names | its attempt lost, died, or its shard failed |
//! | a manifest past the versions to keep | history, given up on purpose |
//! | a data object that only such manifests name | the same |
//! | a scratch object | a process or a leader that was killed: others take theirs along |
//! | a staging file (`name#7`, local folders alone) | a write that was killed; the store's listing hides it |
//!
//! **GC-1**: nothing that a retained manifest names, and nothing that is not ours, is deleted. So the collector
//! deletes an object only if
//!
//! - the dataset carries our marker (`tailor.json`), which the first planned job writes;
//! - [`format::keys::ObjectKey`] parses its key;
//! - the dataset knows the object's job: its spec is there;
//! - no mark says that the job is open ([`crate::marks`]), be it to a cluster, to an embedded run, or to a rollback; marks
//!   count until they are stale by the store's clock;
//! - the job has written nothing within the minimum age, by the store's clock;
//! - no manifest names it, or only manifests past the versions to keep, none of which was current within that age.
//!
//! A manifest that cannot be read stops the collection of its shard.
//!
//! **Order.** Objects are listed before manifests, so objects of commits in between are named. Manifests that are given
//! up go before the objects that only they name. Then new versions and the marks are read once more, and the objects
//! that are still garbage go. A rollback marks first and reads then; so either it finds its manifest gone, or its mark
//! is seen.
//!
//! **Cost.** Work goes by job, shard after shard: memory holds the names of one job's shard. A job has a mark from
//! its first plan until it is swept, and [`Scope::Changed`] looks at marked jobs alone: requests grow with what was
//! run since, not with history.

mod folder; //   features of local folders only
mod pass; //     one collection: its clock, and the state of jobs
mod process; //  scratch of dead processes
mod report; //   result of a collection
mod shard; //    objects and versions of one window and shard
mod sweep; //    leftovers of one job
mod uploads; //  unfinished uploads
mod versions; // manifests to keep and to give up

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use format::keys::{JOBS, MARKS};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use model::{Clock, JobId};

pub use format::keys::SCRATCH_LOCK;
pub use report::{Garbage, GarbageReason, GcReport};
pub use uploads::abort_uploads;

use crate::catalog::Catalog;
use crate::error::DatasetError;
use crate::marks;
pub(crate) use pass::is_open;
use pass::{Now, Pass};

/// Default age below which nothing is garbage; a shard commits long before its last part is that old.
pub const MIN_AGE: Duration = Duration::from_secs(60 * 60);

/// Scope of a collection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Marked jobs: those that ran since they were last swept.
    Changed,
    /// Also the versions of every window and shard, for a change of the number to keep.
    Versions,
    /// Also every job that the dataset knows, for an upgrade from a release without marks, or to be sure.
    #[default]
    All,
}

/// Options of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcOptions {
    /// Versions to keep of each (window, shard), counted from the current one; none keeps all.
    pub keep_versions: Option<usize>,
    /// Least age of garbage.
    pub min_age: Duration,
    /// True to delete the garbage, false to only report it.
    pub delete: bool,
    /// Scope of the collection.
    pub scope: Scope,
}

impl Default for GcOptions {
    fn default() -> Self {
        Self { keep_versions: None, min_age: MIN_AGE, delete: false, scope: Scope::All }
    }
}

/// Function that asks a cluster for the names of its open jobs.
type AskOpenJobs<'a> = dyn Fn() -> BoxFuture<'a, Result<HashSet<String>, DatasetError>> + Send + Sync + 'a;

/// Finds garbage, and deletes it if `options` say so. Ages are by the store's clock; a collection that deletes
/// nothing writes nothing either, and uses `clock` instead.
///
/// # Errors
/// A manifest cannot be read, or the store failed; everything deleted until then was garbage.
pub async fn collect(catalog: &Catalog, options: &GcOptions, clock: &dyn Clock) -> Result<GcReport, DatasetError> {
    collect_beside(catalog, options, clock, async || Ok(HashSet::new())).await
}

/// Collects as [`collect`] does, beside a cluster that works: nothing of its open jobs is garbage, regardless of their
/// marks say. `open_jobs` names them, and is called after a job's objects are listed: a job that was open by then and
/// no longer is has committed everything that it ever will.
///
/// # Errors
/// As for [`collect`], or `open_jobs` failed.
pub async fn collect_beside<'a, F>(
    catalog: &'a Catalog,
    options: &'a GcOptions,
    clock: &dyn Clock,
    open_jobs: impl Fn() -> F + Send + Sync + 'a,
) -> Result<GcReport, DatasetError>
where
    F: Future<Output = Result<HashSet<String>, DatasetError>> + Send + 'a,
{
    if options.keep_versions == Some(0) {
        return Err(DatasetError::Refused("the current version is always kept; keep 1 version or more".to_owned()));
    }
    let root = catalog.root();
    if !marks::is_marked(root).await? {
        return Ok(GcReport::unmarked(root));
    }
    let now_ms = if options.delete { pass::time_of_store(root).await? } else { clock.now_ms() };
    let ask = move || open_jobs().boxed();
    let mut pass = Pass::new(catalog, options, Now::new(now_ms, options.min_age), &ask);
    for job in jobs(catalog, options.scope).await? {
        let swept = pass.sweep(&job).await;
        pass.go_on(swept)?;
    }
    pass.processes().await?;
    if options.scope >= Scope::Versions && options.keep_versions.is_some() {
        pass.all_versions().await?;
    }
    pass.finish().await
}

/// Lists the jobs to examine, by name.
async fn jobs(catalog: &Catalog, scope: Scope) -> Result<BTreeSet<JobId>, DatasetError> {
    let mut names = catalog.root().list_folder(MARKS).await?.folders;
    if scope == Scope::All {
        names.extend(catalog.root().list_folder(JOBS).await?.folders);
    }
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

#[cfg(test)]
mod tests;
