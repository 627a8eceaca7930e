//! Removes objects that no retained manifest names: parts of dead attempts, versions beyond those to keep, runs of
//! jobs that are over (`dataset::gc` keeps GC-1).

use dataset::gc::{self, GcOptions, Scope};
use dataset::{Catalog, DatasetError};
use model::Clock;
use model::error::chain;
use storage::Root;

use crate::leader::{Ask, Handle};
use crate::settings::CollectorSettings;

pub(super) async fn collect(
    root: &Root,
    leader: &Handle,
    settings: &CollectorSettings,
    scope: Scope,
    clock: &dyn Clock,
) {
    let options = GcOptions { keep_versions: settings.keep_versions, min_age: settings.min_age, delete: true, scope };
    let open_jobs = async move || {
        let open = leader.ask(|reply| Ask::OpenJobs { reply }).await;
        open.map_err(|error| DatasetError::Refused(error.to_string()))
    };
    match gc::collect_beside(&Catalog::new(root.clone()), &options, clock, open_jobs).await {
        Err(error) => {
            tracing::warn!(error = chain(&error), dataset = %root, "failed to collect garbage; the next run tries again")
        }
        Ok(report) => {
            metrics::counter!("tailor_garbage_objects_total").increment(report.objects);
            if report.objects > 0 {
                tracing::info!(dataset = %root, objects = report.objects, bytes = report.bytes, "removed garbage");
            }
        }
    }
}
