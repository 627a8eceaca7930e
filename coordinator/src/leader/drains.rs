//! Orders to leave. An order holds by name until it is carried out or taken back.
//!
//! ```text
//!            told with a beat           its record says that it drains, then its lease goes
//!   ordered ------------------> told ------------------------------------------------------> carried out
//!      ^                          |
//!      |                          | its lease ends, and its record does not say so
//!      |   a worker of that       v
//!      +------ name joins ------ lost
//! ```
//!
//! A worker that was stopped past its lease comes back under another id: it is told again, by its name. Orders are the leader's
//! own memory: after a change of leaders a worker that lives goes on leaving by its record, and one that was lost is forgotten.

use std::collections::BTreeMap;

use model::LeaseId;
use model::limits::DRAIN_ORDERS_MAX;
use proto::{ApiError, v1};
use scheduler::Event;

use super::{Leader, LiveWorker};

/// An order that is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DrainOrder {
    name: String,
    reason: String,
    /// Its lease ended before it had left.
    is_lost: bool,
}

/// All orders, by the id that their worker had last.
#[derive(Debug, Default)]
pub(crate) struct DrainOrders(BTreeMap<LeaseId, DrainOrder>);

impl DrainOrders {
    fn give(&mut self, worker: LeaseId, name: &str, reason: &str) {
        let order = DrainOrder { name: name.to_owned(), reason: reason.to_owned(), is_lost: false };
        self.0.insert(worker, order);
    }

    /// A worker joins: what it is told, if an order waits for its name.
    fn joins(&mut self, worker: LeaseId, name: &str) -> Option<String> {
        let waits = |order: &DrainOrder| order.is_lost && order.name == name;
        let lost = self.0.iter().find(|(_, order)| waits(order)).map(|(lost, _)| *lost)?;
        let order = self.0.remove(&lost)?;
        self.give(worker, name, &order.reason);
        Some(order.reason)
    }

    /// A worker is gone; `has_drained` if its record said that it was leaving.
    fn gone(&mut self, worker: LeaseId, has_drained: bool) {
        if has_drained {
            self.0.remove(&worker);
        } else if let Some(order) = self.0.get_mut(&worker) {
            order.is_lost = true;
            self.shed();
        }
    }

    /// Forgets orders for workers that are not there, beyond so many: the ids of the oldest are the smallest, mostly.
    fn shed(&mut self) {
        let lost: Vec<_> = self.0.iter().filter(|(_, order)| order.is_lost).map(|(worker, _)| *worker).collect();
        for worker in lost.iter().take(lost.len().saturating_sub(DRAIN_ORDERS_MAX)) {
            self.0.remove(worker);
        }
    }

    /// Takes back every order of that id or name.
    fn take_back(&mut self, named: &str) -> Vec<LeaseId> {
        let is_it = |worker: &LeaseId, order: &DrainOrder| order.name == named || worker.to_string() == named;
        let taken = self.0.iter().filter(|(worker, order)| is_it(worker, order)).map(|(worker, _)| *worker).collect();
        self.0.retain(|worker, order| !is_it(worker, order));
        taken
    }

    /// As operators see them.
    pub(super) fn views(&self) -> Vec<v1::DrainOrder> {
        let view = |(worker, order): (&LeaseId, &DrainOrder)| v1::DrainOrder {
            name: order.name.clone(),
            worker: worker.to_string(),
            reason: order.reason.clone(),
            lost: order.is_lost,
        };
        self.0.iter().map(view).collect()
    }
}

