//! Comparison of two jobs that have ended, from their records.

use std::collections::BTreeMap;
use std::time::Duration;

use coordinator::{JobReport, ShardReport};
use dashboard::cost::Cost;
use dashboard::money;
use model::{ByteSize, ShardId, Stage};
use serde::Serialize;

use super::cost::spending;
use super::{Document, cell, span};
use crate::args::Prices;
use crate::tables::Table;

/// Most shards in the table; the object has all.
const SHARDS_MAX: usize = 20;

/// Unit of a measure, by which it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Unit {
    Ms,
    Bytes,
    Bits,
    Count,
    Price,
}

/// Measure of both jobs.
#[derive(Debug, Serialize)]
struct Measure {
    name: String,
    unit: Unit,
    before: Option<f64>,
    after: Option<f64>,
    /// `after` over `before`.
    ratio: Option<f64>,
}

/// Shard of both jobs.
#[derive(Debug, Serialize)]
struct ComparedShard {
    shard: ShardId,
    state_before: Option<String>,
    state_after: Option<String>,
    elapsed_ms_before: Option<u64>,
    elapsed_ms_after: Option<u64>,
    cpu_ms_before: Option<u64>,
    cpu_ms_after: Option<u64>,
    bytes_in_before: Option<u64>,
    bytes_in_after: Option<u64>,
    /// True if both have the same content; none if either has none.
    same_content: Option<bool>,
}

/// Two jobs, measure by measure and shard by shard.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    before: String,
    after: String,
    measures: Vec<Measure>,
    /// Shards, those whose time differs most first.
    shards: Vec<ComparedShard>,
    shards_same_content: usize,
    shards_other_content: usize,
}

impl Comparison {
    /// Compares the records of two jobs.
    pub(crate) fn of(before: &JobReport, after: &JobReport, prices: Prices) -> Self {
        let (a, b) = (measures(before, prices), measures(after, prices));
        let measures = a.into_iter().zip(b).map(|((name, unit, before), (_, _, after))| {
            let ratio = before.zip(after).filter(|(before, _)| *before > 0.0).map(|(before, after)| after / before);
            Measure { name, unit, before, after, ratio }
        });
        let mut shards: BTreeMap<ShardId, [Option<&ShardReport>; 2]> = BTreeMap::new();
        for (place, report) in [before, after].into_iter().enumerate() {
            for shard in &report.shards {
                shards.entry(shard.shard).or_default()[place] = Some(shard);
            }
        }
        let mut shards: Vec<_> = shards.into_iter().map(|(id, [a, b])| ComparedShard::of(id, a, b)).collect();
        shards.sort_by_key(|shard| std::cmp::Reverse(shard.difference_ms()));
        let count = |same: bool| shards.iter().filter(|shard| shard.same_content == Some(same)).count();
        Self {
            before: before.job.to_string(),
            after: after.job.to_string(),
            shards_same_content: count(true),
            shards_other_content: count(false),
            measures: measures.collect(),
            shards,
        }
    }
}

impl ComparedShard {
    fn of(shard: ShardId, before: Option<&ShardReport>, after: Option<&ShardReport>) -> Self {
        let digest = |report: Option<&ShardReport>| report.and_then(|report| report.content_digest);
        let ms = |time: Duration| time.as_millis() as u64;
        let cpu = |report: &ShardReport| ms(report.totals.stages.total().cpu);
        Self {
            shard,
            state_before: before.map(|report| report.state.to_string()),
            state_after: after.map(|report| report.state.to_string()),
            elapsed_ms_before: before.map(|report| ms(report.elapsed)),
            elapsed_ms_after: after.map(|report| ms(report.elapsed)),
            cpu_ms_before: before.map(cpu),
            cpu_ms_after: after.map(cpu),
            bytes_in_before: before.map(|report| report.totals.bytes_in),
            bytes_in_after: after.map(|report| report.totals.bytes_in),
            same_content: digest(before).zip(digest(after)).map(|(before, after)| before == after),
        }
    }

    fn difference_ms(&self) -> u64 {
        self.elapsed_ms_before.unwrap_or_default().abs_diff(self.elapsed_ms_after.unwrap_or_default())
    }
}

