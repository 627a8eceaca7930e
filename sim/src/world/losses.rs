//! Permanent losses, and writes of strangers.

use std::time::Duration;

use format::keys::{JobObject, ObjectKey};
use format::state_keys::StateKey;
use model::Clock as _;

use super::World;
use crate::bucket::ObjectCall;
use crate::wider;

/// Time that coordinators are down while an object of a job is lost.
const DOWN: Duration = Duration::from_secs(3);

impl World {
    /// Replaces etcd's state by an older one, or by none, and breaks every connection to it.
    pub(super) fn restore_state(&mut self, is_lost: bool) {
        self.look_at_state(None);
        self.break_state_calls();
        let entries = self.state.restore(is_lost);
        self.trace.note(format_args!("etcd comes back with {} keys", entries.len()));
        self.witness.restored(entries);
    }

    /// Writes a key of a stranger; or leads for a moment as a newer version, which adds a field to a record.
    pub(super) fn write_strangely(&mut self, draw: usize) {
        self.look_at_state(None);
        let known = |key: &str| matches!(key.parse(), Ok(StateKey::Job(_) | StateKey::Shard(..)));
        let mut records = self.state.entries();
        records.retain(|entry| known(&entry.key));
        if draw.is_multiple_of(2) || records.is_empty() {
            let key = wider::state_key(draw / 2);
            self.witness.stranger(key);
            self.state.put(key, b"not yours".to_vec(), None);
        } else {
            let entry = &records[draw / 2 % records.len()];
            self.state.end_leader();
            self.look_at_state(None);
            if let Ok(serde_json::Value::Object(mut record)) = serde_json::from_slice(&entry.value) {
                record.insert(wider::STRANGE_FIELD.to_owned(), "blue".into());
                let value = serde_json::to_vec(&record).unwrap_or_default();
                self.state.put(&entry.key, value, entry.lease);
            }
        }
        self.look_at_state(None);
    }

    /// Crashes every coordinator, and removes the spec or a plan of an open job before they come back.
    pub(super) fn lose_object(&mut self, draw: usize) {
        let entries = self.state.entries();
        let open: Vec<_> = entries
            .iter()
            .filter_map(|entry| match entry.key.parse() {
                Ok(StateKey::Job(job)) => Some(job),
                _ => None,
            })
            .collect();
        let of_open = |key: &str| match key.strip_prefix("dataset/")?.parse::<ObjectKey>().ok()? {
            ObjectKey::OfJob(job, JobObject::Spec(_) | JobObject::Plan(..)) if open.contains(&job) => {
                Some((job, key.to_owned()))
            }
            _ => None,
        };
        let keys: Vec<_> = self.objects().under("dataset/jobs/").filter_map(|(key, _)| of_open(key)).collect();
        let Some((job, key)) = (!keys.is_empty()).then(|| keys[draw % keys.len()].clone()) else { return };
        let back_at = self.now + DOWN;
        (0..self.coordinators).for_each(|process| self.crash(process, back_at));
        let lost = self.objects().lose(&key);
        self.trace.note(format_args!("{key} is lost"));
        self.witness.object_lost(&job, key, lost);
    }

    /// Writes a segment to the input.
    pub(super) fn land(&mut self, key: String, bytes: Vec<u8>) {
        let now_ms = self.clock.now_ms();
        let put = ObjectCall::Put { key, bytes: bytes.into(), create: true, id: u64::MAX / 2 };
        self.objects().call(&put, now_ms);
    }
}
