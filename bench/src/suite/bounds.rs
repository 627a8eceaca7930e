//! Bounds of memory for any shape of data: with a budget of 128 MiB, the whole process stays below twice that.

use anyhow::Result;

use super::Workloads;
use super::bench::Bench;
use crate::figure::Figure;
use crate::workload::Workload;

const BUDGET: &str = "128MiB";
const PEAK_MIB_MAX: f64 = 256.0;

/// Measures the rows of the table.
pub(super) fn figures(bench: &Bench, workloads: &Workloads, large: bool) -> Result<Vec<Figure>> {
    let mut figures = vec![
        peak(bench, "peak memory at --memory 128MiB", workloads.measured, bench.rounds)?,
        peak(bench, "the same, one series with 0.3 of the points", workloads.hot, bench.rounds)?,
        peak(bench, "the same, five million tiny series", workloads.tiny, bench.rounds)?,
    ];
    if large {
        // A single run: the bound is as good as constant, and a billion points take minutes.
        figures.push(peak(bench, "the same, one billion points", Workload::Large, 1)?);
        bench.discard_segments(Workload::Large)?;
    }
    Ok(figures)
}

fn peak(bench: &Bench, name: &'static str, workload: Workload, times: u16) -> Result<Figure> {
    let segments = bench.segments(workload)?;
    let mut peaks = Vec::new();
    for _ in 0..times {
        let job = bench.run(&segments, "bounded", &["--memory", BUDGET])?;
        bench.discard(&job.dataset)?;
        peaks.push(job.usage.peak_rss_bytes as f64 / f64::from(1 << 20));
    }
    Ok(Figure::new(name, peaks).unit("MiB").never_over(PEAK_MIB_MAX))
}
