//! File as it is written. Types and keys are checked here, and rules together by `ShardMap::resolve`.

use serde::Deserialize;
use toml::Spanned;

/// Shard map as a file has it. Positions are byte ranges of the text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawShardMap {
    /// Version, which the editor of the file raises with every change.
    pub version: u32,
    /// Number of shared shards; any value but 64 is refused.
    pub shared_shards: Spanned<u64>,
    /// Organisations with shards of their own.
    #[serde(default)]
    pub dedicated: Vec<Spanned<RawDedicated>>,
}

/// Rule `[[dedicated]]`: it names organisations by `org`, by `orgs` or by both.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawDedicated {
    /// Single organisation with a shard of its own.
    pub org: Option<Spanned<u64>>,
    /// Several organisations, each with a shard of its own.
    #[serde(default)]
    pub orgs: Vec<Spanned<u64>>,
    /// Reason for the rule, for later readers.
    pub reason: String,
    /// Date of the decision, as text.
    pub since: Option<String>,
}

impl RawDedicated {
    /// Lists every organisation that the rule names, in file order of the two keys.
    pub(crate) fn organisations(&self) -> impl Iterator<Item = &Spanned<u64>> {
        self.org.iter().chain(&self.orgs)
    }
}
