//! Demand for workers: a metric of the leader, and a record from which every coordinator answers KEDA.
//!
//! Any pool can run any task. A cluster of several pools gives each a share of the whole demand. The record outlives its
//! leader: while nobody leads, an autoscaler keeps the workers that it has.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use format::state_records::DemandRecord;
use scheduler::demand::Demand;
use tokio::time::Instant;

use super::Leader;
use super::message::Outcome;
use crate::journal::JournalError;

/// Interval between looks at the open work; well below the interval in which an autoscaler decides.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Gauge of the workers that the open work needs, by pool.
pub(crate) const WORKERS_WANTED: &str = "tailor_workers_wanted";

/// Pool of workers that is scaled on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Name of the pool, as in the label of the metric.
    pub name: String,
    /// Share of the work that the pool is to do, in percent.
    pub share: u32,
    /// Slots of each of its workers.
    pub slots: u32,
}

/// Error of pools that cannot be parsed.
#[derive(Debug, thiserror::Error)]
#[error("{}", Self::FORM)]
pub struct PoolsError;

impl PoolsError {
    /// Form that pools must have.
    pub const FORM: &str = "NAME=SLOTS, or NAME=SLOTS:SHARE% for each of several, such as spot=4:80%, on-demand=2:20%; shares come to 100%";
}

/// Pools of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pools(pub Vec<Pool>);

impl FromStr for Pools {
    type Err = PoolsError;

    fn from_str(text: &str) -> Result<Self, PoolsError> {
        let pools: Result<Vec<_>, _> = text.split(',').map(|pool| Pool::from_str(pool.trim())).collect();
        let pools = pools?;
        let names: std::collections::BTreeSet<_> = pools.iter().map(|pool| &pool.name).collect();
        let is_whole = pools.iter().map(|pool| pool.share).sum::<u32>() == 100;
        if is_whole && names.len() == pools.len() { Ok(Self(pools)) } else { Err(PoolsError) }
    }
}

impl FromStr for Pool {
    type Err = PoolsError;

    fn from_str(text: &str) -> Result<Self, PoolsError> {
        let (name, rest) = text.split_once('=').ok_or(PoolsError)?;
        let (slots, share) = match rest.split_once(':') {
            Some((slots, share)) => (slots, share.strip_suffix('%').ok_or(PoolsError)?),
            None => (rest, "100"),
        };
        let (slots, share) = (slots.parse().map_err(|_| PoolsError)?, share.parse().map_err(|_| PoolsError)?);
        let is_valid = model::admission::check_name("pool", name).is_ok() && slots > 0 && share <= 100;
        if is_valid { Ok(Self { name: name.to_owned(), share, slots }) } else { Err(PoolsError) }
    }
}

/// Demand of a leader, with the time of its next look.
#[derive(Debug)]
pub(super) struct Wanted {
    demand: Demand,
    pools: Vec<Pool>,
    look_at: Instant,
    /// Workers wanted by pool, as this leader has put them on record.
    on_record: BTreeMap<String, u32>,
    /// True while a record is being written.
    is_writing: bool,
}

impl Wanted {
    pub(super) fn new(target: Duration, pools: &Pools) -> Self {
        Self {
            demand: Demand::new(target),
            pools: pools.0.clone(),
            look_at: Instant::now(),
            on_record: BTreeMap::new(),
            is_writing: false,
        }
    }

    /// Returns the workers that each pool should have.
    fn by_pool(&self) -> impl Iterator<Item = (&str, u32)> {
        self.pools.iter().map(|pool| {
            let all = u64::from(self.demand.workers_wanted(pool.slots));
            (pool.name.as_str(), (all * u64::from(pool.share)).div_ceil(100) as u32)
        })
    }

    /// Returns a pool whose demand differs from its record, if no record is being written.
    fn next_write(&self) -> Option<(String, u32)> {
        let differs = |(pool, wanted): &(&str, u32)| self.on_record.get(*pool) != Some(wanted);
        let unwritten = self.by_pool().find(differs).filter(|_| !self.is_writing);
        unwritten.map(|(pool, wanted)| (pool.to_owned(), wanted))
    }
}

