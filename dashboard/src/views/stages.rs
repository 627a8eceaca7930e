//! Stages of the work: where the time went, as a picture and as a table with the time for each gigabyte of input.

use maud::{Markup, html};
use model::{Stage, StageTimes};
use serde::Serialize;

use crate::html::svg::{self, Piece};
use crate::html::table;
use crate::text;

/// Time in one stage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct StageFacts {
    pub(crate) stage: Stage,
    pub(crate) wall_ms: u64,
    pub(crate) cpu_ms: u64,
    /// CPU time for each gigabyte of input; none without input.
    pub(crate) cpu_ms_per_gb: Option<u64>,
}

/// Colours of the stages, in the order of the work.
const COLOURS: [&str; Stage::ALL.len()] = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"];

/// Lists the stages in which any time was spent.
pub(crate) fn facts(times: &StageTimes, bytes_in: u64) -> Vec<StageFacts> {
    let facts_of = |stage| {
        let time = times.of(stage);
        let (wall_ms, cpu_ms) = (time.wall.as_millis() as u64, time.cpu.as_millis() as u64);
        let cpu_ms_per_gb = (bytes_in > 0).then(|| (cpu_ms as f64 * 1e9 / bytes_in as f64) as u64);
        StageFacts { stage, wall_ms, cpu_ms, cpu_ms_per_gb }
    };
    Stage::ALL.into_iter().map(facts_of).filter(|facts| facts.wall_ms > 0 || facts.cpu_ms > 0).collect()
}

/// Renders the stages; nothing if no time is known.
pub(crate) fn render(stages: &[StageFacts]) -> Markup {
    let labels: Vec<_> =
        stages.iter().map(|stage| format!("{} {}", stage.stage, text::span_ms(stage.wall_ms))).collect();
    let pieces: Vec<_> = stages
        .iter()
        .zip(&labels)
        .map(|(stage, label)| Piece { class: COLOURS[stage.stage as usize], label, size: stage.wall_ms as f64 })
        .collect();
    let rows: Vec<_> = stages.iter().map(row).collect();
    html! {
        @if !stages.is_empty() {
            h2 { "Where the time went" }
            (svg::strip("Time by stage, summed over attempts that count", &pieces))
            (table("Time by stage, summed over attempts that count", &["Stage", "Time", "CPU", "CPU for each GB of input"], &rows))
        }
    }
}

fn row(stage: &StageFacts) -> Markup {
    html! {
        th scope="row" { (stage.stage.to_string()) }
        td.number { (text::span_ms(stage.wall_ms)) }
        td.number { (text::span_ms(stage.cpu_ms)) }
        td.number { @if let Some(ms) = stage.cpu_ms_per_gb { (text::span_ms(ms)) } @else { "-" } }
    }
}
