//! Transactions: comparisons and operations that happen together or not at all.

use std::collections::BTreeSet;

use bytes::Bytes;
use model::LeaseId;
use model::limits::STATE_TXN_OPS_MAX;

use crate::meta::{Entry, MetaError, Revision};

/// Transaction: its operations are performed only if all of its comparisons hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Txn {
    pub(crate) compares: Vec<Compare>,
    pub(crate) ops: Vec<Op>,
    pub(crate) reads: Vec<String>,
}

/// Comparison of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// The key does not exist.
    Absent {
        /// Key to compare.
        key: String,
    },
    /// The key was last written at this revision.
    Modified {
        /// Key to compare.
        key: String,
        /// Revision of the last write.
        revision: Revision,
    },
    /// The key was created at this revision, so it is still the same incarnation.
    Created {
        /// Key to compare.
        key: String,
        /// Revision of the creation.
        revision: Revision,
    },
    /// The key has this value.
    Value {
        /// Key to compare.
        key: String,
        /// Bytes that the value must equal.
        value: Bytes,
    },
}

/// Operation of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Writes a value to a key.
    Put {
        /// Key to write.
        key: String,
        /// Bytes to write.
        value: Bytes,
        /// Lease whose end deletes the key; none detaches the key from any lease.
        lease: Option<LeaseId>,
    },
    /// Deletes a key; does nothing if it is absent.
    Delete {
        /// Key to delete.
        key: String,
    },
    /// Deletes every key that starts with the prefix.
    DeletePrefix {
        /// Prefix of the keys; never empty.
        prefix: String,
    },
}

impl Txn {
    /// Creates a transaction under these comparisons; without any, it is always performed.
    pub fn when(compares: impl IntoIterator<Item = Compare>) -> Self {
        Self { compares: compares.into_iter().collect(), ..Self::default() }
    }

    /// Adds further comparisons to the transaction.
    #[must_use]
    pub fn and_when(mut self, compares: impl IntoIterator<Item = Compare>) -> Self {
        self.compares.extend(compares);
        self
    }

    /// Adds operations to the transaction.
    #[must_use]
    pub fn then(mut self, ops: impl IntoIterator<Item = Op>) -> Self {
        self.ops.extend(ops);
        self
    }

    /// Adds keys to read if a comparison does not hold. [`crate::Outcome::Refused`] returns their entries in this
    /// order.
    #[must_use]
    pub fn otherwise<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.reads.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Splits the transaction into comparisons, operations and reads, for a store that forwards them.
    pub fn into_parts(self) -> (Vec<Compare>, Vec<Op>, Vec<String>) {
        (self.compares, self.ops, self.reads)
    }

    /// Checks the transaction against the limits of etcd, for every store alike.
    pub(crate) fn check(&self) -> Result<(), MetaError> {
        let invalid = |reason: String| Err(MetaError::Invalid { reason });
        for (what, count) in [("comparisons", self.compares.len()), ("operations", self.ops.len())] {
            if count > STATE_TXN_OPS_MAX {
                return invalid(format!("a transaction has {count} {what}, over {STATE_TXN_OPS_MAX}"));
            }
        }
        let mut written = BTreeSet::new();
        for op in &self.ops {
            match op {
                Op::DeletePrefix { prefix } if prefix.is_empty() => {
                    return invalid("an empty prefix is everything".into());
                }
                Op::Put { key, .. } | Op::Delete { key } if key.is_empty() => return invalid("a key is empty".into()),
                Op::Put { key, .. } | Op::Delete { key } if !written.insert(key.as_str()) => {
                    return invalid(format!("a transaction writes {key} twice"));
                }
                _ => {}
            }
        }
        let prefixes = self.ops.iter().filter_map(|op| match op {
            Op::DeletePrefix { prefix } => Some(prefix.as_str()),
            Op::Put { .. } | Op::Delete { .. } => None,
        });
        for prefix in prefixes {
            if let Some(key) = written.range(prefix..).next().filter(|key| key.starts_with(prefix)) {
                return invalid(format!("a transaction writes {key} and deletes {prefix}*"));
            }
        }
        Ok(())
    }
}

impl Compare {
    /// Compares that the key does not exist.
    pub fn absent(key: impl Into<String>) -> Self {
        Self::Absent { key: key.into() }
    }

    /// Compares that the key was last written at `revision`.
    pub fn modified(key: impl Into<String>, revision: Revision) -> Self {
        Self::Modified { key: key.into(), revision }
    }

    /// Compares that the key was created at `revision`.
    pub fn created(key: impl Into<String>, revision: Revision) -> Self {
        Self::Created { key: key.into(), revision }
    }

    /// Compares that the key has this value.
    pub fn value(key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self::Value { key: key.into(), value: value.into() }
    }

    /// Returns the key that is compared.
    pub fn key(&self) -> &str {
        match self {
            Self::Absent { key } | Self::Modified { key, .. } | Self::Created { key, .. } | Self::Value { key, .. } => {
                key
            }
        }
    }

    /// True if the comparison holds for the entry of its key.
    pub fn holds(&self, entry: Option<&Entry>) -> bool {
        match (self, entry) {
            (Self::Absent { .. }, entry) => entry.is_none(),
            (_, None) => false,
            (Self::Modified { revision, .. }, Some(entry)) => entry.mod_revision == *revision,
            (Self::Created { revision, .. }, Some(entry)) => entry.create_revision == *revision,
            (Self::Value { value, .. }, Some(entry)) => entry.value == *value,
        }
    }
}

impl Op {
    /// Writes a value without a lease.
    pub fn put(key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self::Put { key: key.into(), value: value.into(), lease: None }
    }

    /// Writes a value that is deleted with `lease`.
    pub fn put_leased(key: impl Into<String>, value: impl Into<Bytes>, lease: LeaseId) -> Self {
        Self::Put { key: key.into(), value: value.into(), lease: Some(lease) }
    }

    /// Deletes one key.
    pub fn delete(key: impl Into<String>) -> Self {
        Self::Delete { key: key.into() }
    }

    /// Deletes every key that starts with `prefix`.
    pub fn delete_prefix(prefix: impl Into<String>) -> Self {
        Self::DeletePrefix { prefix: prefix.into() }
    }
}
