//! Answers in a sentence: what a person who is called at night reads first.

use std::fmt::Write as _;

use jiff::Timestamp;
use model::{ShardId, TimestampMs, Window};

use super::verdict::{CoverageState, Question, ShardCoverage, WindowCoverage};

/// Most windows or shards that a sentence names.
const NAMED_MAX: usize = 3;

/// Formats an instant in RFC 3339; in milliseconds if it is beyond the calendar.
fn instant(at: TimestampMs) -> String {
    Timestamp::from_millisecond(at).map_or_else(|_| format!("{at}ms"), |at| at.to_string())
}

/// Formats a window for people: `2026-01-01T00:00:00Z/2026-01-01T04:00:00Z`.
pub fn window_name(window: Window) -> String {
    if window.is_all() {
        return "all".to_owned();
    }
    format!("{}/{}", instant(window.start_ms), instant(window.end_ms))
}

impl WindowCoverage {
    /// Formats a sentence: whether the window is complete, and which parts are not.
    pub fn answer(&self, question: Question) -> String {
        let about = about(question);
        let name = window_name(self.window);
        let mut text = match self.state {
            CoverageState::Complete => format!("window {name} is complete{about}"),
            CoverageState::Empty => format!("window {name} is complete{about}, and empty"),
            CoverageState::Unknown => format!("whether window {name} is complete{about} is not known"),
            _ => format!("window {name} is not complete{about}"),
        };
        let _ = match (self.shards.as_slice(), question) {
            ([], _) => Ok(()),
            ([one], Question::Shard(_) | Question::Org(_)) => write!(text, ": {}", shard_sentence(one)),
            (shards, _) => write!(text, ": {}", counts(shards)),
        };
        if let Some(plan) = &self.plan {
            let _ = write!(text, " (plan of job {}, {})", plan.job, instant(plan.submitted_at_ms));
        }
        for note in &self.notes {
            let _ = write!(text, "; {note}");
        }
        text
    }
}

/// Tells in a sentence how many windows are complete, and names some that are not.
pub(crate) fn over_all(windows: &[WindowCoverage], question: Question) -> String {
    let about = about(question);
    match windows {
        [] => format!("nothing is known{about}: the dataset has no such window on record"),
        [one] => one.answer(question),
        windows => {
            let left: Vec<_> = windows.iter().filter(|window| !window.state.is_complete()).collect();
            let complete = windows.len() - left.len();
            let mut text = format!("{complete} of {} windows are complete{about}", windows.len());
            let name = |window: &&WindowCoverage| format!("{} ({})", window_name(window.window), window.state);
            if !left.is_empty() {
                let _ = write!(text, "; not: {}", named(left.iter().map(name)));
            }
            text
        }
    }
}

fn about(question: Question) -> String {
    match question {
        Question::All => String::new(),
        Question::Shard(shard) => format!(" for shard {shard}"),
        Question::Org(org) => format!(" for organisation {org}"),
    }
}

/// Counts shards by state, and names those that are not complete.
fn counts(shards: &[ShardCoverage]) -> String {
    let count = |state: CoverageState| shards.iter().filter(|shard| shard.state == state).count();
    let (empty, complete) = (count(CoverageState::Empty), count(CoverageState::Complete));
    let mut text = format!("{} of {} shards are complete", empty + complete, shards.len());
    if empty > 0 {
        let _ = write!(text, " ({empty} of them empty)");
    }
    for state in CoverageState::ALL.into_iter().rev().filter(|state| !state.is_complete()) {
        let of_state = || shards.iter().filter(|shard| shard.state == state).map(|shard| shard.shard);
        if of_state().next().is_some() {
            let words = if state == CoverageState::Holes { "with holes" } else { state.name() };
            let _ = write!(
                text,
                ", {} {words} ({})",
                count(state),
                named(of_state().map(|shard: ShardId| shard.to_string()))
            );
        }
    }
    let failed = || shards.iter().filter(|shard| shard.state.is_complete() && has_failed_since(shard));
    if failed().next().is_some() {
        let names = named(failed().map(|shard| shard.shard.to_string()));
        let _ = write!(text, "; a later try over the same input failed on {} of them ({names})", failed().count());
    }
    text
}

/// True if a job tried a shard in vain after the version that readers see.
fn has_failed_since(shard: &ShardCoverage) -> bool {
    shard.later.as_ref().is_some_and(|later| matches!(later.outcome.as_str(), "failed" | "cancelled" | "lost"))
}

fn named(names: impl Iterator<Item = String>) -> String {
    let names: Vec<_> = names.collect();
    let rest = names.len().saturating_sub(NAMED_MAX);
    let first = names[..names.len() - rest].join(", ");
    if rest == 0 { first } else { format!("{first} and {rest} more") }
}

/// Tells the state of one shard, with version, holes and cause.
fn shard_sentence(shard: &ShardCoverage) -> String {
    let fact = match (shard.version, shard.state) {
        (Some(version), CoverageState::Complete) => format!("v{version} has all of its plan"),
        (Some(version), CoverageState::Empty) => format!("v{version} was made of no segment"),
        (Some(version), state) => format!("has v{version}, state {state}"),
        (None, CoverageState::Empty) => "has no segment".to_owned(),
        (None, state) => format!("has no version, state {state}"),
    };
    let mut text = format!("shard {} {fact}", shard.shard);
    for hole in holes(shard) {
        let _ = write!(text, ", {hole}");
    }
    if let Some(later) = shard.later.as_ref().filter(|_| shard.version.is_some()) {
        let _ = write!(text, ", later job {} {}", later.job, later.outcome);
    }
    if let Some(cause) = &shard.cause {
        let _ = write!(text, ": {cause}");
    }
    text
}

/// Describes the holes of a shard, each in a few words.
pub fn holes(shard: &ShardCoverage) -> Vec<String> {
    let mut holes = Vec::new();
    if shard.frames_quarantined > 0 {
        holes.push(format!("{} bad frames of {} bytes", shard.frames_quarantined, shard.bytes_quarantined));
    }
    let misplaced = shard.misplaced.values().fold(shard.misplaced_unlisted, |sum, frames| sum.saturating_add(*frames));
    if misplaced > 0 {
        let orgs = named(shard.misplaced.keys().map(ToString::to_string));
        let whose = if orgs.is_empty() { String::new() } else { format!(" of organisation {orgs}") };
        holes.push(format!("{misplaced} misplaced frames{whose}"));
    }
    if shard.segments_lacking > 0 || shard.bytes_lacking > 0 {
        holes.push(format!("lacks {} segments, {} bytes of a later plan", shard.segments_lacking, shard.bytes_lacking));
    }
    holes
}