impl Leader {
    /// Asks a worker to leave.
    pub(super) fn drain(&mut self, name: &str, reason: &str) -> Result<LeaseId, ApiError> {
        let is_it = |(lease, live): &(&LeaseId, &mut LiveWorker)| {
            lease.to_string() == name || live.record.name.as_str() == name
        };
        let mut found: Vec<_> = self.workers.iter_mut().filter(is_it).collect();
        let (worker, live) = match found.len() {
            0 => return Err(ApiError::NotFound { what: format!("worker {name}; see `tailor worker list`") }),
            1 => found.remove(0),
            many => {
                let reason = format!("{many} workers have the name {name}; give an id of `tailor worker list`");
                return Err(ApiError::Invalid { field: "worker".to_owned(), reason });
            }
        };
        let worker = *worker;
        live.drain = Some(reason.to_owned());
        self.drains.give(worker, live.record.name.as_str(), reason);
        tracing::info!(%worker, reason, "worker asked to leave");
        self.apply(Event::WorkerRests { worker, rests: true });
        Ok(worker)
    }

    /// Takes an order back.
    pub(super) fn undrain(&mut self, name: &str, reason: &str) -> Result<LeaseId, ApiError> {
        let taken = self.drains.take_back(name);
        let Some(last) = taken.last().copied() else {
            let what = format!("order to leave for worker {name}; see `tailor worker list`");
            return Err(ApiError::NotFound { what });
        };
        for worker in taken {
            let Some(live) = self.workers.get_mut(&worker) else { continue };
            if live.record.draining.is_some() {
                let reason = format!("worker {name} is leaving already; start it again once it is gone");
                return Err(ApiError::Refused { reason });
            }
            live.drain = None;
            let rests = live.rests();
            self.apply(Event::WorkerRests { worker, rests });
        }
        tracing::info!(worker = name, reason, "order to leave taken back");
        Ok(last)
    }

    /// What a worker that joins is told.
    pub(super) fn drain_of(&mut self, worker: LeaseId, name: &str) -> Option<String> {
        let reason = self.drains.joins(worker, name)?;
        tracing::info!(%worker, name, reason, "worker came back under a name that was asked to leave; it is told again");
        Some(reason)
    }

    /// A worker is gone.
    pub(super) fn drained_or_lost(&mut self, worker: LeaseId, live: &LiveWorker) {
        self.drains.gone(worker, live.record.draining.is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names and reasons of orders, and whether their worker was lost.
    fn shown(orders: &DrainOrders) -> Vec<(String, String, bool)> {
        orders.views().into_iter().map(|order| (order.worker, order.name, order.lost)).collect()
    }

    #[test]
    fn an_order_follows_its_name_over_a_lost_lease_and_ends_when_it_is_carried_out() {
        let [first, second, other] = [1, 2, 3].map(LeaseId);
        let mut orders = DrainOrders::default();
        orders.give(first, "w1", "old image");
        assert_eq!(orders.joins(other, "w1"), None, "the one that was told lives: another of that name is not meant");
        orders.gone(first, false);
        assert_eq!(shown(&orders), [(first.to_string(), "w1".to_owned(), true)]);
        assert_eq!(orders.joins(other, "w2"), None);
        assert_eq!(orders.joins(second, "w1"), Some("old image".to_owned()));
        assert_eq!(shown(&orders), [(second.to_string(), "w1".to_owned(), false)]);
        orders.gone(second, true);
        assert_eq!(shown(&orders), []);
        assert_eq!(orders.joins(other, "w1"), None, "it has left: a new one of that name works");
    }

    #[test]
    fn an_order_is_taken_back_by_name_or_id_and_those_for_the_lost_are_bounded() {
        let mut orders = DrainOrders::default();
        for id in 0..DRAIN_ORDERS_MAX as u64 + 5 {
            orders.give(LeaseId(id), &format!("w{id}"), "r");
            orders.gone(LeaseId(id), false);
        }
        assert_eq!(orders.views().len(), DRAIN_ORDERS_MAX);
        assert_eq!(orders.take_back("w7"), [LeaseId(7)]);
        assert_eq!(orders.take_back(&LeaseId(8).to_string()), [LeaseId(8)]);
        assert_eq!(orders.take_back("w7"), []);
    }
}
