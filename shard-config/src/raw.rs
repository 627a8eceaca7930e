//! File as it is written. Types and keys are checked here, and rules together by `ShardMap::resolve`.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};
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
    pub org: Option<Spanned<RawOrg>>,
    /// Several organisations, each with a shard of its own.
    #[serde(default)]
    pub orgs: Vec<Spanned<RawOrg>>,
    /// Reason for the rule, for later readers.
    pub reason: String,
    /// Date of the decision, as text.
    pub since: Option<String>,
}

impl RawDedicated {
    /// Lists every organisation that the rule names, in file order of the two keys.
    pub(crate) fn organisations(&self) -> impl Iterator<Item = &Spanned<RawOrg>> {
        self.org.iter().chain(&self.orgs)
    }
}

/// The id of an organisation: a number, or the text that JSON documents have for it.
#[derive(Debug, Clone, Copy)]
pub struct RawOrg(pub u64);

impl<'de> Deserialize<'de> for RawOrg {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OrgVisitor)
    }
}

struct OrgVisitor;

impl Visitor<'_> for OrgVisitor {
    type Value = RawOrg;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an organisation's id, as a number or as text")
    }

    fn visit_u64<E: Error>(self, id: u64) -> Result<RawOrg, E> {
        Ok(RawOrg(id))
    }

    fn visit_i64<E: Error>(self, id: i64) -> Result<RawOrg, E> {
        u64::try_from(id).map(RawOrg).map_err(|_| E::custom(format!("organisation {id} is below 0")))
    }

    fn visit_str<E: Error>(self, id: &str) -> Result<RawOrg, E> {
        id.parse().map(RawOrg).map_err(|_| E::custom(format!("'{id}' is not an organisation's id")))
    }
}
