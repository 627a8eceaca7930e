//! Judges one window: from facts to the state of each shard, and of the window. Pure.
//!
//! ```text
//! version | newest later plan has more input | holes | -> state
//! --------+----------------------------------+-------+-----------------------------------------------------------
//! none    |                                  |       | of the newest try: running, failed, missing; without a try:
//!         |                                  |       | empty if a job listed the whole input, else unknown
//! some    | yes                              |       | of that try: running, failed, missing; holes if it was done
//! some    | no                               | yes   | holes
//! some    | no                               | no    | complete, or empty if it was made of no segment
//! ```

use std::collections::BTreeSet;

use model::{OrgId, ShardId, Window};

use super::facts::{FoundVersion, JobFacts, JobStage, ShardTry, ShardVersion, TryInput, TryOutcome, WindowFacts};
use super::verdict::{CoverageState, LaterTry, PlanInForce, Question, ShardCoverage, WindowCoverage};

/// Judges a window, for the shards that the question is about.
pub fn judge(window: Window, facts: &WindowFacts, question: Question) -> WindowCoverage {
    let judge = Judge { facts, plan: whole_plan(facts), question };
    let shards: Vec<_> = judge.shards().into_iter().map(|shard| judge.shard(shard)).collect();
    let mut states: Vec<_> = shards.iter().map(|shard| shard.state).collect();
    let mut notes = judge.notes();
    if let Some((state, reason)) = judge.gap(shards.is_empty()) {
        states.push(state);
        notes.push(reason);
    }
    if !facts.unread.is_empty() {
        states.push(CoverageState::Unknown);
        notes.extend(facts.unread.iter().cloned());
    }
    let state = states.into_iter().max().unwrap_or(CoverageState::Unknown);
    WindowCoverage { window, state, plan: judge.plan.map(PlanInForce::of), shards, notes }
}

/// Returns the job that listed the input of the window as a whole, the latest of them.
fn whole_plan(facts: &WindowFacts) -> Option<&JobFacts> {
    facts.jobs.values().filter(|job| job.has_whole_plan()).max_by_key(|job| order(job))
}

fn order(job: &JobFacts) -> (i64, &model::JobId) {
    (job.submitted_at_ms, &job.job)
}

struct Judge<'a> {
    facts: &'a WindowFacts,
    plan: Option<&'a JobFacts>,
    question: Question,
}

impl<'a> Judge<'a> {
    /// Lists the shards that the question is about.
    fn shards(&self) -> BTreeSet<ShardId> {
        match self.question {
            Question::All => self.known_shards(),
            Question::Shard(shard) => BTreeSet::from([shard]),
            Question::Org(org) => self.shards_of(org),
        }
    }

    fn known_shards(&self) -> BTreeSet<ShardId> {
        let tried = self.facts.jobs.values().flat_map(|job| job.shards.keys());
        self.facts.versions.keys().chain(tried).copied().collect()
    }

    /// Lists the shards that hold, or should hold, an organisation. The shard map may have changed between jobs, so
    /// each shard is judged by the map of the job that wrote it, and of the job that tried it last. Shards in which
    /// frames of the organisation lay by mistake are among them.
    fn shards_of(&self, org: OrgId) -> BTreeSet<ShardId> {
        let routed = |job: &JobFacts| job.map.as_ref().map(|map| map.shard(org));
        let newest = || self.facts.jobs.values().filter(|job| job.map.is_some()).max_by_key(|job| order(job));
        let mut shards: BTreeSet<_> = self.plan.or_else(newest).and_then(routed).into_iter().collect();
        for shard in self.known_shards() {
            let version = self.version(shard);
            let writer = version.and_then(|version| self.facts.jobs.get(&version.job));
            let last = self.tries(shard).last().map(|(job, _)| *job);
            let is_routed = writer.into_iter().chain(last).any(|job| routed(job) == Some(shard));
            let is_misplaced = version.is_some_and(|version| version.may_hold_misplaced(org));
            if is_routed || is_misplaced {
                shards.insert(shard);
            }
        }
        shards
    }