/// Lists the measures of a job; those of two jobs stand at the same places.
fn measures(report: &JobReport, prices: Prices) -> Vec<(String, Unit, Option<f64>)> {
    let totals = &report.totals;
    let cost = Cost::of(&spending(report), &prices.into());
    let sum = |figure: &dyn Fn(&ShardReport) -> f64| Some(report.shards.iter().map(figure).sum());
    let ms = |time: Duration| Some(time.as_secs_f64() * 1000.0);
    let gigabytes = Some(totals.bytes_in as f64 / 1e9).filter(|gigabytes| *gigabytes > 0.0);
    let per_gigabyte = |value: Option<f64>| value.zip(gigabytes).map(|(value, gigabytes)| value / gigabytes);
    let requests = Some(totals.effort.requests.total() as f64);
    let measures: [(&str, Unit, Option<f64>); 21] = [
        ("elapsed", Unit::Ms, ms(report.elapsed)),
        ("slot time", Unit::Ms, ms(totals.effort.wall)),
        ("wasted slot time", Unit::Ms, sum(&|shard| shard.wasted.wall.as_secs_f64() * 1000.0)),
        ("throttled", Unit::Ms, ms(totals.effort.throttled)),
        ("cpu", Unit::Ms, ms(totals.stages.total().cpu)),
        ("bytes read", Unit::Bytes, Some(totals.bytes_in as f64)),
        ("points written", Unit::Count, Some(totals.books.reduce.points_written as f64)),
        ("bytes of raw parts", Unit::Bytes, Some(totals.bytes_raw as f64)),
        ("bytes of rollups", Unit::Bytes, Some(totals.bytes_rollup as f64)),
        ("bits a point", Unit::Bits, totals.bits_per_point),
        ("reading requests", Unit::Count, Some(totals.effort.requests.reads() as f64)),
        ("writing requests", Unit::Count, Some(totals.effort.requests.writes() as f64)),
        ("slot time a gigabyte", Unit::Ms, per_gigabyte(ms(totals.effort.wall))),
        ("cpu a gigabyte", Unit::Ms, per_gigabyte(ms(totals.stages.total().cpu))),
        ("requests a gigabyte", Unit::Count, per_gigabyte(requests)),
        ("attempts", Unit::Count, sum(&|shard| f64::from(shard.attempts))),
        ("attempts failed", Unit::Count, sum(&|shard| f64::from(shard.attempts_failed))),
        ("bytes, largest over median shard", Unit::Count, report.skew.bytes_max_over_median),
        ("cpu, largest over median shard", Unit::Count, report.skew.cpu_max_over_median),
        ("cost", Unit::Price, Some(cost.total)),
        ("cost for 10^12 points", Unit::Price, cost.per_trillion_points),
    ];
    let named = measures.into_iter().map(|(name, unit, value)| (name.to_owned(), unit, value));
    let stages =
        Stage::ALL.into_iter().map(|stage| (format!("cpu of {stage}"), Unit::Ms, ms(totals.stages.of(stage).cpu)));
    named.chain(stages).collect()
}

impl Unit {
    fn show(self, value: f64) -> String {
        match self {
            Self::Ms => span(Duration::from_secs_f64((value / 1000.0).max(0.0))),
            Self::Bytes => ByteSize(value as u64).to_string(),
            Self::Bits => format!("{value:.2}"),
            Self::Count if value.fract() == 0.0 => format!("{value:.0}"),
            Self::Count => format!("{value:.2}"),
            Self::Price => money(value),
        }
    }
}

impl Document for Comparison {
    const KIND: &'static str = "Comparison";

    fn table(&self, is_wide: bool) -> String {
        let mut measures = Table::new(&["MEASURE", &self.before, &self.after, "RATIO"]);
        for measure in &self.measures {
            let show = |value: Option<f64>| cell(value.map(|value| measure.unit.show(value)));
            let ratio = cell(measure.ratio.map(|ratio| format!("{ratio:.2}")));
            measures.row(vec![measure.name.clone(), show(measure.before), show(measure.after), ratio]);
        }
        let mut shards = Table::new(&["SHARD", "TIME", "TIME", "CPU", "CPU", "BYTES", "BYTES", "CONTENT"]);
        let shown = if is_wide { self.shards.len() } else { self.shards.len().min(SHARDS_MAX) };
        for shard in &self.shards[..shown] {
            shards.row(shard.row());
        }
        let rest = match self.shards.len() - shown {
            0 => String::new(),
            rest => format!("{rest} more shards, whose times differ less; `-o wide` shows them\n"),
        };
        let contents = format!(
            "content: the same in {} shards, another in {}\n",
            self.shards_same_content, self.shards_other_content
        );
        format!("{measures}\n{shards}{rest}\n{contents}")
    }

    fn names(&self) -> Vec<String> {
        vec![self.before.clone(), self.after.clone()]
    }
}

impl ComparedShard {
    fn row(&self) -> Vec<String> {
        let time = |ms: Option<u64>| cell(ms.map(|ms| span(Duration::from_millis(ms))));
        let bytes = |bytes: Option<u64>| cell(bytes.map(ByteSize));
        let content = self.same_content.map(|same| if same { "same" } else { "another" });
        vec![
            self.shard.to_string(),
            time(self.elapsed_ms_before),
            time(self.elapsed_ms_after),
            time(self.cpu_ms_before),
            time(self.cpu_ms_after),
            bytes(self.bytes_in_before),
            bytes(self.bytes_in_after),
            cell(content),
        ]
    }
}
