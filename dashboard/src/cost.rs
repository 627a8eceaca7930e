//! Cost of a job: the one formula of pages and commands, for jobs that have ended and for jobs that run.
//!
//! ```text
//! record of the job, or what its leader knows so far --> Spending --prices--> Cost
//! ```

use model::Effort;
use proto::v1::{GetJobResponse, JobState, ShardSummary};
use serde::Serialize;

use crate::price::PagePrices;
use crate::record::JobRecord;

/// Factors of the data for which the cost is forecast.
const FORECASTS: [u32; 2] = [2, 10];

/// Least share of the work that must be done before a forecast means anything.
pub(crate) const SHARE_MIN: f64 = 0.02;

/// Efforts and results of a job that cost something.
#[derive(Debug, Clone, Default)]
pub struct Spending {
    /// Effort of attempts that count; of those that run, too, while the job does.
    pub useful: Effort,
    /// Effort of attempts that do not count.
    pub wasted: Effort,
    /// Segment bytes of the input.
    pub bytes_in: u64,
    /// Points that were written.
    pub points_written: u64,
    /// Bytes of parts and rollups; none while they are being written.
    pub bytes_stored: Option<u64>,
    /// Least and greatest share of the work that is done, of a job that runs and has done some.
    pub shares_done: Option<(f64, f64)>,
    /// True if the job has not ended.
    pub is_running: bool,
    /// Sentences about costs that are not counted.
    pub incomplete: Vec<String>,
}

/// Efforts with their price.
#[derive(Debug, Clone, Copy)]
pub struct Spent {
    /// Time and requests.
    pub effort: Effort,
    /// Price of the slots.
    pub slots: f64,
    /// Price of the requests.
    pub requests: f64,
}

impl Spent {
    fn of(effort: Effort, prices: &PagePrices) -> Self {
        Self { slots: prices.slots(&effort), requests: prices.requests(&effort.requests), effort }
    }

    /// Price of both.
    pub fn total(&self) -> f64 {
        self.slots + self.requests
    }
}

/// Cost for so many times the data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DataForecast {
    /// Factor of the data.
    pub times: u32,
    /// Cost, which grows with the data.
    pub cost: f64,
}

/// Range in which the cost of a job that runs will end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EndForecast {
    /// Least cost.
    pub low: f64,
    /// Greatest cost.
    pub high: f64,
}

/// Cost of a job.
#[derive(Debug, Clone)]
pub struct Cost {
    /// Attempts that count; those that run, too, while the job does.
    pub useful: Spent,
    /// Attempts that do not count.
    pub wasted: Spent,
    /// Price of all of them.
    pub total: f64,
    /// The same for 10^12 points of a job that has ended.
    pub per_trillion_points: Option<f64>,
    /// Price of storing the output for a month.
    pub stored_per_month: Option<f64>,
    /// Cost of an ended job for more data.
    pub forecast: Vec<DataForecast>,
    /// Cost of a running job at its end; none before enough is done.
    pub at_end: Option<EndForecast>,
}

impl Cost {
    /// Computes the price of requests, slots and storage.
    pub fn of(spending: &Spending, prices: &PagePrices) -> Self {
        let (useful, wasted) = (Spent::of(spending.useful, prices), Spent::of(spending.wasted, prices));
        let total = useful.total() + wasted.total();
        let points = Some(spending.points_written).filter(|points| *points > 0 && !spending.is_running);
        let forecast = FORECASTS.map(|times| DataForecast { times, cost: total * f64::from(times) });
        Self {
            useful,
            wasted,
            total,
            per_trillion_points: points.map(|points| total / points as f64 * 1e12),
            stored_per_month: spending.bytes_stored.map(|bytes| prices.stored(bytes)),
            forecast: if spending.is_running { Vec::new() } else { forecast.into() },
            at_end: spending.shares_done.map(|(least, most)| EndForecast { low: total / most, high: total / least }),
        }
    }
}

impl Spending {
    /// Reads the effort of a job: from its record, or from its leader's counts so far. None if its workers or its
    /// leader do not report it: unknown is not 0.
    pub fn of_job(seen: &GetJobResponse) -> Option<Self> {
        if let Some(record) = JobRecord::parse(&seen.record) {
            return Self::of_record(&record);
        }
        let job = seen.job.as_ref()?;
        let is_running = matches!(job.state(), JobState::Planning | JobState::Running | JobState::Cancelling);
        let (useful, wasted) = (Effort::from(job.effort?), job.wasted.map(Effort::from).unwrap_or_default());
        let mut incomplete = vec![NOT_COUNTED.to_owned()];
        if is_running && job.effort_since_ms > job.submitted_at_ms {
            let reason = "attempts that ended under an earlier leader are not counted: their effort is in the record of the job, and in its event log";
            incomplete.push(reason.to_owned());
        }
        Some(Self {
            useful,
            wasted,
            bytes_in: job.bytes,
            points_written: seen.shards.iter().map(|shard| shard.points_written).sum(),
            bytes_stored: None,
            shares_done: if is_running { shares_done(&seen.shards) } else { None },
            is_running,
            incomplete,
        })
    }

    fn of_record(record: &JobRecord) -> Option<Self> {
        let totals = &record.totals;
        // Workers of an older version report neither.
        if totals.effort.wall.is_zero() && totals.books.map.frames_read > 0 {
            return None;
        }
        let mut wasted = Effort::default();
        record.shards.iter().for_each(|shard| wasted += &shard.wasted);
        let open = record.shards.iter().filter(|shard| shard.state != "done").count() as u64;
        Some(Self {
            useful: totals.effort,
            wasted,
            bytes_in: totals.bytes_in,
            points_written: totals.books.reduce.points_written,
            bytes_stored: Some(totals.bytes_raw + totals.bytes_rollup),
            shares_done: None,
            is_running: false,
            incomplete: Self::incomplete(open),
        })
    }

