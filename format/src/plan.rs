//! The plan as an object: a JSON document that is named by its digest.
//!
//! A plan of few segments lists every segment and every split. In a larger plan the segments are an object of their
//! own, and a map task that reads several whole segments names only the first and the last: a document of a hundred
//! thousand segments is as small as one of a hundred.

use model::{Digest, JobId, JobSettings, MapTask, SegmentList, ShardId, ShardPlan, Split};
use serde::{Deserialize, Serialize};

use crate::keys;
use crate::segments::Inputs;

/// Plan whose segments may be stored in another object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanDocument {
    job: JobId,
    shard: ShardId,
    settings: JobSettings,
    segments: Inputs,
    map_tasks: Vec<Task>,
    partitions: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Task {
    Splits(Vec<Split>),
    /// Positions of the first and the last segment; empty segments between them are not read.
    Whole {
        first: u32,
        last: u32,
    },
}

/// Reference to the segments of a plan, for its document and for the manifest of its shard.
pub fn inputs(plan: &ShardPlan) -> Inputs {
    Inputs::of(&plan.segments, |digest| keys::segments(&plan.job, plan.shard, digest))
}

impl PlanDocument {
    /// Creates the document of a plan. Writes nothing: if [`Self::inputs`] names an object, write that first.
    pub fn of(plan: &ShardPlan) -> Self {
        let segments = inputs(plan);
        let is_small = segments.object().is_none();
        let task = |task: &MapTask| match task.splits().last() {
            Some(last) if !is_small && task.is_pack() => {
                Task::Whole { first: task.first().segment, last: last.segment }
            }
            _ => Task::Splits(task.splits().collect()),
        };
        Self {
            job: plan.job.clone(),
            shard: plan.shard,
            settings: plan.settings.clone(),
            map_tasks: plan.map_tasks.iter().map(task).collect(),
            partitions: plan.partitions,
            segments,
        }
    }

    /// Returns the reference to its segments.
    pub const fn inputs(&self) -> &Inputs {
        &self.segments
    }

    /// Serialises the document; returns the bytes and their digest.
    pub fn to_bytes(&self) -> (Vec<u8>, Digest) {
        let bytes = serde_json::to_vec(self).expect("a plan is numbers and names");
        let digest = Digest::of(&bytes);
        (bytes, digest)
    }

    /// Parses a document.
    ///
    /// # Errors
    /// Description of the fault.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// Completes the plan with the segments that [`Self::inputs`] names.
    ///
    /// # Errors
    /// A message that says where the document contradicts itself or the segments.
    pub fn into_plan(self, segments: SegmentList) -> Result<ShardPlan, String> {
        let task = |task: Task| match task {
            Task::Splits(splits) => MapTask::try_from(splits).map_err(str::to_owned),
            Task::Whole { first, last } => whole(&segments, first, last),
        };
        let map_tasks = self.map_tasks.into_iter().map(task).collect::<Result<_, _>>()?;
        let Self { job, shard, settings, partitions, .. } = self;
        Ok(ShardPlan { job, shard, settings, segments, map_tasks, partitions })
    }
}

fn whole(segments: &SegmentList, first: u32, last: u32) -> Result<MapTask, String> {
    if first > last || last as usize >= segments.len() {
        return Err(format!("a map task reads the segments {first} to {last} of {}", segments.len()));
    }
    let read = segments.iter_from(first as usize).zip(first..=last).filter(|(segment, _)| segment.size > 0);
    let split = |(segment, position): (model::SegmentRef, u32)| Split {
        segment: position,
        range: model::ByteRange::new(0, segment.size),
    };
    MapTask::try_from(read.map(split).collect::<Vec<_>>()).map_err(str::to_owned)
}

#[cfg(test)]
mod tests {
    use model::limits::SEGMENTS_INLINE_MAX;
    use model::{ByteRange, SegmentRef};

    use super::*;

    /// Plan of packs of three, with an empty segment now and then, and one segment that is cut.
    fn plan(count: u32) -> ShardPlan {
        let size = |at: u32| if at.is_multiple_of(5) && at + 1 < count { 0 } else { u64::from(at) };
        let segments: SegmentList = (0..count)
            .map(|at| SegmentRef { key: format!("shard=org-1/{at:06}.seg"), size: size(at), etag: None })
            .collect();
        let mut map_tasks = Vec::new();
        let full: Vec<u32> = (0..count - 1).filter(|at| size(*at) > 0).collect();
        for pack in full.chunks(3) {
            let split = |at: &u32| Split { segment: *at, range: ByteRange::new(0, size(*at)) };
            map_tasks.push(MapTask::of(pack.iter().map(split).collect()));
        }
        let cut = [ByteRange::new(0, 2), ByteRange::new(2, size(count - 1))];
        map_tasks.extend(cut.map(|range| MapTask::of(vec![Split { segment: count - 1, range }])));
        let job = "j".parse().expect("a job name");
        ShardPlan {
            job,
            shard: ShardId::Shared(1),
            settings: JobSettings::default(),
            segments,
            map_tasks,
            partitions: 2,
        }
    }

    #[test]
    fn a_small_plan_is_written_as_every_release_wrote_it() {
        let plan = plan(9);
        let (bytes, _) = PlanDocument::of(&plan).to_bytes();
        assert_eq!(bytes, serde_json::to_vec(&plan).expect("plain values"));
        assert_eq!(serde_json::from_slice::<ShardPlan>(&bytes).expect("it reads back"), plan);
        let start = r#"{"job":"j","shard":"org-mod-01","settings":{"#;
        assert!(bytes.starts_with(start.as_bytes()));
        let end = r#""map_tasks":[[{"segment":1,"range":{"start":0,"end":1}},{"segment":2,"range":{"start":0,"end":2}},{"segment":3,"range":{"start":0,"end":3}}],[{"segment":4,"range":{"start":0,"end":4}},{"segment":6,"range":{"start":0,"end":6}},{"segment":7,"range":{"start":0,"end":7}}],[{"segment":8,"range":{"start":0,"end":2}}],[{"segment":8,"range":{"start":2,"end":8}}]],"partitions":2}"#;
        let text = String::from_utf8(bytes).expect("text");
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn a_plan_of_any_size_reads_back_and_a_large_one_is_a_small_document() {
        for count in [9, SEGMENTS_INLINE_MAX as u32, SEGMENTS_INLINE_MAX as u32 + 1, 4999] {
            let plan = plan(count);
            let (bytes, digest) = PlanDocument::of(&plan).to_bytes();
            assert_eq!(digest, Digest::of(&bytes));
            let document = PlanDocument::from_bytes(&bytes).expect("it reads back");
            assert_eq!(document, PlanDocument::of(&plan));
            if document.inputs().object().is_some() {
                let per_task = bytes.len() / plan.map_tasks.len();
                assert!(per_task < 40, "{per_task} bytes a task of three segments");
            }
            assert_eq!(document.into_plan(plan.segments.clone()), Ok(plan));
        }
    }

    #[test]
    fn a_document_that_names_segments_that_are_not_there_is_refused() {
        let large = plan(3000);
        let document = PlanDocument::of(&large);
        let fewer: SegmentList = large.segments.iter().take(2000).collect();
        document.into_plan(fewer).expect_err("tasks read segments beyond the list");
    }
}
