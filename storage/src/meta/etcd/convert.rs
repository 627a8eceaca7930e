//! Conversion of keys and transactions to those of etcd, and back.

use bytes::Bytes;
use etcd_client as etcd;
use etcd_client::{CompareOp, DeleteOptions, PutOptions, ResponseHeader, TxnOp, TxnOpResponse, TxnResponse};
use model::LeaseId;

use crate::meta::{Compare, Entry, EtcdSettings, MetaError, Op, Revision, Txn};

/// Prefix of every key in etcd; callers never see it.
#[derive(Debug, Clone)]
pub(super) struct Namespace(String);

impl Namespace {
    pub(super) fn new(settings: &EtcdSettings) -> Result<Self, MetaError> {
        let reason = if settings.endpoints.is_empty() {
            "no endpoint is given; name at least one, such as http://etcd:2379".to_owned()
        } else if !settings.namespace.ends_with('/') {
            format!("the namespace '{}' has to end in '/'", settings.namespace)
        } else {
            return Ok(Self(settings.namespace.clone()));
        };
        Err(MetaError::Settings { endpoints: settings.endpoints.join(","), reason })
    }

    /// Converts a key, or the start of a prefix.
    pub(super) fn key(&self, key: &str) -> Vec<u8> {
        [self.0.as_bytes(), key.as_bytes()].concat()
    }

    /// Returns the first key after all that start with `prefix`: the prefix with its last byte one larger.
    pub(super) fn end_of(&self, prefix: &str) -> Vec<u8> {
        let mut end = self.key(prefix);
        // Keys are UTF-8, in which no byte is 0xff, and the namespace is never empty.
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        end
    }

    pub(super) fn txn(&self, txn: &Txn) -> etcd::Txn {
        etcd::Txn::new()
            .when(txn.compares.iter().map(|compare| self.compare(compare)).collect::<Vec<_>>())
            .and_then(txn.ops.iter().map(|op| self.op(op)).collect::<Vec<_>>())
            .or_else(txn.reads.iter().map(|key| TxnOp::get(self.key(key), None)).collect::<Vec<_>>())
    }

    fn compare(&self, compare: &Compare) -> etcd::Compare {
        let full = self.key(compare.key());
        match compare {
            Compare::Absent { .. } => etcd::Compare::create_revision(full, CompareOp::Equal, 0),
            Compare::Modified { revision, .. } => {
                etcd::Compare::mod_revision(full, CompareOp::Equal, revision.0 as i64)
            }
            Compare::Created { revision, .. } => {
                etcd::Compare::create_revision(full, CompareOp::Equal, revision.0 as i64)
            }
            Compare::Value { value, .. } => etcd::Compare::value(full, CompareOp::Equal, value.to_vec()),
        }
    }

    fn op(&self, op: &Op) -> TxnOp {
        match op {
            Op::Put { key, value, lease } => {
                let options = lease.map(|lease| PutOptions::new().with_lease(lease.0 as i64));
                TxnOp::put(self.key(key), value.to_vec(), options)
            }
            Op::Delete { key } => TxnOp::delete(self.key(key), None),
            Op::DeletePrefix { prefix } => {
                TxnOp::delete(self.key(prefix), Some(DeleteOptions::new().with_range(self.end_of(prefix))))
            }
        }
    }

    /// Returns the entries that a refused transaction read.
    pub(super) fn reads(&self, response: &TxnResponse) -> Result<Vec<Option<Entry>>, MetaError> {
        let reads = response.op_responses().into_iter().filter_map(|response| match response {
            TxnOpResponse::Get(read) => Some(read),
            _ => None,
        });
        reads.map(|read| read.kvs().first().map(|kv| self.entry(kv)).transpose()).collect()
    }

    pub(super) fn entry(&self, kv: &etcd::KeyValue) -> Result<Entry, MetaError> {
        Ok(Entry {
            key: self.strip(kv)?,
            value: Bytes::copy_from_slice(kv.value()),
            create_revision: Revision(kv.create_revision() as u64),
            mod_revision: Revision(kv.mod_revision() as u64),
            lease: (kv.lease() != 0).then(|| LeaseId(kv.lease() as u64)),
        })
    }

    /// Returns the key without the namespace.
    pub(super) fn strip(&self, kv: &etcd::KeyValue) -> Result<String, MetaError> {
        let key = std::str::from_utf8(kv.key()).ok().and_then(|key| key.strip_prefix(&self.0));
        key.map(str::to_owned).ok_or_else(|| MetaError::Foreign {
            key: String::from_utf8_lossy(kv.key()).into_owned(),
            reason: format!("it is not text under {}", self.0),
        })
    }
}

/// Returns the revision of an answer.
pub(super) fn revision(header: Option<&ResponseHeader>) -> Revision {
    Revision(header.map_or(0, |header| header.revision() as u64))
}

impl Op {
    /// Returns the object that an error names.
    pub(super) fn object(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
            Self::DeletePrefix { prefix } => prefix,
        }
    }

    pub(super) fn lease(&self) -> Option<LeaseId> {
        match self {
            Self::Put { lease, .. } => *lease,
            Self::Delete { .. } | Self::DeletePrefix { .. } => None,
        }
    }
}
