//! CPU, size and wall time of the measured workload. Compared variants run in turn, so that a slow minute of the
//! machine slows all of them.

use anyhow::{Context, Result};

use super::bench::{Bench, Job};
use super::stages::StageTable;
use crate::child::Usage;
use crate::figure::Figure;
use crate::probe::one_series::Lookup;
use crate::probe::stages::Steps;
use crate::workload::Workload;

/// Results of all rounds.
pub(super) struct Ratios(Vec<Round>);

/// Results of one round of all variants.
struct Round {
    decode_frames: Usage,
    packed: Job,
    one_worker: Job,
    pco: Job,
    parquet: Job,
    decode_parts: Usage,
    steps: Steps,
    lookups: Vec<Lookup>,
}

/// Runs all rounds.
pub(super) fn measure(bench: &Bench, workload: Workload) -> Result<Ratios> {
    let segments = bench.segments(workload)?;
    let round = |number| {
        eprintln!("bench: round {number} of {}", bench.rounds);
        let decode_frames = bench.probe(&["decode-frames"], &[&segments])?.usage;
        let packed = bench.run(&segments, "packed", &["--workers", "2"])?;
        let one_worker = bench.run(&segments, "one-worker", &["--workers", "1"])?;
        let pco = bench.run(&segments, "pco", &["--workers", "2", "--encoding", "pco"])?;
        let parquet = bench.run(&segments, "parquet", &["--workers", "2", "--format", "parquet"])?;
        let decode_parts = bench.probe(&["decode-parts"], &[&packed.dataset])?.usage;
        let steps = bench.probe(&["stages"], &[&segments, &packed.dataset])?.stdout;
        let steps = serde_json::from_str(&steps).context("read the steps")?;
        let lookups = bench.probe(&["one-series"], &[&packed.dataset])?.stdout;
        let lookups = serde_json::from_str(&lookups).context("read the lookups")?;
        for job in [&packed, &one_worker, &pco, &parquet] {
            bench.discard(&job.dataset)?;
        }
        Ok(Round { decode_frames, packed, one_worker, pco, parquet, decode_parts, steps, lookups })
    };
    (1..=bench.rounds).map(round).collect::<Result<_>>().map(Ratios)
}

impl Ratios {
    /// Builds the rows of the table.
    pub(super) fn figures(&self) -> Vec<Figure> {
        let bits = |job: &Job| job.totals.bits_per_point.unwrap_or(f64::NAN);
        vec![
            self.figure("CPU over decoding the frames", |round| round.cpu_ratio(&round.packed)).at_most(3.2),
            self.figure("the same, smallest encoding", |round| round.cpu_ratio(&round.pco)).at_most(4.2),
            self.figure("the same, Parquet", |round| round.cpu_ratio(&round.parquet)).at_most(6.0),
            self.figure("raw parts", |round| bits(&round.packed)).unit("bits/point").at_most(12.9),
            self.figure("raw parts, smallest encoding", |round| bits(&round.pco)).unit("bits/point").at_most(12.0),
            self.figure("raw parts, Parquet", |round| bits(&round.parquet)).unit("bits/point").at_most(28.0),
            self.figure("rollup parts", |round| round.packed.totals.bits_per_rollup_row.unwrap_or(f64::NAN))
                .unit("bits/row")
                .at_most(70.0),
            self.figure("wall time of two workers over one", |round| {
                round.packed.usage.wall.div_duration_f64(round.one_worker.usage.wall)
            })
            .at_most(0.56),
            self.figure("CPU of decoding all parts over decoding the frames", |round| {
                round.decode_parts.cpu.div_duration_f64(round.decode_frames.cpu)
            })
            .at_most(0.2),
            self.lookups("one series: bytes read", |lookup| lookup.bytes as f64 / 1e6).unit("MB").never_over(2.0),
            self.lookups("one series: ranged reads", |lookup| lookup.requests as f64).never_over(2.0),
            self.figure("CPU of decoding the frames", |round| round.per_billion(round.decode_frames)).unit(PER_BILLION),
            self.figure("CPU of the job", |round| round.per_billion(round.packed.usage)).unit(PER_BILLION),
        ]
    }

    /// Compares each stage with the least time that it takes.
    pub(super) fn stages(&self) -> StageTable {
        let rounds = self.0.iter().map(|round| (&round.steps, &round.packed.totals));
        StageTable::new(&rounds.collect::<Vec<_>>())
    }

    fn figure(&self, name: &'static str, sample: impl Fn(&Round) -> f64) -> Figure {
        Figure::new(name, self.0.iter().map(sample))
    }

    fn lookups(&self, name: &'static str, sample: impl Fn(&Lookup) -> f64) -> Figure {
        Figure::new(name, self.0.iter().flat_map(|round| &round.lookups).map(sample))
    }
}

const PER_BILLION: &str = "s a billion points";

impl Round {
    fn cpu_ratio(&self, job: &Job) -> f64 {
        job.usage.cpu.div_duration_f64(self.decode_frames.cpu)
    }

    fn per_billion(&self, usage: Usage) -> f64 {
        usage.cpu.as_secs_f64() * 1e9 / self.packed.totals.books.map.points_read as f64
    }
}
