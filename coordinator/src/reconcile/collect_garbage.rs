//! Removes what no retained manifest names: parts of attempts that died, versions past those to keep, runs of jobs that are
//! over (GC-1 is the collector's, `dataset::gc`).

use std::collections::HashSet;

use dataset::Catalog;
use dataset::gc::{self, GcOptions};
use model::Clock;
use storage::Root;

use crate::settings::CollectorSettings;

pub(super) async fn collect(root: &Root, live_jobs: HashSet<String>, settings: &CollectorSettings, clock: &dyn Clock) {
    let options =
        GcOptions { keep_versions: settings.keep_versions, min_age: settings.min_age, delete: true, live_jobs };
    match gc::collect(&Catalog::new(root.clone()), &options, clock).await {
        Err(error) => tracing::warn!(%error, dataset = %root, "collect garbage; the next time will do"),
        Ok(report) => {
            metrics::counter!("tailor_garbage_objects_total").increment(report.garbage.len() as u64);
            if !report.garbage.is_empty() {
                tracing::info!(dataset = %root, objects = report.garbage.len(), bytes = report.bytes, "garbage removed");
            }
        }
    }
}
