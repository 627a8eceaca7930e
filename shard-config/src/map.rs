//! Resolved map: total, immutable, and comparable by digest.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;

use model::limits::SHARED_SHARDS;
use model::{OrgId, ShardId};
use xxhash_rust::xxh3::Xxh3;

use crate::error::ShardMapError;
use crate::raw::{RawDedicated, RawShardMap};
use crate::route::{Route, Why};

/// Documented file of the default map.
pub const DEFAULT_TOML: &str = include_str!("../default.toml");

/// Resolved rule that assigns organisations to shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardMap {
    version: u32,
    dedicated: BTreeMap<OrgId, Rule>,
}

/// Reason for an organisation's own shard, with its line in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    line: usize,
    reason: String,
    since: Option<String>,
}

impl Default for ShardMap {
    /// Returns 64 shared shards and no dedicated ones, as `default.toml` says.
    fn default() -> Self {
        Self { version: 1, dedicated: BTreeMap::new() }
    }
}

impl ShardMap {
    /// Parses and resolves the text of a map; errors name it `source_name`. Any text gives a map or an error, never a
    /// panic.
    ///
    /// # Errors
    /// The error names the problem and its line.
    pub fn parse(text: &str, source_name: &str) -> Result<Self, ShardMapError> {
        let raw: RawShardMap = toml::from_str(text).map_err(|error| ShardMapError::Syntax {
            source_name: source_name.to_owned(),
            line: line_of(text, error.span().unwrap_or_default()),
            message: error.message().lines().collect::<Vec<_>>().join(", "),
        })?;
        Self::resolve(raw, text, source_name)
    }

    /// Checks the rules together. `text` is the source of `raw`; lines are counted in it.
    ///
    /// # Errors
    /// The number of shared shards is not 64, an organisation is in two rules, or a rule names none.
    pub fn resolve(raw: RawShardMap, text: &str, source_name: &str) -> Result<Self, ShardMapError> {
        let source_name = || source_name.to_owned();
        if *raw.shared_shards.get_ref() != SHARED_SHARDS {
            return Err(ShardMapError::SharedShards {
                source_name: source_name(),
                line: line_of(text, raw.shared_shards.span()),
                shared_shards: raw.shared_shards.into_inner(),
            });
        }
        let mut map = Self { version: raw.version, dedicated: BTreeMap::new() };
        for rule in raw.dedicated {
            if rule.get_ref().organisations().next().is_none() {
                let line = line_of(text, rule.span());
                return Err(ShardMapError::NoOrganisation { source_name: source_name(), line });
            }
            map.add(rule.get_ref(), text).map_err(|(org, line, first_line)| ShardMapError::SecondRule {
                source_name: source_name(),
                line,
                org,
                first_line,
            })?;
        }
        Ok(map)
    }

    /// Adds a rule's organisations. The error is an organisation that already has a rule, with the lines of the new
    /// and the old rule.
    fn add(&mut self, rule: &RawDedicated, text: &str) -> Result<(), (OrgId, usize, usize)> {
        for named in rule.organisations() {
            let org = OrgId(named.get_ref().0);
            let line = line_of(text, named.span());
            match self.dedicated.entry(org) {
                Entry::Occupied(first) => return Err((org, line, first.get().line)),
                Entry::Vacant(free) => {
                    free.insert(Rule { line, reason: rule.reason.clone(), since: rule.since.clone() });
                }
            }
        }
        Ok(())
    }

    /// Returns the version that the file states.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Returns the shard of `org`, without the reason; fast enough for each payload.
    #[inline]
    pub fn shard(&self, org: OrgId) -> ShardId {
        if self.dedicated.contains_key(&org) {
            ShardId::Dedicated(org)
        } else {
            ShardId::Shared((org.0 % SHARED_SHARDS) as u8)
        }
    }

    /// Returns the shard of `org`, with the reason.
    pub fn route(&self, org: OrgId) -> Route {
        let why = match self.dedicated.get(&org) {
            None => Why::Remainder { modulus: SHARED_SHARDS },
            Some(Rule { line, reason, since }) => {
                Why::Dedicated { line: *line, reason: reason.clone(), since: since.clone() }
            }
        };
        Route { org, shard: self.shard(org), why }
    }

    /// Lists the organisations with shards of their own, ascending.
    pub fn dedicated(&self) -> impl Iterator<Item = OrgId> {
        self.dedicated.keys().copied()
    }

    /// XXH3-64 of the assignment: equal for two maps that assign every organisation alike, even if their versions,
    /// lines and reasons differ. Job records store it, so the input is frozen: the number of shared shards, then the
    /// dedicated organisations in ascending order, each as eight little-endian bytes.
    pub fn digest(&self) -> u64 {
        let mut hash = Xxh3::new();
        hash.update(&SHARED_SHARDS.to_le_bytes());
        for org in self.dedicated() {
            hash.update(&org.0.to_le_bytes());
        }
        hash.digest()
    }
}

/// Counts the line, from 1, on which `span` starts.
fn line_of(text: &str, span: Range<usize>) -> usize {
    // Counted in bytes, so that no span can fall inside a character.
    text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1
}

/// Entry point of a fuzzer: parses arbitrary bytes, and checks the properties of an accepted map.
///
/// # Panics
/// The routes of an accepted map contradict it, which is what the fuzzer looks for.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let Some(map) = std::str::from_utf8(bytes).ok().and_then(|text| ShardMap::parse(text, "fuzz").ok()) else {
        return;
    };
    for org in map.dedicated().chain([OrgId(0), OrgId(63), OrgId(64), OrgId(u64::MAX)]) {
        let route = map.route(org);
        assert_eq!(route.shard, map.shard(org), "the two ways to ask agree");
        let owns = matches!(route.why, Why::Dedicated { .. });
        let expected = if owns { ShardId::Dedicated(org) } else { ShardId::Shared((org.0 % SHARED_SHARDS) as u8) };
        assert_eq!(route.shard, expected, "the reason leads to the shard");
    }
}
