//! Errors of a shard map, with the line: `shards.toml:12: ...`.

use model::OrgId;
use model::limits::SHARED_SHARDS;

/// Error of a refused shard map; the file must be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardMapError {
    /// The text is not TOML, or has an unknown key, a missing key or a value of another type.
    #[error("{source_name}:{line}: {message}; shard-config/default.toml documents every key")]
    Syntax {
        /// Name of the file.
        source_name: String,
        /// Line, counted from 1.
        line: usize,
        /// Message of the parser, on one line.
        message: String,
    },
    /// Another number of shared shards is given than the 64 by which producers name segments.
    #[error(
        "{source_name}:{line}: shared_shards is {shared_shards}; segments are named for {SHARED_SHARDS}, so set it to {SHARED_SHARDS}"
    )]
    SharedShards {
        /// Name of the file.
        source_name: String,
        /// Line, counted from 1.
        line: usize,
        /// Number in the file.
        shared_shards: u64,
    },
    /// Two rules name one organisation, so its reason would be ambiguous.
    #[error("{source_name}:{line}: organisation {org} has a second rule (the first is at line {first_line}); keep one")]
    SecondRule {
        /// Name of the file.
        source_name: String,
        /// Line of the second rule, counted from 1.
        line: usize,
        /// Organisation that both rules name.
        org: OrgId,
        /// Line of the first rule.
        first_line: usize,
    },
    /// A rule names no organisation, which must be a mistake.
    #[error(
        "{source_name}:{line}: the dedicated rule names no organisation; give it `org = N` or `orgs = [N, ..]`, or remove it"
    )]
    NoOrganisation {
        /// Name of the file.
        source_name: String,
        /// Line, counted from 1.
        line: usize,
    },
}
