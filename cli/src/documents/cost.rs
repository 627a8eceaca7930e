//! Cost of a job that has ended, from its record.

use std::time::Duration;

use coordinator::JobReport;
use model::{ByteSize, Effort, RequestKind, Requests};
use serde::Serialize;

use super::{Document, fields, span};
use crate::args::Prices;
use crate::tables::Table;

/// Factors of the data for which the cost is forecast.
const FORECASTS: [u32; 2] = [2, 10];

/// Time and requests, with their price.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Spent {
    slot_ms: u64,
    requests: Requests,
    throttled_ms: u64,
    slot_cost: f64,
    request_cost: f64,
}

impl Spent {
    fn of(effort: &Effort, prices: Prices) -> Self {
        let (reads, writes) = (effort.requests.reads() as f64, effort.requests.writes() as f64);
        Self {
            slot_ms: effort.wall.as_millis() as u64,
            requests: effort.requests,
            throttled_ms: effort.throttled.as_millis() as u64,
            slot_cost: effort.wall.as_secs_f64() / 3600.0 * prices.slot_price,
            request_cost: (reads * prices.get_price + writes * prices.put_price) / 1000.0,
        }
    }

    fn total(&self) -> f64 {
        self.slot_cost + self.request_cost
    }
}

/// Cost for so many times the data.
#[derive(Debug, Clone, Copy, Serialize)]
struct Forecast {
    times: u32,
    cost: f64,
}

/// Cost of a job.
#[derive(Debug, Serialize)]
pub(crate) struct JobCost {
    job: String,
    prices: Prices,
    /// Attempts that count.
    useful: Spent,
    /// Attempts that do not, as far as the leaders that ended the shards saw them.
    wasted: Spent,
    bytes_in: u64,
    /// Bytes of parts and rollups.
    bytes_stored: u64,
    points_written: u64,
    /// Price of slots and requests together.
    cost: f64,
    cost_per_trillion_points: Option<f64>,
    /// Price of what is stored, for a month.
    storage_cost_per_month: f64,
    /// Cost for more data of the same kind: it grows with the data.
    forecast: Vec<Forecast>,
    /// Sentences about what is missing.
    incomplete: Vec<String>,
}

impl JobCost {
    /// Computes the cost of a job by its record.
    pub(crate) fn of(report: &JobReport, prices: Prices) -> Self {
        let totals = &report.totals;
        let mut wasted = Effort::default();
        report.shards.iter().for_each(|shard| wasted += &shard.wasted);
        let (useful, wasted) = (Spent::of(&totals.effort, prices), Spent::of(&wasted, prices));
        let cost = useful.total() + wasted.total();
        let (points, stored) = (totals.books.reduce.points_written, totals.bytes_raw + totals.bytes_rollup);
        let mut incomplete =
            vec!["requests of coordinators, and those for plans and reports, are not counted".to_owned()];
        if useful.slot_ms == 0 && !totals.stages.total().wall.is_zero() {
            incomplete.push(
                "the workers of this job told neither slot time nor requests; they are of an older version".to_owned(),
            );
        }
        let open: Vec<_> = report.shards.iter().filter(|shard| !shard.is_done()).collect();
        if !open.is_empty() {
            incomplete
                .push(format!("{} shards are not done; what counts in them is known of done shards alone", open.len()));
        }
        Self {
            job: report.job.to_string(),
            prices,
            useful,
            wasted,
            bytes_in: totals.bytes_in,
            bytes_stored: stored,
            points_written: points,
            cost,
            cost_per_trillion_points: (points > 0).then(|| cost / points as f64 * 1e12),
            storage_cost_per_month: stored as f64 / 1e9 * prices.storage_price,
            forecast: FORECASTS.map(|times| Forecast { times, cost: cost * f64::from(times) }).into(),
            incomplete,
        }
    }

    pub(super) const fn cost(&self) -> f64 {
        self.cost
    }

    pub(super) const fn per_trillion(&self) -> Option<f64> {
        self.cost_per_trillion_points
    }
}

/// Formats a price: small ones keep four digits that count.
pub(super) fn money(price: f64) -> String {
    match price.abs() {
        0.0 => "0".to_owned(),
        1.0.. => format!("{price:.2}"),
        0.0001.. => format!("{price:.4}"),
        _ => format!("{price:.2e}"),
    }
}

impl Document for JobCost {
    const KIND: &'static str = "JobCost";

    fn table(&self, _is_wide: bool) -> String {
        let mut table = Table::new(&["", "USEFUL", "WASTED", "PRICE"]);
        let slots = |spent: &Spent| span(Duration::from_millis(spent.slot_ms));
        let price = money(self.useful.slot_cost + self.wasted.slot_cost);
        table.row(vec!["slot time".to_owned(), slots(&self.useful), slots(&self.wasted), price]);
        for kind in RequestKind::ALL {
            let (useful, wasted) = (self.useful.requests.of(kind), self.wasted.requests.of(kind));
            if useful + wasted > 0 {
                table.row(vec![format!("{kind} requests"), useful.to_string(), wasted.to_string(), String::new()]);
            }
        }
        let requests = |spent: &Spent| spent.requests.total().to_string();
        let price = money(self.useful.request_cost + self.wasted.request_cost);
        table.row(vec!["all requests".to_owned(), requests(&self.useful), requests(&self.wasted), price]);
        let throttled = |spent: &Spent| span(Duration::from_millis(spent.throttled_ms));
        table.row(vec!["throttled".to_owned(), throttled(&self.useful), throttled(&self.wasted), String::new()]);
        table.row(vec!["total".to_owned(), money(self.useful.total()), money(self.wasted.total()), money(self.cost)]);
        let forecast = self.forecast.iter().map(|one| format!("{}x: {}", one.times, money(one.cost)));
        let named = fields(&[
            ("job", self.job.clone()),
            ("read", ByteSize(self.bytes_in).to_string()),
            ("stored", format!("{}, {} a month", ByteSize(self.bytes_stored), money(self.storage_cost_per_month))),
            ("points", self.points_written.to_string()),
            ("for 10^12 points", self.cost_per_trillion_points.map(money).unwrap_or_default()),
            ("for more data", forecast.collect::<Vec<_>>().join(", ")),
            ("not counted", self.incomplete.join("; ")),
        ]);
        format!("{named}\n{table}")
    }

    fn names(&self) -> Vec<String> {
        vec![self.job.clone()]
    }
}