impl Leader {
    /// Publishes the demand for workers, and the other gauges, when it is time to look.
    pub(super) fn publish_demand(&mut self) {
        let now = self.now();
        if Instant::now() < self.wanted.look_at {
            return;
        }
        self.wanted.look_at = Instant::now() + LOOK_EVERY;
        let work = self.state.work();
        self.wanted.demand.note_work(now, work);
        self.publish_gauges(work.left);
        for (pool, wanted) in self.wanted.by_pool() {
            metrics::gauge!(WORKERS_WANTED, "pool" => pool.to_owned()).set(wanted);
        }
        self.record_demand();
    }

    /// Writes the record of the first pool whose demand has changed; the others follow one by one.
    fn record_demand(&mut self) {
        let Some((pool, wanted)) = self.wanted.next_write() else { return };
        self.wanted.is_writing = true;
        let (journal, handle) = (self.journal.clone(), self.handle.clone());
        tokio::spawn(async move {
            let result = journal.put_demand(&pool, DemandRecord { wanted }).await;
            handle.send_outcome(Outcome::DemandPut { pool, wanted, result });
        });
    }

    /// Goes on with the next pool. A demand that could not be written is written after the next look.
    pub(super) fn demand_put(&mut self, pool: String, wanted: u32, result: Result<(), JournalError>) {
        self.wanted.is_writing = false;
        if let Some(Ok(())) = self.unless_over(result) {
            self.wanted.on_record.insert(pool, wanted);
            self.record_demand();
        }
    }
}

impl Drop for Wanted {
    /// Publishes no demand of a leader that leads no longer: the next one publishes its own, and an autoscaler takes the
    /// largest of all coordinators.
    fn drop(&mut self) {
        for pool in &self.pools {
            metrics::gauge!(WORKERS_WANTED, "pool" => pool.name.clone()).set(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use scheduler::demand::{OpenWork, PACE_UNMEASURED};

    use super::*;

    #[test]
    fn pools_are_named_once_and_share_the_whole() {
        let pools: Pools = "spot=4:80%, on-demand=2:20%".parse().expect("two pools");
        assert_eq!(pools.0[1], Pool { name: "on-demand".to_owned(), share: 20, slots: 2 });
        for wrong in ["", "a", "a=0", "a=2:80%", "a=2:50%,a=2:50%", "a=2:100", "a/b=2", "a=2:60%,b=2:60%"] {
            assert!(wrong.parse::<Pools>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_pool_is_told_its_share_of_the_workers() {
        let target = Duration::from_secs(600);
        let mut wanted = Wanted::new(target, &"spot=4:80%,on-demand=2:20%".parse().expect("two pools"));
        assert_eq!(wanted.by_pool().map(|(_, wanted)| wanted).sum::<u32>(), 0, "no job, no worker");
        // 400 slots' work of the target time.
        let left = (PACE_UNMEASURED * 600.0 * 400.0) as u64;
        let work = OpenWork { left, tasks: 100_000, is_open: true, ..OpenWork::default() };
        wanted.demand.note_work(Duration::ZERO, work);
        assert_eq!(wanted.by_pool().collect::<Vec<_>>(), [("spot", 80), ("on-demand", 40)]);
        assert_eq!(wanted.next_write(), Some(("spot".to_owned(), 80)));
        wanted.on_record.insert("spot".to_owned(), 80);
        assert_eq!(wanted.next_write(), Some(("on-demand".to_owned(), 40)));
        wanted.is_writing = true;
        assert_eq!(wanted.next_write(), None, "one write after another");
        (wanted.is_writing, wanted.on_record) = (false, [("spot".to_owned(), 80), ("on-demand".to_owned(), 40)].into());
        assert_eq!(wanted.next_write(), None, "what is on record is not written again");
    }
}
