//! What is wrong with a shard map, and at which line: `shards.toml:12: ...`.

use model::OrgId;
use model::limits::SHARED_SHARDS;

/// A shard map that was refused; the file has to be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardMapError {
    /// Not TOML, an unknown key, a missing key or a value of another type.
    #[error("{source_name}:{line}: {message}; shard-config/default.toml documents every key")]
    Syntax {
        /// Name of the file.
        source_name: String,
        /// Counted from 1.
        line: usize,
        /// The parser's words, on one line.
        message: String,
    },
    /// Segments are named by 64 shards before they reach us.
    #[error(
        "{source_name}:{line}: shared_shards is {shared_shards}; segments are named for {SHARED_SHARDS}, so set it to {SHARED_SHARDS}"
    )]
    SharedShards {
        /// Name of the file.
        source_name: String,
        /// Counted from 1.
        line: usize,
        /// What the file says.
        shared_shards: u64,
    },
    /// Two rules would send one organisation to one place for two reasons.
    #[error("{source_name}:{line}: organisation {org} has a second rule (the first is at line {first_line}); keep one")]
    SecondRule {
        /// Name of the file.
        source_name: String,
        /// Line of the second rule, counted from 1.
        line: usize,
        /// The organisation that both name.
        org: OrgId,
        /// Line of the first.
        first_line: usize,
    },
    /// A rule for no organisation is a mistake of the pen.
    #[error(
        "{source_name}:{line}: the dedicated rule names no organisation; give it `org = N` or `orgs = [N, ..]`, or remove it"
    )]
    NoOrganisation {
        /// Name of the file.
        source_name: String,
        /// Counted from 1.
        line: usize,
    },
}
