//! Facts as text, a line each:
//!
//! ```text
//! job NAME at MS whole|named|open|lost [unrecorded] [own ORG]: SHARD OUTCOME [vN] of SEGMENTS, ...
//! SHARD vN by JOB at MS of SEGMENTS [bad FRAMES] [misplaced ORG]
//! SHARD vN damaged
//! ```
//!
//! SEGMENTS is `?` if the number is not known, and `-` if the job had not listed them. A job that is `open` or `lost`
//! was asked for the whole input; the plan of an `unrecorded` or lost one may have more shards. The line of a shard
//! that comes later replaces an earlier one.

use std::sync::Arc;

use model::{OrgId, Window};
use shard_config::ShardMap;

use crate::coverage::*;

/// Window of all tables: ten minutes.
pub(super) const WINDOW: Window = Window::of(0, 600_000);

/// Parses facts.
pub(super) fn facts(text: &str) -> WindowFacts {
    let mut facts = WindowFacts::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match line.strip_prefix("job ") {
            Some(job) => facts.add_job(job_of(job)),
            None => {
                let (shard, version) = line.split_once(' ').expect("a shard and its version");
                facts.versions.insert(shard.parse().expect("a shard"), version_of(version));
            }
        }
    }
    facts
}

fn number(text: &str) -> u64 {
    text.trim_start_matches('v').parse().unwrap_or_else(|_| panic!("{text} is a number"))
}

/// Returns the word behind `name`.
fn after<'a>(words: &[&'a str], name: &str) -> Option<&'a str> {
    words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1).copied())
}

fn input(segments: u64) -> InputSize {
    InputSize { segments, bytes: 10 * segments }
}

fn job_of(line: &str) -> JobFacts {
    let (head, shards) = line.split_once(':').expect("a colon before the shards");
    let words: Vec<_> = head.split_whitespace().collect();
    let has = |word: &str| words.contains(&word);
    let stage = match (has("open"), has("lost")) {
        (true, _) => JobStage::Open,
        (_, true) => JobStage::Lost,
        _ => JobStage::Ended,
    };
    let own = |org: &str| {
        let text = format!("version = 2\nshared_shards = 64\n[[dedicated]]\norg = {org}\nreason = \"large\"\n");
        ShardMap::parse(&text, "a test").expect("a map")
    };
    JobFacts {
        job: words[0].parse().expect("a job"),
        submitted_at_ms: number(after(&words, "at").expect("a time")) as i64,
        round: 1,
        stage,
        is_whole: !has("named"),
        is_plan_known: !has("lost") && !has("unrecorded"),
        map: Some(Arc::new(after(&words, "own").map(own).unwrap_or_default())),
        shards: shards.split(',').map(str::trim).filter(|shard| !shard.is_empty()).map(tried).collect(),
        cause: Some("it failed".to_owned()),
    }
}

fn tried(text: &str) -> (model::ShardId, ShardTry) {
    let words: Vec<_> = text.split_whitespace().collect();
    let cause = || "bad input".to_owned();
    let outcome = match words[1] {
        "done" => TryOutcome::Done { version: number(words[2]) as u32 },
        "failed" => TryOutcome::Failed { cause: cause() },
        "cancelled" => TryOutcome::Cancelled { cause: cause() },
        "running" => TryOutcome::Running,
        _ => TryOutcome::Lost,
    };
    let input = match after(&words, "of").expect("an input") {
        "?" => TryInput::Unknown,
        "-" => TryInput::Unplanned,
        segments => TryInput::Planned(input(number(segments))),
    };
    (words[0].parse().expect("a shard"), ShardTry { outcome, input })
}

fn version_of(text: &str) -> FoundVersion {
    let words: Vec<_> = text.split_whitespace().collect();
    let version = number(words[0]) as u32;
    if words[1] == "damaged" {
        return FoundVersion::Unreadable { version, reason: "damaged".to_owned() };
    }
    let bad = after(&words, "bad").map_or(0, number);
    FoundVersion::Read(ShardVersion {
        version,
        job: after(&words, "by").expect("a job").parse().expect("a job"),
        committed_at_ms: number(after(&words, "at").expect("a time")) as i64,
        input: input(number(after(&words, "of").expect("an input"))),
        frames_quarantined: bad,
        bytes_quarantined: 100 * bad,
        misplaced: after(&words, "misplaced").map(|org| (OrgId(number(org)), 5)).into_iter().collect(),
        misplaced_unlisted: 0,
    })
}
