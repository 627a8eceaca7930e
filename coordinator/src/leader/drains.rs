//! Orders to leave. An order belongs to a worker's name until it is carried out or taken back.
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
//! A worker that was stopped past its lease comes back under another id, and receives the order again, by its name.
//! Orders are on record, so the next leader gives them again. An operator gets the reply once the order is on record:
//! until then a change of leaders loses the order, and no reply has confirmed it.

use std::collections::{BTreeMap, BTreeSet};

use format::state_records::{DrainRecord, Text, Unknown};
use model::LeaseId;
use model::limits::DRAIN_ORDERS_MAX;
use proto::{ApiError, v1};
use scheduler::Event;

use super::message::{Outcome, Reply};
use super::{Leader, LiveWorker};
use crate::journal::JournalError;

/// Order to leave that is not carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DrainOrder {
    record: DrainRecord,
    /// True if the worker's lease ended before the worker had left.
    is_lost: bool,
}

/// Orders to leave, by the id that their worker had last.
#[derive(Debug, Default)]
pub(crate) struct DrainOrders {
    orders: BTreeMap<LeaseId, DrainOrder>,
    /// Workers whose order on record differs from the order here.
    unwritten: BTreeSet<LeaseId>,
    /// Set while orders are being written: the replies that wait for the next write.
    write: Option<Vec<DrainReply>>,
}

/// Reply to the operator, sent once an order or its withdrawal is on record.
pub(crate) type DrainReply = (LeaseId, Reply<LeaseId>);

impl DrainOrders {
    fn add(&mut self, worker: LeaseId, name: &str, reason: &str) {
        let (name, reason) = (Text::cut(name), Text::cut(reason));
        let record = DrainRecord { name, reason, leaving: false, unknown: Unknown::new() };
        self.insert(worker, record);
    }

    fn insert(&mut self, worker: LeaseId, record: DrainRecord) {
        self.orders.insert(worker, DrainOrder { record, is_lost: false });
        self.unwritten.insert(worker);
    }

    fn remove(&mut self, worker: LeaseId) -> Option<DrainOrder> {
        let order = self.orders.remove(&worker)?;
        self.unwritten.insert(worker);
        Some(order)
    }

    /// Restores the orders that another leader had on record, before any worker is known. An order whose worker left
    /// meanwhile, as ordered, is carried out.
    fn restore(&mut self, drains: BTreeMap<LeaseId, DrainRecord>, is_alive: impl Fn(LeaseId) -> bool) {
        for (worker, record) in drains {
            let is_lost = !is_alive(worker);
            if is_lost && record.leaving {
                self.unwritten.insert(worker);
            } else {
                self.orders.insert(worker, DrainOrder { record, is_lost });
            }
        }
        self.shed();
    }

    /// Notes that a worker joins. Returns the reason to leave if another leader gave it an order, or if an order waits
    /// for its name.
    fn joins(&mut self, worker: LeaseId, name: &str) -> Option<String> {
        if let Some(order) = self.orders.get(&worker) {
            return Some(order.record.reason.to_string());
        }
        let waits = |order: &DrainOrder| order.is_lost && order.record.name.as_str() == name;
        let lost = self.orders.iter().find(|(_, order)| waits(order)).map(|(lost, _)| *lost)?;
        let order = self.remove(lost)?;
        let reason = order.record.reason.to_string();
        self.insert(worker, DrainRecord { leaving: false, ..order.record });
        Some(reason)
    }

    /// Notes that a worker's record says that it leaves.
    fn leaves(&mut self, worker: LeaseId) {
        if let Some(order) = self.orders.get_mut(&worker).filter(|order| !order.record.leaving) {
            order.record.leaving = true;
            self.unwritten.insert(worker);
        }
    }

    /// Notes that a worker is gone; `has_drained` if it had said that it was leaving.
    fn gone(&mut self, worker: LeaseId, has_drained: bool) {
        if has_drained {
            self.remove(worker);
        } else if let Some(order) = self.orders.get_mut(&worker) {
            order.is_lost = true;
            self.shed();
        }
    }

