//! Applies events, and performs the effects that follow: each is begun here, runs beside the loop, and returns as an
//! outcome.

use model::JobId;
use scheduler::life::{JobEffect, JobEvent};
use scheduler::{Effect, Event};

use super::Leader;

impl Leader {
    /// Applies an event to the scheduler's state, and performs the effects that follow.
    pub(super) fn apply(&mut self, event: Event) {
        let now = self.now();
        let effects = scheduler::step(&mut self.state, event, now);
        for effect in effects {
            self.perform(effect);
        }
    }

    /// Moves a job. With a `round`, the event is dropped if the job is in another one by now.
    pub(super) fn tell_job(&mut self, id: &JobId, round: Option<u32>, event: JobEvent) {
        self.apply(Event::Job { job: id.clone(), round, event });
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Stop { worker, task, attempt } => self.stop(worker, task, attempt),
            Effect::Reopen { task, attempt, tried } => self.reopen(task, attempt, tried),
            Effect::Commit { output } => self.commit(output),
            Effect::End { job, shard, end } => self.end_shard(&job, shard, end),
            Effect::Violated { invariant, what } => crate::metrics::violated(invariant, &what),
            Effect::Job { job, effect } => self.perform_for_job(&job, effect),
        }
    }

    fn perform_for_job(&mut self, id: &JobId, effect: JobEffect) {
        match effect {
            JobEffect::Begin => self.begin(id),
            JobEffect::Refuse(refusal) => self.refuse(id, refusal),
            JobEffect::Read { again, gives_up } => self.read_job(id, again, gives_up),
            JobEffect::Abandon => self.abandon(id),
            JobEffect::Plan => self.plan(id),
            JobEffect::RecordPlans => self.record_plans(id),
            JobEffect::WriteHead(change) => self.change_head(id, change),
            JobEffect::OpenShards => self.open_shards(id),
            JobEffect::StopShards => self.stop_shards(id),
            JobEffect::Ended => self.note_end(id),
            JobEffect::Archive => self.archive(id),
            JobEffect::Forget => self.forget(id),
        }
    }
}
