//! Compares each stage of a job with the least time that it takes: the same work alone, in the same run.

use std::fmt;
use std::time::Duration;

use model::Stage;
use serde::Serialize;

use super::bench::Totals;
use crate::figure::Figure;
use crate::probe::stages::{Step, Steps};

/// Steps that do the work of each stage. Sorting, merging and rolling up have no step: a job adds them.
const STAGES: [(Stage, &[Step]); 8] = [
    (Stage::Read, &[Step::Read]),
    (Stage::Decode, &[Step::Decode, Step::Parse]),
    (Stage::Route, &[Step::Pack]),
    (Stage::Spill, &[]),
    (Stage::Merge, &[Step::Unpack]),
    (Stage::Encode, &[Step::EncodePart]),
    (Stage::Rollup, &[Step::EncodeRollup]),
    (Stage::Write, &[Step::Write]),
];

/// Table of stages and steps, in CPU seconds per billion points, which are nanoseconds per point.
#[derive(Debug, Serialize)]
pub(crate) struct StageTable {
    rows: Vec<Row>,
    floor: Figure,
    job: Figure,
    job_over_floor: Figure,
    steps: Vec<(Step, Figure)>,
    /// Ratio of a frame with a context of its own to one with a shared context.
    new_context_over_one: Figure,
}

#[derive(Debug, Serialize)]
struct Row {
    stage: Stage,
    job: Figure,
    floor: Figure,
}

/// Steps and a job of one round.
type Round<'a> = (&'a Steps, &'a Totals);

impl StageTable {
    /// Builds the table of some rounds.
    pub(super) fn new(rounds: &[Round<'_>]) -> Self {
        let over = |name, sample: &dyn Fn(&Round<'_>) -> f64| Figure::new(name, rounds.iter().map(sample));
        let row = |(stage, steps): &(Stage, &[Step])| Row {
            stage: *stage,
            job: over("job", &|(_, totals)| a_point(totals.stages.of(*stage).cpu, totals.books.map.points_read)),
            floor: over("floor", &|(alone, _)| sum(alone, steps)),
        };
        let all: Vec<Step> = STAGES.iter().flat_map(|(_, steps)| steps.iter().copied()).collect();
        let floor = |(alone, _): &Round<'_>| sum(alone, &all);
        let job = |(_, totals): &Round<'_>| a_point(totals.stages.total().cpu, totals.books.map.points_read);
        Self {
            rows: STAGES.iter().map(row).collect(),
            floor: over("floor", &floor),
            job: over("job", &job),
            job_over_floor: over("job over floor", &|round| job(round) / floor(round)),
            steps: Step::ALL.map(|step| (step, over("step", &|(alone, _)| sum(alone, &[step])))).to_vec(),
            new_context_over_one: over("a new context for each frame, over one for all", &|(alone, _)| {
                alone.new_context_a_frame.div_duration_f64(alone.one_context_a_frame)
            }),
        }
    }
}

fn sum(steps: &Steps, of: &[Step]) -> f64 {
    a_point(of.iter().map(|step| steps.of(*step)).sum(), steps.points)
}

/// Converts a CPU time to nanoseconds per point.
fn a_point(cpu: Duration, points: u64) -> f64 {
    cpu.as_nanos() as f64 / points as f64
}

impl fmt::Display for StageTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "CPU in nanoseconds a point (seconds a billion points), medians:\n")?;
        writeln!(f, "| stage | tailor run | alone | steps |\n|---|---|---|---|")?;
        for (Row { stage, job, floor }, (_, steps)) in self.rows.iter().zip(STAGES) {
            let named: Vec<String> = steps.iter().map(|step| self.step(*step)).collect();
            writeln!(f, "| {stage} | {:.2} | {:.2} | {} |", job.median, floor.median, named.join(", "))?;
        }
        writeln!(f, "| all | {:.2} | {:.2} | |\n", self.job.median, self.floor.median)?;
        let Figure { min, median, max, .. } = &self.job_over_floor;
        writeln!(f, "The job takes {median:.2} times its floor ({min:.2} to {max:.2}).")?;
        writeln!(f, "Read back: {}, {}.", self.step(Step::DecodePart), self.step(Step::DecodeRollup))?;
        let Figure { name, median, .. } = &self.new_context_over_one;
        writeln!(f, "zstd with {name}: {median:.1} times the CPU.")
    }
}

impl StageTable {
    fn step(&self, step: Step) -> String {
        let (_, figure) = &self.steps[step as usize];
        format!("{step} {:.2}", figure.median)
    }
}
