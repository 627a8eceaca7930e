//! Shard of an organisation, with the reason: the answer of `tailor shard route`.

use std::fmt;

use model::{OrgId, ShardId};

/// Shard of one organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Organisation in question.
    pub org: OrgId,
    /// Shard of the organisation.
    pub shard: ShardId,
    /// Rule that decided.
    pub why: Why,
}

/// Rule that decided a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// No rule names the organisation, so its id modulo the number of shared shards decides.
    Remainder {
        /// Number of shared shards.
        modulus: u64,
    },
    /// A `[[dedicated]]` rule names the organisation.
    Dedicated {
        /// Line of the map with the rule, counted from 1.
        line: usize,
        /// Reason that the rule states.
        reason: String,
        /// Date of the decision, if the rule states one.
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
