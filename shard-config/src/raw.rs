//! The file as it is written: types and keys are checked here, what they say together is checked by `ShardMap::resolve`.

use serde::Deserialize;
use toml::Spanned;

/// The shard map as a file has it. Positions are byte ranges of the text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawShardMap {
    /// Raised with every change by whoever edits the file.
    pub version: u32,
    /// Number of shared shards; 64, or refused.
    pub shared_shards: Spanned<u64>,
    /// Organisations with shards of their own.
    #[serde(default)]
    pub dedicated: Vec<Spanned<RawDedicated>>,
}

/// One `[[dedicated]]` rule: it names organisations by `org`, by `orgs` or by both.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawDedicated {
    /// One organisation.
    pub org: Option<Spanned<u64>>,
    /// Several, each of which gets its own shard.
    #[serde(default)]
    pub orgs: Vec<Spanned<u64>>,
    /// Why, for the next person who wonders.
    pub reason: String,
    /// When it was decided, as text.
    pub since: Option<String>,
}

impl RawDedicated {
    /// Every organisation that the rule names, in file order of the two keys.
    pub(crate) fn organisations(&self) -> impl Iterator<Item = &Spanned<u64>> {
        self.org.iter().chain(&self.orgs)
    }
}