    fn version(&self, shard: ShardId) -> Option<&'a ShardVersion> {
        match self.facts.versions.get(&shard) {
            Some(FoundVersion::Read(version)) => Some(version),
            Some(FoundVersion::Unreadable { .. }) | None => None,
        }
    }

    /// Lists the tries at a shard in the order of their submission.
    fn tries(&self, shard: ShardId) -> Vec<(&'a JobFacts, &'a ShardTry)> {
        let of_job = |job: &'a JobFacts| job.shards.get(&shard).map(|tried| (job, tried));
        let mut tries: Vec<_> = self.facts.jobs.values().filter_map(of_job).collect();
        tries.sort_by(|(a, _), (b, _)| order(a).cmp(&order(b)));
        tries
    }

    fn shard(&self, shard: ShardId) -> ShardCoverage {
        match self.facts.versions.get(&shard) {
            Some(FoundVersion::Read(version)) => self.versioned(shard, version),
            Some(FoundVersion::Unreadable { version, reason }) => ShardCoverage {
                version: Some(*version),
                cause: Some(reason.clone()),
                ..ShardCoverage::new(shard, CoverageState::Unknown)
            },
            None => self.unversioned(shard),
        }
    }

    fn unversioned(&self, shard: ShardId) -> ShardCoverage {
        let Some((job, tried)) = self.tries(shard).pop() else {
            let (state, reason) = match self.plan {
                Some(plan) => (CoverageState::Empty, format!("job {} found no segment of it", plan.job)),
                None => self.without_plan(),
            };
            return ShardCoverage { cause: Some(reason), ..ShardCoverage::new(shard, state) };
        };
        let cause = match &tried.outcome {
            TryOutcome::Done { version } => {
                Some(format!("job {} committed v{version}, and its manifest is gone; replay the shard", job.job))
            }
            outcome => cause_of(job, outcome),
        };
        let later = Some(LaterTry::of(job, &tried.outcome));
        ShardCoverage { cause, later, ..ShardCoverage::new(shard, state_of(&tried.outcome)) }
    }

    fn versioned(&self, shard: ShardId, version: &ShardVersion) -> ShardCoverage {
        let later: Vec<_> =
            self.tries(shard).into_iter().filter(|(job, tried)| self.is_later(version, job, tried)).collect();
        // A job that failed before it listed its segments has no fact about them.
        let planned = later.iter().rev().find(|(_, tried)| tried.input != TryInput::Unplanned);
        let ahead = planned.filter(|(_, tried)| match tried.input {
            TryInput::Planned(input) => input.exceeds(version.input),
            TryInput::Unknown => !matches!(tried.outcome, TryOutcome::Done { .. }),
            TryInput::Unplanned => false,
        });
        let mut found = ShardCoverage {
            later: later.last().map(|(job, tried)| LaterTry::of(job, &tried.outcome)),
            ..ShardCoverage::of_version(shard, version, self.question)
        };
        if let Some((job, tried)) = ahead {
            found.state = match state_of(&tried.outcome) {
                // A later version with more input was rolled back.
                CoverageState::Missing if matches!(tried.outcome, TryOutcome::Done { .. }) => CoverageState::Holes,
                state => state,
            };
            found.later = Some(LaterTry::of(job, &tried.outcome));
            found.cause = cause_of(job, &tried.outcome);
            if let TryInput::Planned(input) = tried.input {
                found.segments_lacking = input.segments.saturating_sub(version.input.segments);
                found.bytes_lacking = input.bytes.saturating_sub(version.input.bytes);
            }
        }
        found
    }

    /// True if a job was submitted after the job of the version, and so may know of more input. A rollback is
    /// committed late, but its parts are of the job that wrote them.
    fn is_later(&self, version: &ShardVersion, job: &JobFacts, tried: &ShardTry) -> bool {
        if job.job == version.job {
            let is_done = matches!(tried.outcome, TryOutcome::Done { .. });
            return !is_done && job.submitted_at_ms > version.committed_at_ms;
        }
        let writer = self.facts.jobs.get(&version.job).map(|writer| writer.submitted_at_ms);
        job.submitted_at_ms > writer.unwrap_or(version.committed_at_ms).min(version.committed_at_ms)
    }

    /// Returns the state of the shards that the window may have and that nobody has listed, and the reason; none if all
    /// shards are known.
    fn gap(&self, has_no_shard: bool) -> Option<(CoverageState, String)> {
        match self.plan {
            None if has_no_shard || self.question == Question::All => Some(self.without_plan()),
            // The shard of an organisation follows from the shard map.
            Some(plan) if plan.map.is_none() && matches!(self.question, Question::Org(_)) => {
                let reason = format!("the shard map of job {} cannot be read, so the shard is not known", plan.job);
                Some((CoverageState::Unknown, reason))
            }
            _ => None,
        }
    }

    /// Returns the state of a window whose input no job has listed as a whole, and the reason.
    fn without_plan(&self) -> (CoverageState, String) {
        let unplanned = self.facts.jobs.values().filter(|job| job.is_whole).max_by_key(|job| order(job));
        match unplanned {
            Some(job) => (stage_state(job), unplanned_note(job)),
            None if self.facts.versions.is_empty() && self.facts.jobs.is_empty() => {
                (CoverageState::Unknown, "no job over it is known".to_owned())
            }
            None => {
                let reason = "no job on record has listed its input as a whole, so other shards may have segments";
                (CoverageState::Unknown, reason.to_owned())
            }
        }
    }

    /// Lists the jobs over the whole window whose plan is not known and that came after the plan in force.
    fn notes(&self) -> Vec<String> {
        let Some(plan) = self.plan else { return Vec::new() };
        let is_later = |job: &&JobFacts| job.is_whole && !job.has_whole_plan() && order(job) > order(plan);
        self.facts.jobs.values().filter(is_later).map(unplanned_note).collect()
    }
}

const fn state_of(outcome: &TryOutcome) -> CoverageState {
    match outcome {
        TryOutcome::Running => CoverageState::Running,
        TryOutcome::Failed { .. } | TryOutcome::Cancelled { .. } => CoverageState::Failed,
        TryOutcome::Done { .. } | TryOutcome::Lost => CoverageState::Missing,
    }
}

const fn stage_state(job: &JobFacts) -> CoverageState {
    match job.stage {
        JobStage::Open => CoverageState::Running,
        JobStage::Ended => CoverageState::Failed,
        JobStage::Lost => CoverageState::Missing,
    }
}

fn unplanned_note(job: &JobFacts) -> String {
    let id = &job.job;
    match job.stage {
        JobStage::Open => format!("job {id} runs, and its plan is not known yet"),
        JobStage::Ended => {
            let cause = job.cause.as_deref().unwrap_or("it had nothing to do");
            format!("job {id} ended before it was planned: {cause}")
        }
        JobStage::Lost => format!("job {id} was lost; submit it again"),
    }
}

fn cause_of(job: &JobFacts, outcome: &TryOutcome) -> Option<String> {
    match outcome {
        TryOutcome::Running => None,
        TryOutcome::Failed { cause } | TryOutcome::Cancelled { cause } => Some(cause.clone()),
        TryOutcome::Done { version } => {
            Some(format!("v{version} of job {} was rolled back, and had more input", job.job))
        }
        TryOutcome::Lost => Some(format!("job {} was lost before the shard ended; submit it again", job.job)),
    }
}
