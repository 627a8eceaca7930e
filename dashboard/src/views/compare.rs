//! Two jobs beside each other: their effort, their output, and for each shard, whether both wrote the same content.

use std::collections::BTreeMap;

use maud::{Markup, html};
use model::{JobId, Stage};
use proto::{ApiError, v1};
use serde::Serialize;

use super::facts::JobFacts;
use super::listing::Listing;
use super::{Page, ROWS, Section, ViewContext, document};
use crate::cost::{Cost, Spending};
use crate::html::{Links, Pager, name, pager, state, table};
use crate::price::{PagePrices, money};
use crate::record::{JobRecord, RecordedShard};
use crate::text;

/// Ratio of the inputs from which on two jobs are a test of how effort grows with data.
const INPUT_GREW: f64 = 1.5;

/// Facts of the view.
#[derive(Debug, Serialize)]
struct Compare {
    a: JobFacts,
    b: JobFacts,
    /// Figures of both; empty unless both have ended, with records that can be read.
    figures: Vec<Figure>,
    shards_total: usize,
    shards_same: usize,
    shards: Vec<ShardPair>,
}

/// Figure of both jobs.
#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    /// `ms`, `bytes`, `count`, `bits` or `price`.
    unit: &'static str,
    a: f64,
    b: f64,
    /// The second over the first; none if the first is 0.
    ratio: Option<f64>,
}

/// Shard of both jobs.
#[derive(Debug, Clone, Serialize)]
struct ShardPair {
    shard: String,
    state_a: Option<String>,
    state_b: Option<String>,
    elapsed_ms_a: Option<u64>,
    elapsed_ms_b: Option<u64>,
    bytes_a: Option<u64>,
    bytes_b: Option<u64>,
    /// True if both are done with equal content; none unless both are done.
    same_content: Option<bool>,
}

pub(super) async fn load(ctx: &ViewContext<'_>, (a, b): (&JobId, &JobId), listing: &Listing) -> Result<Page, ApiError> {
    let (seen_a, seen_b) = (ctx.source.job(a.as_str()).await?, ctx.source.job(b.as_str()).await?);
    let records = JobRecord::parse(&seen_a.record).zip(JobRecord::parse(&seen_b.record));
    let facts = |seen: &v1::GetJobResponse| JobFacts::from(&seen.job.clone().unwrap_or_default());
    let mut shards = records.as_ref().map(|(a, b)| pairs(a, b)).unwrap_or_default();
    let (shards_total, shards_same) =
        (shards.len(), shards.iter().filter(|pair| pair.same_content == Some(true)).count());
    let place = listing.cut(&mut shards);
    let mut figures = records.as_ref().map(|(a, b)| figures(a, b)).unwrap_or_default();
    if records.is_some() {
        figures.extend(costs(&seen_a, &seen_b, &ctx.settings.prices));
    }
    let compare = Compare { a: facts(&seen_a), b: facts(&seen_b), figures, shards_total, shards_same, shards };
    Ok(page(&compare, (listing, place), &ctx.links))
}

fn figures(a: &JobRecord, b: &JobRecord) -> Vec<Figure> {
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
    let mut figures = vec![
        figure("time from start to end", "ms", ms(a.elapsed), ms(b.elapsed)),
        figure("input", "bytes", a.totals.bytes_in as f64, b.totals.bytes_in as f64),
        figure("raw parts", "bytes", a.totals.bytes_raw as f64, b.totals.bytes_raw as f64),
        figure("rollups", "bytes", a.totals.bytes_rollup as f64, b.totals.bytes_rollup as f64),
        figure("points read", "count", points(a).0, points(b).0),
        figure("points written", "count", points(a).1, points(b).1),
        figure(
            "a point",
            "bits",
            a.totals.bits_per_point.unwrap_or_default(),
            b.totals.bits_per_point.unwrap_or_default(),
        ),
        figure("CPU of all stages", "ms", ms(a.totals.stages.total().cpu), ms(b.totals.stages.total().cpu)),
    ];
    let stage = |stage: Stage| {
        figure(&format!("CPU of {stage}"), "ms", ms(a.totals.stages.of(stage).cpu), ms(b.totals.stages.of(stage).cpu))
    };
    figures.extend(Stage::ALL.map(stage));
    figures.extend(per_gigabyte(a, b));
    figures.retain(|figure| figure.a > 0.0 || figure.b > 0.0);
    figures
}

/// Lists what a gigabyte of input took: of a job with ten times the data, each should be what it was.
fn per_gigabyte(a: &JobRecord, b: &JobRecord) -> [Figure; 3] {
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1000.0;
    let of_all = |record: &JobRecord| {
        let totals = &record.totals;
        [ms(totals.effort.wall), ms(totals.stages.total().cpu), totals.effort.requests.total() as f64]
    };
    let a_gigabyte = |record: &JobRecord| {
        let gigabytes = record.totals.bytes_in as f64 / 1e9;
        of_all(record).map(|value| if gigabytes > 0.0 { value / gigabytes } else { 0.0 })
    };
    let ([slots_a, cpu_a, requests_a], [slots_b, cpu_b, requests_b]) = (a_gigabyte(a), a_gigabyte(b));
    [
        figure("slot time a gigabyte of input", "ms", slots_a, slots_b),
        figure("CPU a gigabyte of input", "ms", cpu_a, cpu_b),
        figure("requests a gigabyte of input", "count", requests_a, requests_b),
    ]
}

