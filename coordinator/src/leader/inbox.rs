//! Hands each message to its handler, which turns it into an event of the scheduler.

use super::Leader;
use super::message::{Message, Outcome};

impl Leader {
    pub(super) fn handle(&mut self, message: Message) {
        match message {
            Message::Hello { hello, reply } => self.hello(&hello, reply),
            Message::Claim { worker, slots, wait, reply } => self.claim(worker, slots, wait, reply),
            Message::Complete { worker, held, report, effort, reply } => {
                self.complete(worker, held, &report, effort, reply);
            }
            Message::Fail { worker, held, failure, reply } => self.fail(worker, held, failure, reply),
            Message::HandBack { worker, held, reason, reply } => self.hand_back(worker, held, &reason, reply),
            Message::Beat { worker, beat, reply } => self.beat(worker, &beat, reply),
            Message::Ask(ask) => self.answer(ask),
            Message::Outcome(outcome) => self.handle_outcome(outcome),
        }
    }

    fn handle_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Assigned { worker, assigned, reply } => self.assigned(worker, assigned, reply),
            Outcome::Completed { held, report, result, reply } => self.completed(&held, report, result, reply),
            Outcome::Failed { held, failure, result, reply } => self.failed(held, failure, result, reply),
            Outcome::HandedBack { held, reason, reply } => self.handed_back(held, &reason, reply),
            Outcome::Reopened { task, result } => self.reopened(task, result),
            Outcome::Begun { job, begun, asker } => self.begun(&job, begun, asker),
            Outcome::Planned { job, round, planned } => self.planned(&job, round, *planned),
            Outcome::PlansRecorded { job, round, result } => self.plans_recorded(&job, round, result),
            Outcome::Recovered { job, gave_up, recovered } => self.recovered(&job, gave_up, *recovered),
            Outcome::Abandoned { job, result } => self.abandoned(&job, result),
            Outcome::Committed { output, result } => self.committed(&output, result),
            Outcome::Closed { job, shard, result } => self.closed(&job, shard, result),
            Outcome::Archived { job, round, result } => self.archived(&job, round, result),
            Outcome::HeadPut { job, round, result, replies } => self.head_put(&job, round, result, replies),
            Outcome::DrainsWritten { result, replies } => self.drains_written(result, replies),
            Outcome::DemandPut { pool, wanted, result } => self.demand_put(pool, wanted, result),
        }
    }
}