    /// Forgets orders for lost workers beyond `DRAIN_ORDERS_MAX`, smallest ids first: these are mostly the oldest.
    fn shed(&mut self) {
        let lost: Vec<_> = self.orders.iter().filter(|(_, order)| order.is_lost).map(|(worker, _)| *worker).collect();
        for worker in lost.iter().take(lost.len().saturating_sub(DRAIN_ORDERS_MAX)) {
            self.remove(*worker);
        }
    }

    /// Removes every order whose worker has the id or the name `named`; returns the ids of their workers.
    fn take_back(&mut self, named: &str) -> Vec<LeaseId> {
        let is_it = |(worker, order): &(&LeaseId, &DrainOrder)| {
            order.record.name.as_str() == named || worker.to_string() == named
        };
        let taken: Vec<LeaseId> = self.orders.iter().filter(is_it).map(|(worker, _)| *worker).collect();
        taken.iter().for_each(|worker| drop(self.remove(*worker)));
        taken
    }

    /// Takes the changes that wait to be written; `None` removes an order from the record.
    fn take_unwritten(&mut self) -> Vec<(LeaseId, Option<DrainRecord>)> {
        let unwritten = std::mem::take(&mut self.unwritten).into_iter();
        unwritten.map(|worker| (worker, self.orders.get(&worker).map(|order| order.record.clone()))).collect()
    }

    /// Lists the orders as operators see them.
    pub(super) fn views(&self) -> Vec<v1::DrainOrder> {
        let view = |(worker, order): (&LeaseId, &DrainOrder)| v1::DrainOrder {
            name: order.record.name.to_string(),
            worker: worker.to_string(),
            reason: order.record.reason.to_string(),
            lost: order.is_lost,
        };
        self.orders.iter().map(view).collect()
    }
}

