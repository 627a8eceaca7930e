//! The shard map: which organisation belongs to which shard, and why.