/// Lists what both cost, if their workers told.
fn costs(a: &v1::GetJobResponse, b: &v1::GetJobResponse, prices: &PagePrices) -> Vec<Figure> {
    let Some((a, b)) = Spending::of_job(a).zip(Spending::of_job(b)) else { return Vec::new() };
    let (a, b) = (Cost::of(&a, prices), Cost::of(&b, prices));
    let mut costs = vec![figure("cost", "price", a.total, b.total)];
    if let Some((a, b)) = a.per_trillion_points.zip(b.per_trillion_points) {
        costs.push(figure("cost for 10^12 points", "price", a, b));
    }
    costs
}

fn points(record: &JobRecord) -> (f64, f64) {
    let books = &record.totals.books;
    (books.map.points_read as f64, books.reduce.points_written as f64)
}

fn figure(name: &str, unit: &'static str, a: f64, b: f64) -> Figure {
    Figure { name: name.to_owned(), unit, a, b, ratio: (a > 0.0).then(|| b / a) }
}

/// Joins the shards of both records by name; those whose content differs come first, then those whose time differs
/// most.
fn pairs(a: &JobRecord, b: &JobRecord) -> Vec<ShardPair> {
    let mut joined: BTreeMap<&str, (Option<&RecordedShard>, Option<&RecordedShard>)> = BTreeMap::new();
    for shard in &a.shards {
        joined.entry(&shard.shard).or_default().0 = Some(shard);
    }
    for shard in &b.shards {
        joined.entry(&shard.shard).or_default().1 = Some(shard);
    }
    let mut pairs: Vec<_> = joined.into_iter().map(|(name, (a, b))| pair(name, a, b)).collect();
    let difference =
        |pair: &ShardPair| pair.elapsed_ms_a.unwrap_or_default().abs_diff(pair.elapsed_ms_b.unwrap_or_default());
    pairs.sort_by_key(|pair| (pair.same_content == Some(true), std::cmp::Reverse(difference(pair))));
    pairs
}

fn pair(name: &str, a: Option<&RecordedShard>, b: Option<&RecordedShard>) -> ShardPair {
    let digest = |shard: Option<&RecordedShard>| shard?.content_digest.clone();
    let elapsed_ms = |shard: Option<&RecordedShard>| shard.map(|shard| shard.elapsed.as_millis() as u64);
    ShardPair {
        shard: name.to_owned(),
        state_a: a.map(|shard| shard.state.clone()),
        state_b: b.map(|shard| shard.state.clone()),
        elapsed_ms_a: elapsed_ms(a),
        elapsed_ms_b: elapsed_ms(b),
        bytes_a: a.map(|shard| shard.totals.bytes_in),
        bytes_b: b.map(|shard| shard.totals.bytes_in),
        same_content: digest(a).zip(digest(b)).map(|(a, b)| a == b),
    }
}

fn page(compare: &Compare, list: (&Listing, Pager), links: &Links) -> Page {
    let (a, b) = (&compare.a.job, &compare.b.job);
    Page {
        title: format!("{a} against {b}"),
        nav: "Jobs",
        crumbs: vec![("Jobs".to_owned(), links.to("")), (a.clone(), links.job(a)), (b.clone(), links.job(b))],
        sections: vec![
            Section::live("answer", headline(compare)),
            Section::live("figures", figures_table(compare)),
            Section::live("shards", shards(compare, list, links)),
        ],
        document: document("ComparePage", compare),
        command: format!("tailor job get {a} -o json; tailor job get {b} -o json"),
        actions: Vec::new(),
        is_over: true,
    }
}

fn headline(compare: &Compare) -> Markup {
    html! {
        p { (name(&compare.a.job)) " " (state(&compare.a.state)) " " (compare.a.says) }
        p { (name(&compare.b.job)) " " (state(&compare.b.state)) " " (compare.b.says) }
        @if compare.figures.is_empty() {
            p.answer { "They can be compared once both have ended, with records of this version." }
        } @else {
            p.answer {
                "Of " (text::counted(compare.shards_total as u64, "shard")) ", " (text::count(compare.shards_same as u64))
                " have the same content in both."
            }
            (growth(compare))
        }
    }
}

/// Says what became of the effort if the second job read far more or less than the first, as in a load test.
fn growth(compare: &Compare) -> Markup {
    let ratio = |name: &str| compare.figures.iter().find(|figure| figure.name == name).and_then(|figure| figure.ratio);
    let times = |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
    let input = ratio("input").filter(|ratio| !(1.0 / INPUT_GREW..INPUT_GREW).contains(ratio));
    html! {
        @if let Some(input) = input {
            p {
                "The second read " (times(Some(input))) " times the input in " (times(ratio("time from start to end")))
                " times the time; a gigabyte took " (times(ratio("slot time a gigabyte of input")))
                " times the slot time and " (times(ratio("requests a gigabyte of input"))) " times the requests."
            }
        }
    }
}

