//! Where an organisation goes, and why: the answer of `tailor shard route`.

use std::fmt;

use model::{OrgId, ShardId};

/// The one shard of an organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The organisation that was asked for.
    pub org: OrgId,
    /// Its shard.
    pub shard: ShardId,
    /// The rule that decided.
    pub why: Why,
}

/// The rule that decided a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// No rule names the organisation: its id modulo the number of shared shards.
    Remainder {
        /// The number of shared shards.
        modulus: u64,
    },
    /// A `[[dedicated]]` rule names it.
    Dedicated {
        /// Line of the map at which it does, counted from 1.
        line: usize,
        /// The rule's reason.
        reason: String,
        /// When it was decided.
        since: Option<String>,
    },
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { org, shard, why } = self;
        match why {
            Why::Remainder { modulus } => write!(
                f,
                "organisation {org} goes to {shard}: no dedicated rule names it, and {org} mod {modulus} is {}",
                org.0 % modulus
            ),
            Why::Dedicated { .. } => write!(f, "organisation {org} goes to {shard}: {why}"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remainder { modulus } => write!(f, "no dedicated rule names it, so its id modulo {modulus} decides"),
            Self::Dedicated { line, reason, since: None } => {
                write!(f, "the rule at line {line} gives it a shard of its own ({reason})")
            }
            Self::Dedicated { line, reason, since: Some(since) } => {
                write!(f, "the rule at line {line} gives it a shard of its own since {since} ({reason})")
            }
        }
    }
}
