//! All shards of a job, and the workers; the one function that changes them.

use std::collections::{BTreeMap, BTreeSet};

use model::{FencingToken, ShardId};

use crate::event::{Effect, Event, ShardEnd, WorkerId};
use crate::shard::{Next, Shard};

/// What the scheduler knows of one job.
#[derive(Debug, Default)]
pub struct State {
    shards: BTreeMap<ShardId, Shard>,
    workers: BTreeSet<WorkerId>,
}

impl State {
    /// Whether every shard that was planned has ended.
    pub fn has_ended(&self) -> bool {
        self.shards.values().all(Shard::has_ended)
    }
}

/// Takes an event in, and says what is to be done about it.
pub fn step(state: &mut State, event: Event) -> Vec<Effect> {
    match event {
        Event::Planned { plan } => {
            let id = plan.shard;
            let mut shard = Shard::new(plan);
            // A shard without input has nothing to map or reduce: it commits at once, as empty.
            let next = shard.advance();
            state.shards.insert(id, shard);
            effects(state, id, next)
        }
        Event::Claim { worker, slots, token } => {
            state.workers.insert(worker);
            claim(state, worker, slots, token)
        }
        Event::Mapped { shard, task, attempt, report } => {
            on_shard(state, shard, |shard, _| shard.mapped(task, attempt, report))
        }
        Event::Reduced { shard, task, attempt, report } => {
            on_shard(state, shard, |shard, _| shard.reduced(task, attempt, report))
        }
        Event::Failed { shard, task, attempt, failure } => {
            on_shard(state, shard, |shard, workers| shard.failed(task, attempt, failure, workers))
        }
        Event::WorkerLost { worker } => {
            state.workers.remove(&worker);
            state.shards.values_mut().for_each(|shard| shard.lose(worker));
            Vec::new()
        }
        Event::Committed { shard, version } => on_shard(state, shard, |shard, _| shard.end(ShardEnd::Done { version })),
        Event::CommitFailed { shard, cause } => {
            on_shard(state, shard, |shard, _| shard.end(ShardEnd::Failed { cause }))
        }
        Event::Cancelled { cause } => {
            // What is being committed may be visible already: it ends as its commit does.
            let open: Vec<_> = state.shards.iter().filter(|(_, shard)| shard.is_open()).map(|(id, _)| *id).collect();
            let cancel = |id| on_shard(state, id, |shard, _| shard.end(ShardEnd::Cancelled { cause: cause.clone() }));
            open.into_iter().flat_map(cancel).collect()
        }
    }
}

/// Changes a shard. One that is unknown or has ended takes nothing in any more.
fn on_shard(
    state: &mut State,
    id: ShardId,
    change: impl FnOnce(&mut Shard, &BTreeSet<WorkerId>) -> Next,
) -> Vec<Effect> {
    let Some(shard) = state.shards.get_mut(&id).filter(|shard| !shard.has_ended()) else { return Vec::new() };
    let next = change(shard, &state.workers);
    effects(state, id, next)
}

fn effects(state: &State, id: ShardId, next: Next) -> Vec<Effect> {
    match next {
        Next::Wait => Vec::new(),
        Next::Commit(output) => vec![Effect::Commit { output }],
        Next::End(end) => {
            let running = state.shards.get(&id).map(Shard::running).unwrap_or_default();
            let stop =
                running.into_iter().map(|(task, attempt, worker)| Effect::Stop { worker, shard: id, task, attempt });
            stop.chain([Effect::End { shard: id, end }]).collect()
        }
    }
}

/// Hands out up to `slots` tasks: the heaviest shard first, so that the longest does not end alone.
fn claim(state: &mut State, worker: WorkerId, slots: usize, token: FencingToken) -> Vec<Effect> {
    let mut order: Vec<(ShardId, u64)> =
        state.shards.iter().filter(|(_, shard)| !shard.has_ended()).map(|(id, shard)| (*id, shard.weight())).collect();
    order.sort_by_key(|(id, weight)| (std::cmp::Reverse(*weight), *id));
    let mut assigned = Vec::new();
    for (id, _) in order {
        let Some(shard) = state.shards.get_mut(&id) else { continue };
        while assigned.len() < slots {
            let Some((task, attempt, input)) = shard.claim(worker, &state.workers, token) else { break };
            let plan = shard.plan().clone();
            assigned.push(Effect::Assign { worker, job: plan.job.clone(), shard: id, task, attempt, plan, input });
        }
    }
    assigned
}
