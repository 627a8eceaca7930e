//! Coverage for people: the answer in a sentence, then the shards of one window, or a matrix of windows and shards.

use std::collections::BTreeMap;

use dataset::coverage::{Coverage, CoverageState, ShardCoverage, WindowCoverage, holes, window_name};
use model::ShardId;

use super::lacking;
use crate::args::shown as instant;
use crate::tables::Table;

/// Most shards of which each is listed; of more, the complete ones are summed up.
const SHARDS_LISTED: usize = 20;

/// Most columns of a matrix that are single shards; the other shards are summed up in one.
const COLUMNS_MAX: usize = 6;

/// Formats the coverage.
pub(super) fn shown(coverage: &Coverage) -> String {
    let mut text = format!("{}\n", coverage.answer);
    match coverage.windows.as_slice() {
        [] => {}
        [one] => text += &of_window(one),
        windows => text += &matrix(windows),
    }
    if coverage.more {
        text += "\nolder windows are not listed; give a larger --limit, or --all\n";
    }
    text + "\nsegments that arrived after a plan are not known here: `tailor plan` lists the input as it is now\n"
}

fn of_window(window: &WindowCoverage) -> String {
    let is_short = window.shards.len() <= SHARDS_LISTED;
    let mut shards: Vec<_> =
        window.shards.iter().filter(|shard| is_short || !shard.state.is_complete() || shard.later.is_some()).collect();
    if shards.is_empty() {
        return String::new();
    }
    shards.sort_by_key(|shard| (std::cmp::Reverse(shard.state), shard.shard));
    let header = ["SHARD", "STATE", "VERSION", "JOB", "COMMITTED", "SEGMENTS", "HOLES", "LATER", "CAUSE"];
    let mut table = Table::new(&header).text(&["STATE", "JOB", "COMMITTED", "HOLES", "LATER", "CAUSE"]);
    shards.iter().for_each(|shard| table.row(row(shard)));
    let left = window.shards.len() - shards.len();
    let rest = if left > 0 { format!("{left} more shards are complete\n") } else { String::new() };
    format!("\n{table}{rest}")
}

fn row(shard: &ShardCoverage) -> Vec<String> {
    let dash = || "-".to_owned();
    vec![
        shard.shard.to_string(),
        shard.state.to_string(),
        shard.version.map_or_else(dash, |version| format!("v{version}")),
        shard.job.as_ref().map_or_else(dash, ToString::to_string),
        shard.committed_at_ms.map_or_else(dash, instant),
        shard.segments.to_string(),
        holes(shard).join(", "),
        shard.later.as_ref().map(|later| format!("{} {}", later.job, later.outcome)).unwrap_or_default(),
        shard.cause.clone().unwrap_or_default(),
    ]
}

/// Formats windows as rows and shards as columns. Shards that are not complete somewhere have a column each, the
/// gravest first, as far as there is room; all others are counted.
fn matrix(windows: &[WindowCoverage]) -> String {
    let columns = columns(windows);
    let names: Vec<_> = columns.iter().map(ShardId::to_string).collect();
    let header: Vec<_> = ["WINDOW", "STATE"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let rest = if columns.is_empty() { "SHARDS" } else { "OTHERS" };
    let mut table = Table::new(&[header, vec![rest, "NOT COMPLETE"]].concat()).text(&["STATE", "NOT COMPLETE"]);
    for window in windows {
        let mut row = vec![window_name(window.window), window.state.to_string()];
        row.extend(columns.iter().map(|column| cell(window, *column)));
        let others = window.shards.iter().filter(|shard| !columns.contains(&shard.shard));
        let (complete, lacking): (Vec<_>, Vec<_>) = others.partition(|shard| shard.state.is_complete());
        row.push(format!("{}/{}", complete.len(), complete.len() + lacking.len()));
        row.push(counts(&lacking));
        table.row(row);
    }
    format!("\n{table}")
}

/// Chooses the shards that have columns of their own.
fn columns(windows: &[WindowCoverage]) -> Vec<ShardId> {
    let mut gravest: BTreeMap<ShardId, CoverageState> = BTreeMap::new();
    for shard in windows.iter().flat_map(|window| &window.shards) {
        let state = gravest.entry(shard.shard).or_insert(shard.state);
        *state = shard.state.max(*state);
    }
    let is_short = gravest.len() <= COLUMNS_MAX;
    let mut shards: Vec<_> = gravest.into_iter().filter(|(_, state)| is_short || !state.is_complete()).collect();
    shards.sort_by_key(|(shard, state)| (std::cmp::Reverse(*state), *shard));
    shards.truncate(COLUMNS_MAX);
    shards.sort_by_key(|(shard, _)| *shard);
    shards.into_iter().map(|(shard, _)| shard).collect()
}

/// Formats one shard of a window: `v2` if it is complete, else also its state; `-` if the window does not have it.
fn cell(window: &WindowCoverage, shard: ShardId) -> String {
    let Some(shard) = window.shards.iter().find(|of| of.shard == shard) else { return "-".to_owned() };
    match (shard.version, shard.state) {
        (Some(version), CoverageState::Complete) => format!("v{version}"),
        (Some(version), state) => format!("v{version} {state}"),
        (None, state) => state.to_string(),
    }
}

fn counts(shards: &[&ShardCoverage]) -> String {
    let count = |state| shards.iter().filter(|shard| shard.state == state).count();
    let counted = lacking().map(|state| (count(state), state)).filter(|(count, _)| *count > 0);
    counted.map(|(count, state)| format!("{count} {state}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
