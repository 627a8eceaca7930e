//! Checks of commits: plans cover the input, manifests name the attempts that count, and nothing vanishes afterwards.

use std::collections::BTreeMap;

use format::keys::{JobObject, MANIFESTS, ManifestName, ObjectKey};
use format::manifest::Manifest;
use format::segments::Inputs;
use format::state_keys::StateKey;
use format::state_records::{DoneRecord, JobHead, ShardRecord, StateRecord};
use model::invariant::{covers_once, names_each_once, version_follows};
use model::{
    ByteRange, Digest, Invariant, JobId, PartitionId, Report, SegmentList, ShardId, ShardPlan, TaskId, TaskKind,
    TaskPath, Window,
};

use storage::meta::Entry;

use super::Witness;
use super::records::report_key;
use crate::bucket::{Bucket, ObjectCall, Stored};

/// Root of the dataset in the bucket.
const DATASET: &str = "dataset/";

impl Witness {
    /// Checks a write or removal in the bucket before it happens.
    pub(crate) fn will_change(&mut self, call: &ObjectCall, bucket: &Bucket) {
        let Some(key) = call.key().strip_prefix(DATASET) else { return };
        self.check_foreign(call);
        if let ObjectCall::Put { bytes, create, .. } = call {
            self.named(key, bytes, *create);
        }
        if let (ObjectCall::Put { .. }, Ok(ObjectKey::OfJob(job, JobObject::Bases(..))), None) =
            (call, key.parse(), bucket.object(call.key()))
        {
            self.plans_over(job, bucket);
        }
        match call {
            ObjectCall::Put { bytes, create, .. } if key.starts_with(MANIFESTS) => {
                match bucket.object(call.key()) {
                    // A create-only write that comes late or twice changes nothing.
                    Some(_) if *create => {}
                    Some(there) if there.bytes == *bytes => {}
                    Some(_) => self.violated(Invariant::Cm3, format!("{key} is written over")),
                    None => self.published(key, bytes, bucket),
                }
            }
            ObjectCall::Put { bytes, .. } if key.contains("/plans/") => self.planned(key, bytes),
            ObjectCall::Delete { .. } if bucket.object(call.key()).is_some() => self.removed(key, bucket),
            _ => {}
        }
    }

    /// PL-1: checks a plan that is about to be written.
    fn planned(&mut self, key: &str, bytes: &[u8]) {
        let Ok(plan) = serde_json::from_slice::<ShardPlan>(bytes) else {
            return self.violated(Invariant::Pl1, format!("{key} is not a plan"));
        };
        let mut ranges: BTreeMap<u32, Vec<ByteRange>> = BTreeMap::new();
        for split in plan.map_tasks.iter().flat_map(|task| task.splits()) {
            ranges.entry(split.segment).or_default().push(split.range);
        }
        for (position, segment) in plan.segments.iter().enumerate() {
            let ranges = ranges.remove(&(position as u32)).unwrap_or_default();
            if !covers_once(ranges, segment.size) {
                self.violated(Invariant::Pl1, format!("{key} does not cover {} once", segment.key));
            }
        }
    }

    /// CM-1, CM-2, CM-3, DT-1, PL-2: checks a manifest that is about to become visible.
    fn published(&mut self, key: &str, bytes: &[u8], bucket: &Bucket) {
        let (name, manifest) = match (key.parse::<ManifestName>(), Manifest::from_bytes(key, bytes)) {
            (Ok(name), Ok(manifest)) => (name, manifest),
            (name, manifest) => {
                return self.violated(Invariant::Cm1, format!("{key}: {:?} {:?}", name.err(), manifest.err()));
            }
        };
        let latest = versions(bucket, name.window, name.shard).last().copied();
        if !version_follows(latest, name.version) {
            self.violated(Invariant::Cm3, format!("{key} follows version {latest:?}"));
        }
        for object in manifest.objects() {
            let found = bucket.object(&format!("{DATASET}{}", object.key));
            let is_it = found.is_some_and(|found| {
                found.bytes.len() as u64 == object.size && Digest::of(&found.bytes) == object.digest
            });
            if !is_it {
                self.violated(Invariant::Cm2, format!("{key} names {}, which is not there as it says", object.key));
            }
        }
        if let Err(error) = manifest.books.balance() {
            self.violated(Invariant::Dt1, format!("{key}: {error:?}"));
        }
        self.check_input(key, &manifest, latest.map(|latest| (latest, bucket)));
        self.check_plan(key, &manifest, bucket);
        self.count_commit(key, &manifest);
    }