    /// Sentences about the uncounted costs of a job, of which `shards_not_done` shards are not done.
    pub fn incomplete(shards_not_done: u64) -> Vec<String> {
        let mut said = vec![NOT_COUNTED.to_owned()];
        if shards_not_done > 0 {
            let shards = crate::text::counted(shards_not_done, "shard");
            said.push(format!("{shards} not done, and of them only the wasted effort is known"));
        }
        said
    }
}

/// Sentence about what no job counts.
const NOT_COUNTED: &str = "requests of coordinators, and those for plans and reports, are not counted";

/// Returns the least and the greatest share of the work that is done. Bytes and tasks see different things, as the input
/// is uneven; none if too little is done.
fn shares_done(shards: &[ShardSummary]) -> Option<(f64, f64)> {
    let tasks = |of: fn(&ShardSummary) -> u32| shards.iter().map(|shard| u64::from(of(shard))).sum::<u64>();
    let done = tasks(|shard| shard.map_tasks_done) + tasks(|shard| shard.partitions_done);
    let by_tasks = share(done, tasks(|shard| shard.map_tasks) + tasks(|shard| shard.partitions));
    let (by_bytes, by_tasks) = (share_of_work(shards), by_tasks);
    (by_bytes.min(by_tasks) >= SHARE_MIN).then(|| (by_bytes.min(by_tasks), by_bytes.max(by_tasks)))
}

/// Returns the share of the work that is done: mapping by bytes and reducing by partitions take about as long.
pub(crate) fn share_of_work(shards: &[ShardSummary]) -> f64 {
    let sum = |of: fn(&ShardSummary) -> u64| shards.iter().map(of).sum::<u64>();
    let mapped = share(sum(|shard| shard.bytes_read), sum(|shard| shard.bytes));
    let reduced = share(sum(|shard| u64::from(shard.partitions_done)), sum(|shard| u64::from(shard.partitions)));
    (mapped + reduced) / 2.0
}

fn share(done: u64, all: u64) -> f64 {
    if all == 0 { 0.0 } else { done.min(all) as f64 / all as f64 }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proto::v1;

    use super::*;

    /// Job whose attempts took an hour of slots and 1,000 writes, and half of that in vain.
    fn running(effort_since_ms: i64) -> GetJobResponse {
        let effort = |wall_ms: u64, put: u64| {
            Some(v1::Effort { wall_ms, requests: Some(v1::Requests { put, ..Default::default() }), throttled_ms: 0 })
        };
        let job = v1::JobSummary {
            state: JobState::Running.into(),
            submitted_at_ms: 5_000,
            effort: effort(3_600_000, 1000),
            wasted: effort(1_800_000, 500),
            effort_since_ms,
            ..Default::default()
        };
        let shard = ShardSummary {
            bytes: 100,
            bytes_read: 80,
            map_tasks: 6,
            map_tasks_done: 2,
            partitions: 2,
            ..Default::default()
        };
        GetJobResponse { job: Some(job), shards: vec![shard], ..Default::default() }
    }

    const PRICES: PagePrices =
        PagePrices { slot_hour: 1.0, put_thousand: 2.0, get_thousand: 0.0, stored_gb_month: 1.0 };

    #[test]
    fn a_job_that_runs_costs_so_much_so_far_and_about_so_much_at_its_end() {
        let spending = Spending::of_job(&running(5_000)).expect("its leader tells it");
        let cost = Cost::of(&spending, &PRICES);
        assert_eq!((cost.useful.total(), cost.wasted.total(), cost.total), (3.0, 1.5, 4.5));
        // 40 % of the work by bytes, 25 % of the tasks.
        assert_eq!(cost.at_end, Some(EndForecast { low: 4.5 / 0.4, high: 18.0 }));
        assert_eq!((cost.per_trillion_points, cost.stored_per_month, cost.forecast.len()), (None, None, 0));
        assert_eq!(spending.incomplete.len(), 1);
        let taken_over = Spending::of_job(&running(9_000)).expect("its leader tells it");
        assert!(taken_over.incomplete[1].contains("earlier leader"), "{:?}", taken_over.incomplete);
    }

    #[test]
    fn too_little_work_has_no_forecast_and_an_older_leader_no_cost() {
        let mut seen = running(0);
        seen.shards[0].map_tasks_done = 0;
        assert_eq!(Spending::of_job(&seen).expect("a cost").shares_done, None);
        seen.job.as_mut().expect("a job").effort = None;
        assert!(Spending::of_job(&seen).is_none(), "unknown is not 0");
    }

    #[test]
    fn an_ended_job_is_told_by_its_record_or_without_it_by_its_summary() {
        let effort = Effort { wall: Duration::from_secs(7200), ..Effort::default() };
        let spending = Spending {
            useful: effort,
            points_written: 1_000_000,
            bytes_stored: Some(2_000_000_000),
            ..Default::default()
        };
        let cost = Cost::of(&spending, &PRICES);
        assert_eq!((cost.total, cost.per_trillion_points, cost.stored_per_month), (2.0, Some(2e6), Some(2.0)));
        assert_eq!(cost.forecast.iter().map(|one| one.cost).collect::<Vec<_>>(), [4.0, 20.0]);
        let mut large = running(0);
        large.job.as_mut().expect("a job").state = JobState::Done.into();
        let spending = Spending::of_job(&large).expect("the summary tells it");
        assert!(!spending.is_running && spending.bytes_stored.is_none() && spending.shares_done.is_none());
    }
}
