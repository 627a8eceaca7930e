//! Verdicts as messages of the wire, and back.

use model::limits::COVERAGE_CAUSES_MAX;
use model::{JobId, OrgId};
use proto::convert::parsed;
use proto::{FieldError, v1};

use super::verdict::{CoverageState, LaterTry, PlanInForce, Question, ShardCoverage, WindowCoverage};

/// Longest cause on the wire, in bytes; `job get` has the whole.
const CAUSE_BYTES_MAX: usize = 1024;

/// States, as the wire and the model have them.
const STATES: [(CoverageState, v1::CoverageState); 7] = [
    (CoverageState::Empty, v1::CoverageState::Empty),
    (CoverageState::Complete, v1::CoverageState::Complete),
    (CoverageState::Unknown, v1::CoverageState::Unknown),
    (CoverageState::Holes, v1::CoverageState::Holes),
    (CoverageState::Running, v1::CoverageState::Running),
    (CoverageState::Missing, v1::CoverageState::Missing),
    (CoverageState::Failed, v1::CoverageState::Failed),
];

impl From<CoverageState> for v1::CoverageState {
    fn from(state: CoverageState) -> Self {
        STATES.iter().find(|(ours, _)| *ours == state).map_or(Self::Unspecified, |(_, wire)| *wire)
    }
}

/// Reads a state; one of a later version counts as unknown.
fn state_of(wire: v1::CoverageState) -> CoverageState {
    STATES.iter().find(|(_, theirs)| *theirs == wire).map_or(CoverageState::Unknown, |(state, _)| *state)
}

impl WindowCoverage {
    /// Builds the message, with the answer to `question` in a sentence. Causes beyond the first
    /// [`COVERAGE_CAUSES_MAX`] are left out, so that a window of many failed shards fits a message.
    pub fn to_wire(&self, question: Question) -> v1::WindowCoverage {
        let mut causes = 0;
        let shard = |shard: &ShardCoverage| {
            let mut message = v1::ShardCoverage::from(shard);
            causes += usize::from(!message.cause.is_empty());
            let bytes_max = if causes > COVERAGE_CAUSES_MAX { 0 } else { CAUSE_BYTES_MAX };
            message.cause.truncate(message.cause.floor_char_boundary(bytes_max));
            message
        };
        v1::WindowCoverage {
            window: self.window.to_string(),
            state: v1::CoverageState::from(self.state).into(),
            answer: self.answer(question),
            plan: self.plan.as_ref().map(v1::CoveragePlan::from),
            shards: self.shards.iter().map(shard).collect(),
            notes: self.notes.clone(),
        }
    }
}

impl TryFrom<v1::WindowCoverage> for WindowCoverage {
    type Error = FieldError;

    fn try_from(message: v1::WindowCoverage) -> Result<Self, FieldError> {
        let state = state_of(message.state());
        let within = |error: FieldError| error.within("shards");
        let shard = |shard| ShardCoverage::try_from(shard).map_err(within);
        Ok(Self {
            window: parsed("window", &message.window)?,
            state,
            plan: message.plan.map(PlanInForce::try_from).transpose()?,
            shards: message.shards.into_iter().map(shard).collect::<Result<_, _>>()?,
            notes: message.notes,
        })
    }
}

impl From<&PlanInForce> for v1::CoveragePlan {
    fn from(plan: &PlanInForce) -> Self {
        Self {
            job: plan.job.to_string(),
            submitted_at_ms: plan.submitted_at_ms,
            shards: plan.shards,
            segments: plan.segments,
            bytes: plan.bytes,
        }
    }
}

impl TryFrom<v1::CoveragePlan> for PlanInForce {
    type Error = FieldError;

    fn try_from(plan: v1::CoveragePlan) -> Result<Self, FieldError> {
        Ok(Self {
            job: parsed("plan.job", &plan.job)?,
            submitted_at_ms: plan.submitted_at_ms,
            shards: plan.shards,
            segments: plan.segments,
            bytes: plan.bytes,
        })
    }
}

impl From<&ShardCoverage> for v1::ShardCoverage {
    fn from(shard: &ShardCoverage) -> Self {
        let later = shard.later.as_ref();
        Self {
            shard: shard.shard.to_string(),
            state: v1::CoverageState::from(shard.state).into(),
            version: shard.version.unwrap_or_default(),
            job: shard.job.as_ref().map(JobId::to_string).unwrap_or_default(),
            committed_at_ms: shard.committed_at_ms,
            segments: shard.segments,
            bytes: shard.bytes,
            frames_quarantined: shard.frames_quarantined,
            bytes_quarantined: shard.bytes_quarantined,
            misplaced: shard.misplaced.iter().map(|(org, frames)| (org.0, *frames)).collect(),
            misplaced_unlisted: shard.misplaced_unlisted,
            segments_lacking: shard.segments_lacking,
            bytes_lacking: shard.bytes_lacking,
            later_job: later.map(|later| later.job.to_string()).unwrap_or_default(),
            later_outcome: later.map(|later| later.outcome.clone()).unwrap_or_default(),
            cause: shard.cause.clone().unwrap_or_default(),
        }
    }
}

impl TryFrom<v1::ShardCoverage> for ShardCoverage {
    type Error = FieldError;

    fn try_from(shard: v1::ShardCoverage) -> Result<Self, FieldError> {
        let later = match shard.later_job.as_str() {
            "" => None,
            job => Some(LaterTry { job: parsed("later_job", job)?, outcome: shard.later_outcome.clone() }),
        };
        let job = match shard.job.as_str() {
            "" => None,
            job => Some(parsed("job", job)?),
        };
        Ok(Self {
            state: state_of(shard.state()),
            shard: parsed("shard", &shard.shard)?,
            version: (shard.version > 0).then_some(shard.version),
            job,
            committed_at_ms: shard.committed_at_ms,
            segments: shard.segments,
            bytes: shard.bytes,
            frames_quarantined: shard.frames_quarantined,
            bytes_quarantined: shard.bytes_quarantined,
            misplaced: shard.misplaced.into_iter().map(|(org, frames)| (OrgId(org), frames)).collect(),
            misplaced_unlisted: shard.misplaced_unlisted,
            segments_lacking: shard.segments_lacking,
            bytes_lacking: shard.bytes_lacking,
            later,
            cause: (!shard.cause.is_empty()).then_some(shard.cause),
        })
    }
}
