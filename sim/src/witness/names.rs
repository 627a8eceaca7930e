//! Checks of unique names and of foreign objects: the dataset after etcd was lost, and among strangers.

use std::collections::BTreeMap;

use format::keys::{JobObject, ObjectKey, RunObject, ScratchKey};
use format::manifest::Manifest;
use format::state_keys::StateKey;
use format::state_records::JobHead;
use model::invariant::lost_input;
use model::{Digest, Invariant, JobId};
use storage::meta::{Change, Entry};

use super::Witness;
use super::manifests::{current, manifest_of, segments_of};
use crate::bucket::{Bucket, ObjectCall, Stored};
use crate::wider;

impl Witness {
    /// Notes that etcd has come back with these entries: revisions and counts begin anew.
    pub(crate) fn restored(&mut self, entries: Vec<Entry>) {
        let entries = entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
        self.before.push(std::mem::replace(&mut self.entries, entries));
        self.numbers.clear();
        self.commits.clear();
        // A job of the lost history may be submitted anew, and a leader of that history may end the commit that it
        // began: then one round takes two versions of the same content.
        let known = self.before.last().into_iter().chain([&self.entries]).flat_map(BTreeMap::values);
        let rounds = known.filter_map(|entry| match entry.key.parse() {
            Ok(StateKey::Job(job)) => Some((job, entry.record::<JobHead>().ok()?.round)),
            _ => None,
        });
        self.went_back.extend(rounds.collect::<Vec<_>>());
        self.leader = 0;
    }

    /// Notes that a stranger puts this key.
    pub(crate) fn stranger(&mut self, key: &str) {
        self.strange_keys.insert(key.to_owned());
    }

    /// Notes that an object of `job` was lost by a fault: the job may fail over it, and be submitted anew under its
    /// name.
    pub(crate) fn object_lost(&mut self, job: &JobId, key: String, object: Option<Stored>) {
        self.numbers.retain(|task, _| task.job != *job);
        self.lost.extend(object.map(|object| (key, object)));
    }

    /// GC-1 in etcd: checks that foreign keys stay, unless they lie in a job's own folder, and that foreign fields
    /// stay.
    pub(super) fn check_strangers(&mut self, change: &Change) {
        match change {
            Change::Deleted { key } if self.is_strange(key) && !wider::is_of_a_job(key) => {
                self.violated(Invariant::Gc1, format!("{key}, which is not ours, is deleted from etcd"));
            }
            Change::Put(entry) if matches!(entry.key.parse(), Ok(StateKey::Job(_) | StateKey::Shard(..))) => {
                let had = self.entries.get(&entry.key).is_some_and(has_strange_field);
                if had && !has_strange_field(entry) {
                    let what = format!("{} has lost a field that a newer version wrote", entry.key);
                    self.violated(Invariant::Gc1, what);
                }
            }
            _ => {}
        }
    }

    /// True if a stranger has put the key.
    pub(super) fn is_strange(&self, key: &str) -> bool {
        self.strange_keys.contains(key)
    }

    /// Checks that an object of an attempt or a round has a unique name, and is never overwritten.
    pub(super) fn named(&mut self, key: &str, bytes: &[u8], is_create: bool) {
        let invariant = match key.parse() {
            Ok(ObjectKey::Data(_)) => Invariant::Cm2,
            Ok(ObjectKey::Scratch(ScratchKey::Job(_, run))) if !matches!(run.object, RunObject::List(_)) => {
                Invariant::Ls1
            }
            // A leader may report the end of a round twice; the second report is refused.
            Ok(ObjectKey::OfJob(_, JobObject::Record(..))) if !is_create => Invariant::Ls3,
            _ => return,
        };
        if invariant == Invariant::Ls3 {
            return self.violated(invariant, format!("{key} is put, whatever is there"));
        }
        let digest = Digest::of(bytes);
        let before = *self.written.entry(key.to_owned()).or_insert(digest);
        if before != digest {
            self.violated(invariant, format!("{key} was written before, with other content: its name has come twice"));
        }
    }

    /// GC-1 in the bucket: checks that foreign objects stay unchanged.
    pub(super) fn check_foreign(&mut self, call: &ObjectCall) {
        let key = call.key();
        let changes = matches!(call, ObjectCall::Delete { .. } | ObjectCall::Put { create: false, .. });
        if changes && self.strange_objects.contains(key) {
            let what = format!("{key}, which is not ours, is deleted or written over ({})", call.name());
            self.violated(Invariant::Gc1, what);
        }
    }

    /// Notes the versions that are current when a round of a job is about to be planned.
    pub(super) fn plans_over(&mut self, job: JobId, bucket: &Bucket) {
        self.bases.insert(job, current(bucket));
    }

    /// CM-5: checks that the input of the replaced version is kept, or was known when the new one was planned.
    pub(super) fn check_input(&mut self, key: &str, manifest: &Manifest, replaced: Option<(u32, &Bucket)>) {
        let Some((version, bucket)) = replaced else { return };
        let Some(before) = manifest_of(bucket, manifest.window, manifest.shard, version) else { return };
        let inputs = segments_of(bucket, &before.inputs).zip(segments_of(bucket, &manifest.inputs));
        let Some((theirs, ours)) = inputs else { return };
        let lost = lost_input(&theirs, &ours);
        let known = self.bases.get(&manifest.job).map_or(0, |known| known.get(&manifest.shard).copied().unwrap_or(0));
        if let [lost, ..] = lost.first.as_slice()
            && known < version
        {
            let what = format!("{key} takes the place of v{version}, planned over v{known}, and has not read {lost}");
            self.violated(Invariant::Cm5, what);
        }
    }
}

fn has_strange_field(entry: &Entry) -> bool {
    let value: Option<serde_json::Value> = serde_json::from_slice(&entry.value).ok();
    value.is_some_and(|value| value.get(wider::STRANGE_FIELD).is_some())
}
