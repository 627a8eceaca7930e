//! `tailor gen`: synthetic segments that depend only on the options.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use format::manifest::API_VERSION;
use ingest::segment::SegmentOutput;
use ingest::synthetic::{BIG_ORG, Damage, DamageKind, GenSettings, GenSummary, SeriesKind, generate};
use model::ByteSize;
use serde::Serialize;
use storage::Root;

use super::runtime;
use crate::args::{Instant, OutputStyle};
use crate::exit::Code;
use crate::out;

/// Key of the shard map that lies beside the segments.
const SHARD_MAP: &str = "shards.toml";

/// Options of `tailor gen`. The defaults are the workload that the project measures itself by.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Place of the segments: a path, file:// or s3:// URI.
    ///
    /// For example `--out segments`.
    #[arg(long, value_name = "URI")]
    out: String,
    /// Number of unique points.
    ///
    /// For example `--points 10000000`.
    #[arg(long, value_name = "N", default_value_t = GenSettings::default().points)]
    points: u64,
    /// Seed of the data: another seed gives other ids and values of the same shape.
    ///
    /// For example `--seed 7`.
    #[arg(long, value_name = "N", default_value_t = GenSettings::default().seed)]
    seed: u64,
    /// Points of each series.
    ///
    /// For example `--points-per-series 360`.
    #[arg(long, value_name = "N", default_value_t = GenSettings::default().points_per_series)]
    points_per_series: u64,
    /// Number of series; --points is then divided among them. Without it, the number follows from
    /// --points-per-series.
    ///
    /// For example `--series 1000`.
    #[arg(long, value_name = "N")]
    series: Option<u64>,
    /// First timestamp of every series.
    ///
    /// For example `--start 2026-02-01`.
    #[arg(long, value_name = "TIME", default_value = "2026-01-01T00:00:00Z")]
    start: Instant,
    /// Time between two points of a series.
    ///
    /// For example `--interval 1m`.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = model::time::parse_duration)]
    interval: std::time::Duration,
    /// Number of organisations in the shared shards.
    ///
    /// For example `--orgs 100`.
    #[arg(long, value_name = "N", default_value_t = GenSettings::default().orgs)]
    orgs: u64,
    /// Exponent of the Zipf law by which series spread over organisations.
    ///
    /// For example `--skew 1.5`.
    #[arg(long, value_name = "X", default_value_t = GenSettings::default().skew)]
    skew: f64,
    /// Share of the series that belong to one big organisation, 1000000, which has a shard of its own.
    ///
    /// For example `--big-share 0.5`.
    #[arg(long, value_name = "SHARE", default_value_t = GenSettings::default().big_share)]
    big_share: f64,
    /// Number of segments of the big organisation's shard.
    ///
    /// For example `--big-partitions 16`.
    #[arg(long, value_name = "N", default_value_t = GenSettings::default().big_partitions)]
    big_partitions: u32,
    /// Number of segments of each shared shard.
    ///
    /// For example `--partitions 4`.
    #[arg(long, value_name = "N", default_value_t = GenSettings::default().partitions)]
    partitions: u32,
    /// Share of all points that belong to one series.
    ///
    /// For example `--hot-series-share 0.2`.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    hot_series_share: f64,
    /// Number of series of one to three points, in addition to the others.
    ///
    /// For example `--tiny-series 1000`.
    #[arg(long, value_name = "N", default_value_t = 0)]
    tiny_series: u64,
    /// Average number of points in a payload.
    ///
    /// For example `--payload-points 60`.
    #[arg(long, value_name = "N", default_value_t = GenSettings::default().payload_points)]
    payload_points: u64,
    /// Kinds of values, with commas: gauge, counter, constant, noisy, sparse. Without it, all.
    ///
    /// For example `--kinds gauge,counter`.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = parse_kind)]
    kinds: Vec<SeriesKind>,
    /// Share of payloads that are written late.
    ///
    /// For example `--out-of-order 0.05`.
    #[arg(long, value_name = "SHARE", default_value_t = GenSettings::default().out_of_order_share)]
    out_of_order: f64,
    /// Share of payloads that are written twice.
    ///
    /// For example `--duplicates 0.01`.
    #[arg(long, value_name = "SHARE", default_value_t = GenSettings::default().duplicate_share)]
    duplicates: f64,
    /// Damage to plant: KIND or KIND=COUNT, with commas; `gen.json` beside the segments lists each place. Without it,
    /// none.
    ///
    /// For example `--plant torn-frame=2`.
    #[arg(long, value_name = "KIND[=N]", value_delimiter = ',', value_parser = parse_damage)]
    plant: Vec<Damage>,
    /// Number of threads, which does not change the bytes; 0 takes one for each core.
    ///
    /// For example `--threads 2`.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Style of the summary.
    ///
    /// For example `-o json`.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
}