fn shown(figure: &Figure, value: f64) -> String {
    match figure.unit {
        "ms" => text::span_ms(value as u64),
        "bytes" => text::bytes(value as u64),
        "bits" => format!("{value:.2} bits"),
        "price" => money(value),
        _ => text::count(value as u64),
    }
}

fn figures_table(compare: &Compare) -> Markup {
    let row = |figure: &Figure| {
        html! {
            th scope="row" { (figure.name) }
            td.number { (shown(figure, figure.a)) }
            td.number { (shown(figure, figure.b)) }
            td.number { @if let Some(ratio) = figure.ratio { (format!("{ratio:.2}")) " ×" } @else { "-" } }
        }
    };
    let rows: Vec<_> = compare.figures.iter().map(row).collect();
    let (a, b) = (text::printable(&compare.a.job), text::printable(&compare.b.job));
    html! {
        @if !rows.is_empty() {
            h2 { "Figures" }
            (table("Figures of both jobs", &["Figure", &a, &b, "Second over first"], &rows))
        }
    }
}

fn shards(compare: &Compare, (listing, place): (&Listing, Pager), links: &Links) -> Markup {
    let here = links.compare(&compare.a.job, &compare.b.job);
    let rows: Vec<_> = compare.shards.iter().map(|pair| row(pair, compare, links)).collect();
    html! {
        @if compare.shards_total > 0 {
            h2 { "Shard by shard" }
            (pager("shards", place, ROWS, |from| format!("{here}{}", listing.query(from))))
            @if !rows.is_empty() {
                (table("Shards of both jobs, those that differ first", &["Shard", "State", "State of the second", "Time", "Time of the second", "Input", "Input of the second", "Content"], &rows))
            }
        }
    }
}

fn row(pair: &ShardPair, compare: &Compare, links: &Links) -> Markup {
    let content = match pair.same_content {
        Some(true) => "the same",
        Some(false) => "differs",
        None => "not both are done",
    };
    let word = |state: &Option<String>| state.clone().unwrap_or_else(|| "none".to_owned());
    html! {
        th scope="row" { a href=(links.shard(&compare.b.job, &pair.shard)) { (name(&pair.shard)) } }
        td { (name(&word(&pair.state_a))) }
        td { (name(&word(&pair.state_b))) }
        td.number { @if let Some(ms) = pair.elapsed_ms_a { (text::span_ms(ms)) } }
        td.number { @if let Some(ms) = pair.elapsed_ms_b { (text::span_ms(ms)) } }
        td.number { @if let Some(bytes) = pair.bytes_a { (text::bytes(bytes)) } }
        td.number { @if let Some(bytes) = pair.bytes_b { (text::bytes(bytes)) } }
        td { (content) }
    }
}

#[cfg(test)]
mod tests {
    use model::{Books, StageTimes};
    use serde_json::json;

    use super::*;

    /// Record of a job that read so many gigabytes, and took so much for each.
    fn record(gigabytes: u64, slot_secs: u64, requests: u64) -> JobRecord {
        let effort = json!({
            "wall": { "secs": slot_secs * gigabytes, "nanos": 0 }, "requests": { "get": requests * gigabytes },
        });
        let totals = json!({
            "books": Books::default(), "bytes_in": gigabytes * 1_000_000_000, "bytes_raw": 1, "bytes_rollup": 1,
            "bits_per_point": 11.0, "stages": StageTimes::default(), "effort": effort,
        });
        let elapsed = json!({ "secs": 60 + gigabytes, "nanos": 0 });
        let record = json!({ "round": 1, "elapsed": elapsed, "shards": [], "totals": totals });
        JobRecord::parse(record.to_string().as_bytes()).expect("a record")
    }

    fn compare(a: &JobRecord, b: &JobRecord) -> Compare {
        let job = |name: &str| JobFacts::from(&v1::JobSummary { job: name.to_owned(), ..Default::default() });
        Compare {
            a: job("a"),
            b: job("b"),
            figures: figures(a, b),
            shards_total: 0,
            shards_same: 0,
            shards: Vec::new(),
        }
    }

    #[test]
    fn a_load_test_is_told_by_what_a_gigabyte_took() {
        let tenfold = compare(&record(2, 30, 400), &record(20, 33, 400));
        let ratio =
            |name: &str| tenfold.figures.iter().find(|figure| figure.name == name).and_then(|figure| figure.ratio);
        assert_eq!((ratio("input"), ratio("requests a gigabyte of input")), (Some(10.0), Some(1.0)));
        let said = growth(&tenfold).0;
        let expected = "The second read 10.00 times the input in 1.29 times the time; a gigabyte took 1.10 times the slot \
                        time and 1.00 times the requests.";
        assert_eq!(said, format!("<p>{expected}</p>"));
        let alike = compare(&record(10, 30, 400), &record(11, 60, 400));
        assert_eq!(growth(&alike).0, "", "two windows of a usual day");
    }
}