    /// CM-1: checks that the version in a shard's record is a manifest of its job.
    pub(super) fn check_version(&mut self, job: &JobId, shard: ShardId, version: Option<u32>, bucket: &Bucket) {
        let prefix = format!("{DATASET}{MANIFESTS}/");
        let is_it = |key: &str| {
            let name = key.strip_prefix(DATASET).and_then(|key| key.parse::<ManifestName>().ok());
            name.is_some_and(|name| name.shard == shard && Some(name.version) == version)
        };
        // Jobs of other windows have versions of this number, too.
        let written = bucket.under(&prefix).filter(|(key, _)| is_it(key));
        let writers: Vec<JobId> =
            written.filter_map(|(key, object)| Some(Manifest::from_bytes(key, &object.bytes).ok()?.job)).collect();
        if !writers.contains(job) {
            let what = format!("{job} has {shard} as version {version:?}, which is by {writers:?}");
            self.violated(Invariant::Cm1, what);
        }
    }

    /// CM-3: checks that a run of a shard takes one version.
    fn count_commit(&mut self, key: &str, manifest: &Manifest) {
        let head: Option<JobHead> = self.record(StateKey::Job(manifest.job.clone()));
        let round = head.map_or(0, |head| head.round);
        if self.went_back.contains(&(manifest.job.clone(), round)) {
            return;
        }
        let versions = self.commits.entry((manifest.job.clone(), round, manifest.shard)).or_default();
        versions.push(manifest.version);
        if versions.len() > 1 {
            let what = format!("{key}: {} committed the shard as versions {versions:?}", manifest.job);
            self.violated(Invariant::Cm3, what);
        }
    }

    /// CM-1 and PL-2: checks that the manifest names the recorded attempts of the plan's tasks. If etcd has gone
    /// back, earlier records count as well, because a leader that does not know yet may go on.
    fn check_plan(&mut self, key: &str, manifest: &Manifest, bucket: &Bucket) {
        let states = std::iter::once(&self.entries).chain(self.before.iter().rev()).collect();
        let verdict = Looking { states, lost: &self.lost, bucket }.plan(key, manifest);
        if let Err((invariant, what)) = verdict {
            self.violated(invariant, what);
        }
    }

    /// GC-1: checks that an object named by a manifest stays, and the current version itself too.
    fn removed(&mut self, key: &str, bucket: &Bucket) {
        if let Ok(name) = key.parse::<ManifestName>() {
            if versions(bucket, name.window, name.shard).last() == Some(&name.version) {
                self.violated(Invariant::Gc1, format!("{key}, which is current, is deleted"));
            }
            return;
        }
        if !key.starts_with(format::keys::DATA) {
            return;
        }
        let prefix = format!("{DATASET}{MANIFESTS}/");
        let names = |(at, object): (&String, &crate::bucket::Stored)| {
            let manifest = Manifest::from_bytes(at, &object.bytes).ok()?;
            manifest.objects().any(|object| object.key == key).then(|| at.clone())
        };
        let namer = bucket.under(&prefix).find_map(names);
        if let Some(namer) = namer {
            self.violated(Invariant::Gc1, format!("{key}, which {namer} names, is deleted"));
        }
    }
}

/// Manifest under check, with etcd as it is and as it was before it went back.
struct Looking<'a> {
    states: Vec<&'a BTreeMap<String, Entry>>,
    lost: &'a BTreeMap<String, Stored>,
    bucket: &'a Bucket,
}

type Looked = Result<(), (Invariant, String)>;