fn parse_kind(text: &str) -> Result<SeriesKind, String> {
    let kind = SeriesKind::ALL.iter().find(|(_, _, name)| *name == text).map(|(kind, ..)| *kind);
    kind.ok_or_else(|| format!("'{text}' is not a kind of values; give gauge, counter, constant, noisy or sparse"))
}

fn parse_damage(text: &str) -> Result<Damage, String> {
    let (kind, count) = text.split_once('=').unwrap_or((text, "1"));
    let kind = DamageKind::from_str(kind).map_err(|error| error.to_string())?;
    let count = count.parse().map_err(|_| format!("'{count}' is not a number of damages"))?;
    Ok(Damage { kind, count })
}

impl Args {
    fn settings(&self) -> GenSettings {
        let mut settings = GenSettings {
            seed: self.seed,
            points: self.points,
            points_per_series: self.points_per_series,
            series: self.series,
            start_ms: self.start.0,
            interval_ms: u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX),
            orgs: self.orgs,
            skew: self.skew,
            big_share: self.big_share,
            big_partitions: self.big_partitions,
            partitions: self.partitions,
            hot_series_share: self.hot_series_share,
            tiny_series: self.tiny_series,
            payload_points: self.payload_points,
            out_of_order_share: self.out_of_order,
            duplicate_share: self.duplicates,
            plant: self.plant.clone(),
            threads: self.threads,
            ..GenSettings::default()
        };
        if !self.kinds.is_empty() {
            settings.kinds.clone_from(&self.kinds);
        }
        settings
    }
}

pub(crate) fn run(args: &Args) -> Result<Code> {
    let runtime = runtime()?;
    let output = SegmentOutput::new(Root::create(&args.out)?, runtime.handle().clone());
    let points = AtomicU64::new(0);
    let summary = generate(&args.settings(), &output, &|emitted| {
        points.fetch_add(emitted, Ordering::Relaxed);
    });
    let summary = summary.with_context(|| format!("write segments to {}", args.out))?;
    write_shard_map(&runtime, output.root(), &summary)?;
    let report = GenReport { api_version: API_VERSION, kind: "Gen", summary: &summary };
    out::show(args.output, &report, |report| shown(report.summary))?;
    Ok(Code::Done)
}

/// Writes the shard map that the keys of the segments follow: with it, a job finds every organisation in its place.
fn write_shard_map(runtime: &tokio::runtime::Runtime, out: &Root, summary: &GenSummary) -> Result<()> {
    let mut map =
        "# The shard map of these segments: for `tailor run --shard-config`.\nversion = 1\nshared_shards = 64\n"
            .to_owned();
    if summary.shards.contains_key(&format!("org-{BIG_ORG}")) {
        map.push_str(&format!("\n[[dedicated]]\norg = {BIG_ORG}\nreason = \"the big organisation\"\n"));
    }
    runtime.block_on(out.replace(SHARD_MAP, map)).context("write the shard map")
}

/// Document behind `-o json`.
#[derive(Debug, Serialize)]
struct GenReport<'a> {
    api_version: &'static str,
    kind: &'static str,
    #[serde(flatten)]
    summary: &'a GenSummary,
}

fn shown(summary: &GenSummary) -> String {
    let totals = &summary.totals;
    format!(
        "{} segments, {}, {} payloads, {} points ({} unique) of {} series in {} shards, {} damages planted\n",
        totals.segments,
        ByteSize(totals.bytes),
        totals.payloads,
        totals.points_emitted,
        totals.points_unique,
        totals.series,
        summary.shards.len(),
        summary.damages.len(),
    )
}
