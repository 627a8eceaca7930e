//! Open jobs on a dataset, as facts about its coverage.

use std::collections::BTreeMap;
use std::sync::Arc;

use dataset::coverage::{InputSize, JobFacts, JobStage, OpenJobs, ShardTry, TryInput, TryOutcome};
use format::state_records::{JobHead, ShardPhase, ShardRecord};
use model::JobId;

use super::Leader;
use super::live::LiveJob;
use super::recovering::Recovering;
use crate::coverage::DatasetPlace;
use crate::report::ShardReport;

impl Leader {
    /// Lists the open jobs on a dataset, with the state of their shards.
    pub(super) fn open_on(&self, place: &DatasetPlace) -> OpenJobs {
        let live = || self.jobs.iter().filter(|(_, live)| DatasetPlace::of(&live.job.dataset) == *place);
        // The shards that an earlier leader left are opened in a moment.
        let reopening = live().filter(|(_, live)| live.recovered.is_some()).map(|(id, _)| id);
        let recovering = self.recovering.iter().filter(|(_, recovering)| may_be_on(recovering, place));
        let unsettled = recovering.map(|(id, _)| id).chain(reopening);
        let sentence = |id: &JobId| format!("job {id} is being taken over from another leader");
        OpenJobs {
            jobs: live().map(|(_, live)| (live.spec.settings.window, facts(live))).collect(),
            names: self.state.job_ids().cloned().collect(),
            unsettled: unsettled.map(sentence).collect(),
        }
    }
}

/// True if the job writes to the dataset, or its head does not say to which one.
fn may_be_on(recovering: &Recovering, place: &DatasetPlace) -> bool {
    let named = |head: &JobHead| DatasetPlace::named(head.dataset.as_str()) == *place;
    recovering.head.as_ref().is_none_or(named)
}

fn facts(live: &LiveJob) -> JobFacts {
    let mut shards = BTreeMap::new();
    for report in live.earlier.iter().flat_map(|earlier| &earlier.shards) {
        let outcome = match report.version.filter(|_| report.is_done()) {
            Some(version) => TryOutcome::Done { version },
            // This round runs it again.
            None => TryOutcome::Running,
        };
        shards.insert(report.shard, ShardTry { outcome, input: input(report) });
    }
    for planned in &live.planned {
        let report = ShardReport::planned(&planned.plan);
        shards.insert(report.shard, ShardTry { outcome: TryOutcome::Running, input: input(&report) });
    }
    let of_round = live.shards.iter().map(|(shard, live)| (*shard, tried(&live.record, &live.report)));
    shards.extend(of_round);
    let mut facts = JobFacts {
        job: live.spec.job.clone(),
        submitted_at_ms: live.head.submitted_at_ms,
        round: live.head.round,
        stage: JobStage::Open,
        is_whole: live.spec.shards.is_empty(),
        is_plan_known: true,
        map: Some(Arc::clone(&live.job.shard_map)),
        shards,
        cause: None,
    };
    facts.add_named(&live.spec.shards);
    facts
}

fn tried(record: &ShardRecord, report: &ShardReport) -> ShardTry {
    let cause = || report.cause.clone().or_else(|| record.cause.as_ref().map(ToString::to_string)).unwrap_or_default();
    let outcome = match record.phase {
        ShardPhase::Running | ShardPhase::Committing => TryOutcome::Running,
        ShardPhase::Done => TryOutcome::Done { version: record.version.unwrap_or_default() },
        ShardPhase::Failed => TryOutcome::Failed { cause: cause() },
        ShardPhase::Cancelled => TryOutcome::Cancelled { cause: cause() },
    };
    ShardTry { outcome, input: input(report) }
}

/// Returns the planned input of a shard. A report that was lost has tasks, and no segments.
fn input(report: &ShardReport) -> TryInput {
    match (report.segments, report.map_tasks) {
        (0, 1..) => TryInput::Unknown,
        (segments, _) => TryInput::Planned(InputSize { segments: segments as u64, bytes: report.totals.bytes_in }),
    }
}
