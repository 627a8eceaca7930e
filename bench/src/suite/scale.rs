//! Very small jobs, where start-up counts; series that were sent again and again; very long segments of more than 2 GiB.

use anyhow::Result;

use super::bench::{Bench, Job};
use crate::figure::Figure;
use crate::workload::Workload;

/// Measures the rows of the table.
pub(super) fn figures(bench: &Bench, measured: Workload, large: bool) -> Result<Vec<Figure>> {
    let mut figures = vec![small(bench)?, sent_again(bench, measured)?];
    if large {
        figures.push(long_segment(bench)?);
        bench.discard_segments(Workload::LongSegment)?;
    }
    Ok(figures)
}

fn small(bench: &Bench) -> Result<Figure> {
    let segments = bench.segments(Workload::Small)?;
    let mut seconds = Vec::new();
    for _ in 0..bench.rounds {
        seconds.push(run(bench, &segments, "small")?.usage.wall.as_secs_f64());
    }
    Ok(Figure::new("two million points, start to finish", seconds).unit("s").at_most(1.0))
}

fn sent_again(bench: &Bench, measured: Workload) -> Result<Figure> {
    let ordinary = bench.segments(measured)?;
    let again = bench.segments(Workload::SentAgain)?;
    let mut ratios = Vec::new();
    for _ in 0..bench.rounds {
        let ordinary = cpu_a_point(&run(bench, &ordinary, "ordinary")?);
        ratios.push(cpu_a_point(&run(bench, &again, "sent-again")?) / ordinary);
    }
    Ok(Figure::new("CPU a point of series in five hundred segments each, over ordinary ones", ratios).at_most(1.5))
}

fn long_segment(bench: &Bench) -> Result<Figure> {
    let medium = bench.segments(Workload::Medium)?;
    let long = bench.segments(Workload::LongSegment)?;
    let mut ratios = Vec::new();
    for _ in 0..bench.rounds {
        let medium = cpu_a_point(&run(bench, &medium, "medium")?);
        ratios.push(cpu_a_point(&run(bench, &long, "long-segment")?) / medium);
    }
    Ok(Figure::new("CPU a point with a segment over 2 GiB, over that without", ratios).at_most(1.1))
}

fn run(bench: &Bench, segments: &std::path::Path, name: &str) -> Result<Job> {
    let job = bench.run(segments, name, &["--workers", "2"])?;
    bench.discard(&job.dataset)?;
    Ok(job)
}

fn cpu_a_point(job: &Job) -> f64 {
    job.usage.cpu.as_secs_f64() / job.totals.books.map.points_read as f64
}