impl Leader {
    /// Orders a worker to leave.
    pub(super) fn drain(&mut self, name: &str, reason: &str, reply: Reply<LeaseId>) {
        match self.order(name, reason) {
            Ok(worker) => self.write_drains(Some((worker, reply))),
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// Takes an order to leave back.
    pub(super) fn undrain(&mut self, name: &str, reason: &str, reply: Reply<LeaseId>) {
        match self.take_order_back(name, reason) {
            Ok(worker) => self.write_drains(Some((worker, reply))),
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn order(&mut self, name: &str, reason: &str) -> Result<LeaseId, ApiError> {
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
        self.drains.add(worker, live.record.name.as_str(), reason);
        tracing::info!(%worker, reason, "worker asked to leave");
        self.apply(Event::WorkerRests { worker, rests: true });
        Ok(worker)
    }

    fn take_order_back(&mut self, name: &str, reason: &str) -> Result<LeaseId, ApiError> {
        let taken = self.drains.take_back(name);
        let Some(last) = taken.last().copied() else {
            let what = format!("order to leave for worker {name}; see `tailor worker list`");
            return Err(ApiError::NotFound { what });
        };
        for worker in taken {
            let Some(live) = self.workers.get_mut(&worker) else { continue };
            if live.is_leaving() {
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

    /// Returns the reason to leave for a worker that joins, if there is an order for it.
    pub(super) fn drain_of(&mut self, worker: LeaseId, name: &str) -> Option<String> {
        let reason = self.drains.joins(worker, name)?;
        tracing::info!(%worker, name, reason, "told a joining worker to leave, because an order names it");
        self.write_drains(None);
        Some(reason)
    }

    /// Restores the orders of another leader. Workers are added afterwards, because each receives its order when it
    /// joins.
    pub(super) fn restore_drains(&mut self, drains: BTreeMap<LeaseId, DrainRecord>, workers: &BTreeSet<LeaseId>) {
        self.drains.restore(drains, |worker| workers.contains(&worker));
        self.write_drains(None);
    }

    /// Notes that a worker has said that it leaves.
    pub(super) fn leaves(&mut self, worker: LeaseId) {
        self.drains.leaves(worker);
        self.write_drains(None);
    }

    /// Notes that a worker is gone: its order is carried out, or lost.
    pub(super) fn drained_or_lost(&mut self, worker: LeaseId, live: &LiveWorker) {
        self.drains.gone(worker, live.is_leaving());
        self.write_drains(None);
    }

    /// Writes the orders that have changed, one write after another; `reply` is sent once its order is on record.
    pub(super) fn write_drains(&mut self, reply: Option<DrainReply>) {
        if let Some(next_replies) = &mut self.drains.write {
            return next_replies.extend(reply);
        }
        let (orders, replies) = (self.drains.take_unwritten(), reply.into_iter().collect::<Vec<_>>());
        if orders.is_empty() && replies.is_empty() {
            return;
        }
        self.drains.write = Some(Vec::new());
        self.spawn_write(orders, replies);
    }

    fn spawn_write(&self, orders: Vec<(LeaseId, Option<DrainRecord>)>, replies: Vec<DrainReply>) {
        let (journal, handle) = (self.journal.clone(), self.handle.clone());
        tokio::spawn(async move {
            let result = journal.insist(|| journal.write_drains(&orders)).await;
            handle.send_outcome(Outcome::DrainsWritten { result, replies });
        });
    }

    /// Sends the replies that waited for a write of orders, then writes the orders that changed meanwhile.
    pub(super) fn drains_written(&mut self, result: Result<(), JournalError>, replies: Vec<DrainReply>) {
        let next_replies = self.drains.write.take().unwrap_or_default();
        // Operators who get no reply ask the next leader.
        let Some(result) = self.unless_over(result) else { return };
        for (worker, reply) in replies {
            let _ = reply
                .send(result.clone().map(|()| worker).map_err(|error| ApiError::Away { reason: error.to_string() }));
        }
        let orders = self.drains.take_unwritten();
        if !orders.is_empty() || !next_replies.is_empty() {
            self.drains.write = Some(Vec::new());
            self.spawn_write(orders, next_replies);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists the id and the name of each order, and whether its worker was lost.
    fn shown(orders: &DrainOrders) -> Vec<(String, String, bool)> {
        orders.views().into_iter().map(|order| (order.worker, order.name, order.lost)).collect()
    }

    #[test]
    fn an_order_follows_its_name_over_a_lost_lease_and_ends_when_it_is_carried_out() {
        let [first, second, other] = [1, 2, 3].map(LeaseId);
        let mut orders = DrainOrders::default();
        orders.add(first, "w1", "old image");
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
            orders.add(LeaseId(id), &format!("w{id}"), "r");
            orders.gone(LeaseId(id), false);
        }
        assert_eq!(orders.views().len(), DRAIN_ORDERS_MAX);
        assert_eq!(orders.take_back("w7"), [LeaseId(7)]);
        assert_eq!(orders.take_back(&LeaseId(8).to_string()), [LeaseId(8)]);
        assert_eq!(orders.take_back("w7"), []);
    }

    #[test]
    fn the_next_leader_restores_orders_and_removes_those_that_are_carried_out() {
        let [alive, lost, left] = [1, 2, 3].map(LeaseId);
        let mut before = DrainOrders::default();
        for (worker, name) in [(alive, "w1"), (lost, "w2"), (left, "w3")] {
            before.add(worker, name, "old image");
        }
        before.leaves(left);
        let on_record: BTreeMap<_, _> =
            before.take_unwritten().into_iter().filter_map(|(id, order)| Some((id, order?))).collect();
        assert_eq!(on_record.len(), 3);
        assert_eq!(before.take_unwritten(), [], "each is written once");

        let mut after = DrainOrders::default();
        after.restore(on_record, |worker| worker == alive);
        assert_eq!(after.take_unwritten(), [(left, None)], "it left while nobody led");
        let expected = [(alive, "w1", false), (lost, "w2", true)];
        assert_eq!(shown(&after), expected.map(|(id, name, is_lost)| (id.to_string(), name.to_owned(), is_lost)));
        assert_eq!(after.joins(alive, "w1").as_deref(), Some("old image"));
        assert_eq!(after.joins(LeaseId(9), "w2").as_deref(), Some("old image"));
        let moved: Vec<_> = after.take_unwritten().into_iter().map(|(id, order)| (id, order.is_some())).collect();
        assert_eq!(moved, [(lost, false), (LeaseId(9), true)]);
    }
}
