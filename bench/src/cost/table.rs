//! The table of estimates, and their targets.

use std::fmt::Write as _;

use model::ByteSize;

use super::estimate::Estimate;

/// Most GETs of slices, indexes and tables for each GiB of decoded input.
const GETS_PER_GIB_MAX: f64 = 200.0;

/// Longest time of one slot that a lost worker costs, in seconds.
const SLOT_SECONDS_MAX: f64 = 180.0;

/// Shortest slice at the median, in bytes, of jobs from [`LARGE_POINTS`] on.
const SLICE_MEDIAN_MIN: u64 = 1 << 20;

/// Points up to which all GETs and the price of all requests have targets.
const LARGE_POINTS: u64 = 10_000_000_000_000;

/// Most GETs of a job of [`LARGE_POINTS`].
const GETS_MAX: u64 = 40_000_000;

/// Highest price of the requests of a job of [`LARGE_POINTS`], in dollars.
const PRICE_MAX: f64 = 40.0;

impl Estimate {
    /// Names the figures that are over their targets.
    pub(super) fn missed_targets(&self) -> Vec<&'static str> {
        let is_priced = self.points <= LARGE_POINTS;
        let over = [
            ("GETs for slices", self.gets_per_gib > GETS_PER_GIB_MAX),
            ("time that a lost worker costs", self.map_seconds.max(self.reduce_seconds) > SLOT_SECONDS_MAX),
            ("median slice", self.points >= LARGE_POINTS && self.slice_median < SLICE_MEDIAN_MIN),
            ("GET requests", is_priced && self.gets > GETS_MAX),
            ("price of requests", is_priced && self.requests_price > PRICE_MAX),
        ];
        over.into_iter().filter(|(_, is_over)| *is_over).map(|(name, _)| name).collect()
    }
}

/// Name of a figure, and its text.
type Row = (&'static str, Box<dyn Fn(&Estimate) -> String>);

/// Formats the estimates, a column for each.
pub(super) fn of(estimates: &[Estimate]) -> String {
    let millions = |count: u64| format!("{:.2} million", count as f64 / 1e6);
    let rows: [Row; 15] = [
        ("map tasks, reduce tasks", Box::new(|e| format!("{}, {}", e.maps, e.partitions))),
        ("GETs for slices, indexes included, a GiB decoded (<= 200)", Box::new(|e| format!("{:.0}", e.gets_per_gib))),
        ("slice at the median (>= 1 MiB from 10^13 on)", Box::new(|e| ByteSize(e.slice_median).to_string())),
        ("a lost map task costs a slot (<= 180 s)", Box::new(|e| format!("{:.0} s", e.map_seconds))),
        ("a lost reduce task costs a slot (<= 180 s)", Box::new(|e| format!("{:.0} s", e.reduce_seconds))),
        ("runs of one partition", Box::new(|e| ByteSize(e.scratch_bytes).to_string())),
        ("GETs of segments", Box::new(move |e| millions(e.segment_gets))),
        ("GETs in all (<= 40 million at 10^13)", Box::new(move |e| millions(e.gets))),
        ("PUT and POST requests", Box::new(move |e| millions(e.puts))),
        ("listing requests", Box::new(|e| e.lists.to_string())),
        ("changes of etcd", Box::new(|e| format!("{}, {:.2} GB written", e.etcd_changes, e.etcd_bytes / 1e9))),
        ("S3 requests (<= $40 at 10^13)", Box::new(|e| format!("${:.2}", e.requests_price))),
        ("slot hours", Box::new(|e| format!("{:.1}", e.slot_hours))),
        ("hours on all slots", Box::new(|e| format!("{:.2}", e.hours))),
        ("cores on spot machines", Box::new(|e| format!("${:.2}", e.cores_price))),
    ];
    let mut out = String::from("| points |");
    for estimate in estimates {
        let _ = write!(out, " {:.0e} |", estimate.points as f64);
    }
    let _ = writeln!(out, "\n|---|{}", "---|".repeat(estimates.len()));
    for (name, figure) in rows {
        let _ = write!(out, "| {name} |");
        for estimate in estimates {
            let _ = write!(out, " {} |", figure(estimate));
        }
        out.push('\n');
    }
    let over = |estimate: &Estimate| match estimate.missed_targets().as_slice() {
        [] => "none".to_owned(),
        over => over.join(", "),
    };
    let _ = write!(out, "| over their targets |");
    for estimate in estimates {
        let _ = write!(out, " {} |", over(estimate));
    }
    out.push('\n');
    out
}
