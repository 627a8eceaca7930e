//! Comparisons and operations that happen together or not at all.

use std::collections::BTreeSet;

use bytes::Bytes;
use model::LeaseId;
use model::limits::STATE_TXN_OPS_MAX;

use crate::meta::{Entry, MetaError, Revision};

/// Operations, and the comparisons that must all hold for them to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Txn {
    pub(crate) compares: Vec<Compare>,
    pub(crate) ops: Vec<Op>,
    pub(crate) reads: Vec<String>,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// There is no such key.
    Absent {
        /// The key.
        key: String,
    },
    /// The key was last written at this revision.
    Modified {
        /// The key.
        key: String,
        /// The revision.
        revision: Revision,
    },
    /// The key came to be at this revision: it is still the same incarnation.
    Created {
        /// The key.
        key: String,
        /// The revision.
        revision: Revision,
    },
    /// The key has this value.
    Value {
        /// The key.
        key: String,
        /// The value.
        value: Bytes,
    },
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Writes a value.
    Put {
        /// The key.
        key: String,
        /// The value.
        value: Bytes,
        /// The lease whose end deletes the key; none takes the key off any lease that it was on.
        lease: Option<LeaseId>,
    },
    /// Deletes a key; one that is absent is none.
    Delete {
        /// The key.
        key: String,
    },
    /// Deletes every key that starts with the prefix.
    DeletePrefix {
        /// The prefix; never empty.
        prefix: String,
    },
}

impl Txn {
    /// A transaction under these comparisons; without any it is always done.
    pub fn when(compares: impl IntoIterator<Item = Compare>) -> Self {
        Self { compares: compares.into_iter().collect(), ..Self::default() }
    }

    /// Further comparisons.
    #[must_use]
    pub fn and_when(mut self, compares: impl IntoIterator<Item = Compare>) -> Self {
        self.compares.extend(compares);
        self
    }

    /// The operations.
    #[must_use]
    pub fn then(mut self, ops: impl IntoIterator<Item = Op>) -> Self {
        self.ops.extend(ops);
        self
    }

    /// Keys to read where a comparison does not hold: what [`crate::Outcome::Refused`] brings, in this order.
    #[must_use]
    pub fn otherwise<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.reads.extend(keys.into_iter().map(Into::into));
        self
    }

    /// Its comparisons, operations and reads, for a store that hands them on.
    pub fn into_parts(self) -> (Vec<Compare>, Vec<Op>, Vec<String>) {
        (self.compares, self.ops, self.reads)
    }

    /// Holds every store to the same bounds: those of etcd.
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
    /// There is no such key.
    pub fn absent(key: impl Into<String>) -> Self {
        Self::Absent { key: key.into() }
    }

    /// The key was last written at `revision`.
    pub fn modified(key: impl Into<String>, revision: Revision) -> Self {
        Self::Modified { key: key.into(), revision }
    }

    /// The key came to be at `revision`.
    pub fn created(key: impl Into<String>, revision: Revision) -> Self {
        Self::Created { key: key.into(), revision }
    }

    /// The key has this value.
    pub fn value(key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self::Value { key: key.into(), value: value.into() }
    }

    /// The key that is compared.
    pub fn key(&self) -> &str {
        match self {
            Self::Absent { key } | Self::Modified { key, .. } | Self::Created { key, .. } | Self::Value { key, .. } => {
                key
            }
        }
    }

    /// Whether it holds for the entry of its key.
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
    /// Writes a value that stays.
    pub fn put(key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        Self::Put { key: key.into(), value: value.into(), lease: None }
    }

    /// Writes a value that goes with `lease`.
    pub fn put_leased(key: impl Into<String>, value: impl Into<Bytes>, lease: LeaseId) -> Self {
        Self::Put { key: key.into(), value: value.into(), lease: Some(lease) }
    }

    /// Deletes a key.
    pub fn delete(key: impl Into<String>) -> Self {
        Self::Delete { key: key.into() }
    }

    /// Deletes every key that starts with `prefix`.
    pub fn delete_prefix(prefix: impl Into<String>) -> Self {
        Self::DeletePrefix { prefix: prefix.into() }
    }
}