impl Looking<'_> {
    /// Lists a record in each state that has it.
    fn records<R: StateRecord>(&self, key: StateKey) -> impl Iterator<Item = R> {
        let key = String::from(key);
        self.states.iter().filter_map(move |entries| entries.get(&key)?.record().ok())
    }

    fn plan(&self, key: &str, manifest: &Manifest) -> Looked {
        let path = |task| TaskPath { job: manifest.job.clone(), shard: manifest.shard, task };
        let mut records = self.records(StateKey::Shard(manifest.job.clone(), manifest.shard));
        let plan = records.find_map(|record: ShardRecord| {
            let plan = format!("{DATASET}{}", format::keys::plan(&manifest.job, manifest.shard, record.plan));
            let object = self.bucket.object(&plan).or_else(|| self.lost.get(&plan))?;
            serde_json::from_slice::<ShardPlan>(&object.bytes).ok()
        });
        let Some(plan) = plan else {
            return Err((Invariant::Cm1, format!("{key} is of a shard without a plan")));
        };
        if !names_each_once(manifest.partitions.iter().map(|entry| entry.partition), plan.partitions) {
            let what = format!("{key} does not name each of {} partitions once", plan.partitions);
            return Err((Invariant::Cm1, what));
        }
        for entry in &manifest.partitions {
            let PartitionId(ordinal) = entry.partition;
            let task = TaskId { kind: TaskKind::Reduce, ordinal };
            let mut done = self.records(StateKey::Done(path(task)));
            if !done.any(|done: DoneRecord| done.attempt == entry.attempt) {
                let what = format!("{key} names {} for partition {ordinal}, which is not on record", entry.attempt);
                return Err((Invariant::Cm1, what));
            }
        }
        self.stitches(key, &plan, path)
    }

    /// PL-2: checks that the ranges read by the attempts that count join, from the first byte of each segment to its
    /// last.
    fn stitches(&self, key: &str, plan: &ShardPlan, path: impl Fn(TaskId) -> TaskPath) -> Looked {
        let mut read: BTreeMap<u32, Vec<ByteRange>> = BTreeMap::new();
        for ordinal in 0..plan.map_tasks.len() as u32 {
            let task = path(TaskId::map(ordinal));
            let done: Option<DoneRecord> = self.records(StateKey::Done(task.clone())).next();
            let report = done.and_then(|done| self.bucket.object(&report_key(&task, done.attempt)));
            let Some(Ok(Report::Map(report))) = report.map(|report| Report::from_bytes(&report.bytes)) else {
                // A leader that did not know of a restored state may end what it began after others have cleaned up.
                if report.is_none() && self.states.len() > 1 {
                    return Ok(());
                }
                return Err((Invariant::Pl2, format!("{key}: {task} has no report that counts")));
            };
            for split in &report.splits {
                // If no frame starts in the split, it owned nothing and ends where it began.
                let range = split.first.map(|first| ByteRange { start: first, end: split.end });
                read.entry(split.split.segment).or_default().extend(range);
            }
        }
        for (position, segment) in plan.segments.iter().enumerate() {
            let ranges = read.remove(&(position as u32)).unwrap_or_default();
            if !covers_once(ranges.clone(), segment.size) {
                let what = format!("{key}: {} of {} bytes was read as {ranges:?}", segment.key, segment.size);
                return Err((Invariant::Pl2, what));
            }
        }
        Ok(())
    }
}

/// Returns the current version of each shard that has one.
pub(super) fn current(bucket: &Bucket) -> BTreeMap<ShardId, u32> {
    let prefix = format!("{DATASET}{MANIFESTS}/");
    let name = |key: &String| key.strip_prefix(DATASET)?.parse::<ManifestName>().ok();
    // Keys ascend, so the largest version of a shard comes last.
    bucket.under(&prefix).filter_map(|(key, _)| name(key)).map(|name| (name.shard, name.version)).collect()
}

/// Reads a manifest of the bucket.
pub(super) fn manifest_of(bucket: &Bucket, window: Window, shard: ShardId, version: u32) -> Option<Manifest> {
    let key = format!("{DATASET}{}", ManifestName { window, shard, version });
    Manifest::from_bytes(&key, &bucket.object(&key)?.bytes).ok()
}

/// Reads the segments that a manifest names; none if their object is gone or damaged.
pub(crate) fn segments_of(bucket: &Bucket, inputs: &Inputs) -> Option<SegmentList> {
    match inputs {
        Inputs::Inline(segments) => Some(segments.clone()),
        Inputs::Listed(listed) => listed.read(&bucket.object(&format!("{DATASET}{}", listed.object.key))?.bytes).ok(),
    }
}

/// Lists the versions of a shard, ascending.
fn versions(bucket: &Bucket, window: Window, shard: ShardId) -> Vec<u32> {
    let prefix = format!("{DATASET}{}/", ManifestName::folder(window, shard));
    let name = |key: &String| key.strip_prefix(DATASET)?.parse::<ManifestName>().ok();
    bucket.under(&prefix).filter_map(|(key, _)| name(key)).map(|name| name.version).collect()
}
