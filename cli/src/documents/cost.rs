//! Cost of a job, from its record, or so far.

use std::time::Duration;

use coordinator::JobReport;
use dashboard::cost::{Cost, DataForecast, EndForecast, Spending};
use dashboard::money;
use model::{ByteSize, Effort, RequestKind, Requests};
use serde::Serialize;

use super::{Document, fields, span};
use crate::args::Prices;
use crate::tables::Table;

/// Time and requests, with their price.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Spent {
    slot_ms: u64,
    requests: Requests,
    throttled_ms: u64,
    slot_cost: f64,
    request_cost: f64,
}

impl From<dashboard::cost::Spent> for Spent {
    fn from(spent: dashboard::cost::Spent) -> Self {
        Self {
            slot_ms: spent.effort.wall.as_millis() as u64,
            requests: spent.effort.requests,
            throttled_ms: spent.effort.throttled.as_millis() as u64,
            slot_cost: spent.slots,
            request_cost: spent.requests,
        }
    }
}

impl Spent {
    fn total(&self) -> f64 {
        self.slot_cost + self.request_cost
    }
}

/// Cost of a job.
#[derive(Debug, Serialize)]
pub(crate) struct JobCost {
    job: String,
    /// True if the job has not ended, and the figures are those so far.
    so_far: bool,
    prices: Prices,
    /// Attempts that count; those that run, too, while the job does.
    useful: Spent,
    /// Attempts that do not, as far as the leaders that ended the shards saw them.
    wasted: Spent,
    bytes_in: u64,
    /// Bytes of parts and rollups; none while they are being written.
    bytes_stored: Option<u64>,
    points_written: u64,
    /// Price of slots and requests together.
    cost: f64,
    /// Range in which the cost of a job that runs will end; none before enough is done.
    at_end: Option<EndForecast>,
    cost_per_trillion_points: Option<f64>,
    /// Price of storing the output for a month.
    storage_cost_per_month: Option<f64>,
    /// Cost for more data of the same kind: it grows with the data.
    forecast: Vec<DataForecast>,
    /// Sentences about costs that are missing.
    incomplete: Vec<String>,
}

/// Reads what an ended job took.
pub(super) fn spending(report: &JobReport) -> Spending {
    let totals = &report.totals;
    let mut wasted = Effort::default();
    report.shards.iter().for_each(|shard| wasted += &shard.wasted);
    Spending {
        useful: totals.effort,
        wasted,
        bytes_in: totals.bytes_in,
        points_written: totals.books.reduce.points_written,
        bytes_stored: Some(totals.bytes_raw + totals.bytes_rollup),
        incomplete: Spending::incomplete(report.shards.iter().filter(|shard| !shard.is_done()).count() as u64),
        ..Spending::default()
    }
}

impl JobCost {
    /// Computes the price of a job's effort and output.
    pub(crate) fn of(job: String, spending: Spending, prices: Prices) -> Self {
        let cost = Cost::of(&spending, &prices.into());
        Self {
            job,
            so_far: spending.is_running,
            prices,
            useful: cost.useful.into(),
            wasted: cost.wasted.into(),
            bytes_in: spending.bytes_in,
            bytes_stored: spending.bytes_stored,
            points_written: spending.points_written,
            cost: cost.total,
            at_end: cost.at_end,
            cost_per_trillion_points: cost.per_trillion_points,
            storage_cost_per_month: cost.stored_per_month,
            forecast: cost.forecast,
            incomplete: spending.incomplete,
        }
    }

    /// Formats the bytes of the output, and the price of storing them for a month.
    fn stored(&self) -> String {
        let stored = self.bytes_stored.zip(self.storage_cost_per_month);
        stored.map(|(bytes, price)| format!("{}, {} a month", ByteSize(bytes), money(price))).unwrap_or_default()
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
            ("job", self.job.clone() + if self.so_far { ", which runs: so far" } else { "" }),
            ("read", ByteSize(self.bytes_in).to_string()),
            ("stored", self.stored()),
            ("points", self.points_written.to_string()),
            ("for 10^12 points", self.cost_per_trillion_points.map(money).unwrap_or_default()),
            (
                "at its end",
                self.at_end.map(|end| format!("{} to {}", money(end.low), money(end.high))).unwrap_or_default(),
            ),
            ("for more data", forecast.collect::<Vec<_>>().join(", ")),
            ("not counted", self.incomplete.join("; ")),
        ]);
        format!("{named}\n{table}")
    }

    fn names(&self) -> Vec<String> {
        vec![self.job.clone()]
    }
}
