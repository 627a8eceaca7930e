//! Choice of the shards that a screen shows: the worst first, the others summed up.

use std::cmp::Reverse;
use std::fmt::Write as _;

use proto::v1::{ShardState, ShardSummary};

/// Kinds of shards, the worst first, with their names in a sum.
const KINDS: [&str; 6] = ["failed", "cancelled", "waiting", "running", "committing", "done"];

/// Returns the worst shards, `lines_max` at most, and a text that sums up the others: `+51 done, 3 running; `.
pub(super) fn worst(shards: &[ShardSummary], lines_max: usize) -> (Vec<&ShardSummary>, String) {
    let mut ranked: Vec<_> = shards.iter().collect();
    // Of the same kind, the one that will end last comes first; without an estimate, the one that has run longest.
    ranked.sort_by_key(|shard| (kind(shard), Reverse(shard.eta_ms), Reverse(shard.elapsed_ms)));
    let rest = ranked.split_off(lines_max.min(ranked.len()));
    let mut text = String::new();
    for (place, name) in KINDS.iter().enumerate() {
        let count = rest.iter().filter(|shard| kind(shard) == place).count();
        if count > 0 {
            let _ = write!(text, "{}{count} {name}", if text.is_empty() { "+" } else { ", " });
        }
    }
    if !text.is_empty() {
        text.push_str("; ");
    }
    (ranked, text)
}

/// Returns the place of a shard's kind in [`KINDS`].
fn kind(shard: &ShardSummary) -> usize {
    match shard.state() {
        ShardState::Failed => 0,
        ShardState::Cancelled => 1,
        ShardState::Mapping | ShardState::Reducing if shard.running == 0 || !shard.waits_for.is_empty() => 2,
        ShardState::Mapping | ShardState::Reducing => 3,
        ShardState::Committing => 4,
        ShardState::Done | ShardState::Unspecified => 5,
    }
}
