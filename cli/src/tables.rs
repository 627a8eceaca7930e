//! Tables of reports, for people.

use std::fmt::Write;
use std::time::Duration;

use coordinator::{JobReport, ShardReport};
use model::{ByteSize, ShardPlan, Stage};

use crate::text;

/// Number of the slowest shards that are listed.
const SLOWEST: usize = 5;

/// Table with aligned columns: the first one and those of text to the left, the others to the right.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    text: Vec<usize>,
}

impl Table {
    /// Creates a table with a header.
    pub(crate) fn new(header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(|name| (*name).to_owned()).collect()], text: vec![0] }
    }

    /// Aligns the named columns to the left, as text.
    pub(crate) fn text(mut self, names: &[&str]) -> Self {
        let is_text = |(column, name): (usize, &String)| names.contains(&name.as_str()).then_some(column);
        self.text.extend(self.rows[0].iter().enumerate().filter_map(is_text));
        self
    }

    /// Adds a row of cells.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| text::cell(cell).into_owned()).collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width =
            |column: usize| self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
        let widths: Vec<_> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                if self.text.contains(&column) { format!("{cell:width$}") } else { format!("{cell:>width$}") }
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// Formats the plans of a job.
pub(crate) fn plans(plans: &[ShardPlan]) -> String {
    let mut table = Table::new(&["SHARD", "SEGMENTS", "BYTES", "MAP TASKS", "PARTITIONS"]);
    for plan in plans {
        table.row(vec![
            plan.shard.to_string(),
            plan.segments.len().to_string(),
            ByteSize(plan.bytes()).to_string(),
            plan.map_tasks.len().to_string(),
            plan.partitions.to_string(),
        ]);
    }
    let bytes = ByteSize(plans.iter().map(ShardPlan::bytes).sum());
    format!("{table}\n{} shards, {bytes}\n", plans.len())
}

/// Formats the report of a job that has ended.
pub(crate) fn job(report: &JobReport) -> String {
    let mut text = String::new();
    write_job(&mut text, report).expect("a string takes any text");
    text
}

fn write_job(out: &mut String, report: &JobReport) -> std::fmt::Result {
    let totals = &report.totals;
    let done = report.shards.iter().filter(|shard| shard.is_done()).count();
    writeln!(
        out,
        "job {} window {}: {done} of {} shards done in {}",
        report.job,
        report.window,
        report.shards.len(),
        seconds(report.elapsed)
    )?;
    writeln!(out, "\n{}", totals.books)?;
    let bits = |bits: Option<f64>| bits.map_or_else(|| "-".to_owned(), |bits| format!("{bits:.2}"));
    writeln!(
        out,
        "\nbytes   in {}, raw parts {} ({} bits/point), rollups {} ({} bits/row, {} rows), {} series",
        ByteSize(totals.bytes_in),
        ByteSize(totals.bytes_raw),
        bits(totals.bits_per_point),
        ByteSize(totals.bytes_rollup),
        bits(totals.bits_per_rollup_row),
        totals.books.reduce.rollup_rows_written,
        totals.books.reduce.series_written,
    )?;
    let mut stages = Table::new(&["STAGE", "WALL", "CPU"]);
    for stage in Stage::ALL {
        let time = totals.stages.of(stage);
        stages.row(vec![stage.to_string(), seconds(time.wall), seconds(time.cpu)]);
    }
    let total = totals.stages.total();
    stages.row(vec!["all".to_owned(), seconds(total.wall), seconds(total.cpu)]);
    write!(out, "\n{stages}\n{}", slowest(report))
}

fn slowest(report: &JobReport) -> String {
    let cpu = |shard: &&ShardReport| shard.totals.stages.total().cpu;
    let mut shards: Vec<_> = report.shards.iter().collect();
    shards.sort_by_key(|shard| std::cmp::Reverse(cpu(shard)));
    let mut table = Table::new(&["SLOWEST SHARD", "STATE", "ELAPSED", "CPU", "BYTES IN", "POINTS", "VERSION"]);
    for shard in shards.iter().take(SLOWEST) {
        table.row(vec![
            shard.shard.to_string(),
            shard.state.to_string(),
            seconds(shard.elapsed),
            seconds(cpu(shard)),
            ByteSize(shard.totals.bytes_in).to_string(),
            shard.totals.books.reduce.points_written.to_string(),
            shard.version.map_or_else(|| "-".to_owned(), |version| format!("v{version}")),
        ]);
    }
    let ratio = |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.1}"));
    let (bytes, cpu) = (ratio(report.skew.bytes_max_over_median), ratio(report.skew.cpu_max_over_median));
    format!("{table}skew (max/median): bytes {bytes}, CPU {cpu}\n")
}

fn seconds(duration: Duration) -> String {
    format!("{:.2}s", duration.as_secs_f64())
}
