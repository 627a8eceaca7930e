//! Contents of the simulated bucket.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::DateTime;
use model::TimestampMs;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::{ObjectAnswer, ObjectCall};

/// Bucket with its objects and a counter of writes.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    objects: BTreeMap<String, Stored>,
    written: u64,
}

/// Object in the bucket.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) bytes: Bytes,
    etag: String,
    modified_ms: TimestampMs,
    /// Id of the write that made the object.
    id: u64,
}

impl Stored {
    fn meta(&self, key: &str) -> ObjectMeta {
        ObjectMeta {
            location: Path::parse(key).unwrap_or_else(|_| Path::from(key)),
            last_modified: DateTime::from_timestamp_millis(self.modified_ms).unwrap_or_default(),
            size: self.bytes.len() as u64,
            e_tag: Some(self.etag.clone()),
            version: None,
        }
    }
}

impl Bucket {
    /// Returns the object at `key`.
    pub(crate) fn object(&self, key: &str) -> Option<&Stored> {
        self.objects.get(key)
    }

    /// Lists every object whose key starts with `prefix`.
    pub(crate) fn under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a Stored)> {
        self.objects.range(prefix.to_owned()..).take_while(move |(key, _)| key.starts_with(prefix))
    }

    /// Removes an object without a trace, as a fault.
    pub(crate) fn lose(&mut self, key: &str) -> Option<Stored> {
        self.objects.remove(key)
    }

    /// Performs a request at `now_ms`, by the bucket's own clock.
    pub(crate) fn call(&mut self, call: &ObjectCall, now_ms: TimestampMs) -> ObjectAnswer {
        match call {
            ObjectCall::Get { key, range, if_match, head } => {
                let Some(object) = self.objects.get(key) else { return ObjectAnswer::NotFound };
                if if_match.as_ref().is_some_and(|wanted| *wanted != object.etag) {
                    return ObjectAnswer::Changed;
                }
                let meta = object.meta(key);
                let all = 0..meta.size;
                if *head {
                    return ObjectAnswer::Got { meta, range: all, bytes: Bytes::new() };
                }
                let range = match range.as_ref().map(|range| range.as_range(meta.size)) {
                    None => all,
                    Some(Ok(range)) => range,
                    Some(Err(_)) => return ObjectAnswer::Changed,
                };
                let bytes = object.bytes.slice(range.start as usize..range.end as usize);
                ObjectAnswer::Got { meta, range, bytes }
            }
            ObjectCall::Put { key, bytes, create, id } => {
                if let Some(there) = self.objects.get(key) {
                    if there.id == *id {
                        return ObjectAnswer::Put { etag: there.etag.clone() };
                    }
                    if *create {
                        return ObjectAnswer::Exists;
                    }
                }
                self.written += 1;
                let etag = format!("\"{}\"", self.written);
                let stored = Stored { bytes: bytes.clone(), etag: etag.clone(), modified_ms: now_ms, id: *id };
                self.objects.insert(key.clone(), stored);
                ObjectAnswer::Put { etag }
            }
            ObjectCall::Delete { key } => {
                self.objects.remove(key);
                ObjectAnswer::Deleted
            }
            ObjectCall::List { prefix } => {
                let folder = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
                ObjectAnswer::Listed(self.under(&folder).map(|(key, object)| object.meta(key)).collect())
            }
        }
    }
}
