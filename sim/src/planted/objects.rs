//! Planted bugs in requests to the bucket and their answers.

use std::cell::RefCell;
use std::collections::BTreeMap;

use format::keys::{MANIFESTS, ManifestName};
use format::manifest::Manifest;
use format::marks::{JobMark, MarkState};
use object_store::ObjectMeta;
use object_store::path::Path;

use super::{PlantedBug, struck};
use crate::bucket::{ObjectAnswer, ObjectCall};
use crate::port::Port;

thread_local! {
    /// First listing of each prefix by collectors of this run.
    static LISTED: RefCell<BTreeMap<String, Vec<ObjectMeta>>> = const { RefCell::new(BTreeMap::new()) };
    /// Latest version of each shard that was put to the bucket.
    static CURRENT: RefCell<BTreeMap<String, u32>> = const { RefCell::new(BTreeMap::new()) };
    /// First record of each job.
    static RECORDS: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
    /// Parts that should have been written, with their sizes.
    static UNWRITTEN: RefCell<BTreeMap<String, u64>> = const { RefCell::new(BTreeMap::new()) };
}

/// Forgets the notes of earlier runs on this thread.
pub(super) fn begin() {
    LISTED.take();
    UNWRITTEN.take();
    CURRENT.take();
    RECORDS.take();
}

fn is_manifest(key: &str) -> bool {
    key.strip_prefix("dataset/").is_some_and(|key| key.starts_with(MANIFESTS))
}

impl PlantedBug {
    /// Returns the request to make instead, or the answer if no request is made.
    pub(crate) fn object_call(self, call: ObjectCall, port: &Port) -> Result<ObjectCall, Box<ObjectAnswer>> {
        match (self, call) {
            (Self::ManifestOverwrites, ObjectCall::Put { key, bytes, id, .. }) if is_manifest(&key) => {
                Ok(ObjectCall::Put { key, bytes, create: false, id })
            }
            (Self::PartitionLeftOut, ObjectCall::Put { key, bytes, create, id }) if is_manifest(&key) => {
                struck(port);
                let bytes = without_last_partition(&key, &bytes).unwrap_or(bytes);
                Ok(ObjectCall::Put { key, bytes, create, id })
            }
            (Self::PartNotWritten, ObjectCall::Put { key, bytes, .. }) if key.ends_with(".part") => {
                struck(port);
                UNWRITTEN.with_borrow_mut(|unwritten| unwritten.insert(key, bytes.len() as u64));
                Err(Box::new(ObjectAnswer::Put { etag: "\"soon\"".to_owned() }))
            }
            (Self::CollectorTakesForeign, ObjectCall::Delete { key }) if key.starts_with("dataset/data/") => {
                struck(port);
                Ok(ObjectCall::Delete { key: "dataset/data/notes/old.part".to_owned() })
            }
            (Self::RecordReplaced, ObjectCall::Put { key, bytes, id, .. }) if key.contains("/records/") => {
                let (folder, _) = key.rsplit_once('/').unwrap_or_default();
                let first = RECORDS
                    .with_borrow_mut(|records| records.entry(folder.to_owned()).or_insert_with(|| key.clone()).clone());
                if first != key {
                    struck(port);
                }
                Ok(ObjectCall::Put { key: first, bytes, create: false, id })
            }
            (_, call) => Ok(call),
        }
    }

    /// Returns the answer to give instead.
    pub(crate) fn object_answer(self, call: &ObjectCall, answer: ObjectAnswer, port: &Port) -> ObjectAnswer {
        match (self, call, answer) {
            (Self::CollectorIgnoresMarks, ObjectCall::Get { key, head: false, .. }, ObjectAnswer::Got { meta, .. })
                if key.starts_with("dataset/marks/elsewhere/") =>
            {
                struck(port);
                let bytes = JobMark { state: MarkState::Over, process: None }.to_bytes();
                got(meta, bytes)
            }
            (Self::CollectorIgnoresPins, ObjectCall::List { prefix }, ObjectAnswer::Listed(mut objects))
                if prefix.starts_with("dataset/marks") =>
            {
                objects.retain(|object| !object.location.as_ref().contains("/pin-"));
                struck(port);
                ObjectAnswer::Listed(objects)
            }
            (Self::BaseNotedLate, ObjectCall::Put { key, .. }, answer @ ObjectAnswer::Put { .. })
                if is_manifest(key) =>
            {
                let name = key.strip_prefix("dataset/").and_then(|key| key.parse::<ManifestName>().ok());
                if let Some(name) = name {
                    CURRENT.with_borrow_mut(|current| current.insert(name.shard.to_string(), name.version));
                }
                answer
            }
            (Self::BaseNotedLate, ObjectCall::Get { key, head: false, .. }, ObjectAnswer::Got { meta, .. })
                if key.contains("/bases/") =>
            {
                struck(port);
                let current = CURRENT.with_borrow(|current| serde_json::json!({ "current": current }));
                got(meta, current.to_string().into_bytes())
            }
            (Self::LossWaitedFor, ObjectCall::Get { key, .. }, ObjectAnswer::NotFound)
                if key.contains("/spec-") || key.contains("/plans/") =>
            {
                struck(port);
                ObjectAnswer::SlowDown
            }
            (Self::RefusedIsDone, ObjectCall::Put { key, .. }, ObjectAnswer::Exists) if is_manifest(key) => {
                struck(port);
                ObjectAnswer::Put { etag: "\"ours\"".to_owned() }
            }
            (Self::PartNotWritten, ObjectCall::Get { key, head: true, .. }, ObjectAnswer::NotFound) => {
                let size = UNWRITTEN.with_borrow(|unwritten| unwritten.get(key).copied());
                size.map_or(ObjectAnswer::NotFound, |size| head(key, size))
            }
            (Self::OldListing, ObjectCall::List { prefix }, ObjectAnswer::Listed(objects))
                if prefix.starts_with("dataset/manifests") =>
            {
                let first = |listed: &mut BTreeMap<String, Vec<ObjectMeta>>| {
                    listed.entry(prefix.clone()).or_insert(objects).clone()
                };
                ObjectAnswer::Listed(LISTED.with_borrow_mut(first))
            }
            (_, _, answer) => answer,
        }
    }
}

/// Answer that holds an object with other content.
fn got(meta: ObjectMeta, bytes: Vec<u8>) -> ObjectAnswer {
    let meta = ObjectMeta { size: bytes.len() as u64, ..meta };
    ObjectAnswer::Got { range: 0..meta.size, meta, bytes: bytes.into() }
}

/// Head of an object that will be written soon.
fn head(key: &str, size: u64) -> ObjectAnswer {
    let location = Path::from(key);
    let meta = ObjectMeta { location, last_modified: chrono::DateTime::UNIX_EPOCH, size, e_tag: None, version: None };
    ObjectAnswer::Got { meta, range: 0..size, bytes: bytes::Bytes::new() }
}

fn without_last_partition(key: &str, bytes: &[u8]) -> Option<bytes::Bytes> {
    let mut manifest = Manifest::from_bytes(key, bytes).ok()?;
    manifest.partitions.pop()?;
    Some(manifest.to_bytes().into())
}
