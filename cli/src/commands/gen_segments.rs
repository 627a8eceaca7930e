//! `tailor gen`: synthetic segments, deterministic.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use format::manifest::API_VERSION;
use ingest::segment::Output;
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
    /// Where the segments go: a path, file:// or s3:// URI.
    #[arg(long, value_name = "URI")]
    out: String,
    /// Unique points.
    #[arg(long, value_name = "N", default_value_t = GenSettings::default().points)]
    points: u64,
    /// Names the data: another seed, other ids and values of the same shape.
    #[arg(long, value_name = "N", default_value_t = GenSettings::default().seed)]
    seed: u64,
    /// Points of each series.
    #[arg(long, value_name = "N", default_value_t = GenSettings::default().points_per_series)]
    points_per_series: u64,
    /// Number of series; their points then follow from --points.
    #[arg(long, value_name = "N")]
    series: Option<u64>,
    /// First timestamp.
    #[arg(long, value_name = "TIME", default_value = "2026-01-01T00:00:00Z")]
    start: Instant,
    /// Time between two points of a series.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = model::time::parse_duration)]
    interval: std::time::Duration,
    /// Organisations in the shared shards.
    #[arg(long, value_name = "N", default_value_t = GenSettings::default().orgs)]
    orgs: u64,
    /// Exponent of the Zipf law by which series spread over organisations.
    #[arg(long, value_name = "X", default_value_t = GenSettings::default().skew)]
    skew: f64,
    /// Share of the series of one big organisation, 1000000, which has its own shard.
    #[arg(long, value_name = "SHARE", default_value_t = GenSettings::default().big_share)]
    big_share: f64,
    /// Segments of the big organisation's shard.
    #[arg(long, value_name = "N", default_value_t = GenSettings::default().big_partitions)]
    big_partitions: u32,
    /// Segments of each shared shard.
    #[arg(long, value_name = "N", default_value_t = GenSettings::default().partitions)]
    partitions: u32,
    /// Share of all points that one series has.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    hot_series_share: f64,
    /// Series of one to three points, beside the others.
    #[arg(long, value_name = "N", default_value_t = 0)]
    tiny_series: u64,
    /// Points of a payload, on average.
    #[arg(long, value_name = "N", default_value_t = GenSettings::default().payload_points)]
    payload_points: u64,
    /// Kinds of values: gauge, counter, constant, noisy, sparse. With commas; without it, all.
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = parse_kind)]
    kinds: Vec<SeriesKind>,
    /// Share of payloads that come later than their time.
    #[arg(long, value_name = "SHARE", default_value_t = GenSettings::default().out_of_order_share)]
    out_of_order: f64,
    /// Share of payloads that are sent twice.
    #[arg(long, value_name = "SHARE", default_value_t = GenSettings::default().duplicate_share)]
    duplicates: f64,
    /// Damage to plant, KIND or KIND=COUNT; with commas. `gen.json` beside the segments tells where it lies.
    #[arg(long, value_name = "KIND[=N]", value_delimiter = ',', value_parser = parse_damage)]
    plant: Vec<Damage>,
    /// Threads; without it, as many as there are cores. They do not change the bytes.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// How to show the summary.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
}

fn parse_kind(text: &str) -> Result<SeriesKind, String> {
    let kind = SeriesKind::ALL.iter().find(|(_, _, name)| *name == text).map(|(kind, ..)| *kind);
    kind.ok_or_else(|| format!("'{text}' is no kind of values; give gauge, counter, constant, noisy or sparse"))
}

fn parse_damage(text: &str) -> Result<Damage, String> {
    let (kind, count) = text.split_once('=').unwrap_or((text, "1"));
    let kind = DamageKind::from_str(kind).map_err(|error| error.to_string())?;
    let count = count.parse().map_err(|_| format!("'{count}' is no count of damages"))?;
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
    let output = Output::new(Root::create(&args.out)?, runtime.handle().clone());
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

/// The shard map that the keys of the segments follow: a job that is given it finds every organisation in its place.
fn write_shard_map(runtime: &tokio::runtime::Runtime, out: &Root, summary: &GenSummary) -> Result<()> {
    let mut map =
        "# The shard map of these segments: for `tailor run --shard-config`.\nversion = 1\nshared_shards = 64\n"
            .to_owned();
    if summary.shards.contains_key(&format!("org-{BIG_ORG}")) {
        map.push_str(&format!("\n[[dedicated]]\norg = {BIG_ORG}\nreason = \"the big organisation\"\n"));
    }
    runtime.block_on(out.replace(SHARD_MAP, map)).context("write the shard map")
}

/// The object behind `-o json`.
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
