//! Work that a coordinator of the model has under way, and the records that it writes.

use scheduler::life::{HeadChange, JobEffect, JobEvent, Life};

use super::{Guard, moved};

/// Facts about the job in the state and in the dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Store {
    /// Token of the leader.
    pub(super) leader: Option<u8>,
    pub(super) terms: u8,
    pub(super) head: Option<Head>,
    /// Record of the job's only shard.
    pub(super) shard: Option<ShardState>,
    pub(super) records: Vec<Record>,
    /// Rounds that were begun.
    pub(super) rounds: u8,
}

/// Head of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Head {
    pub(super) round: u8,
    /// Token of the leader that created it.
    by: u8,
    /// True if it lets the shard run.
    pub(super) is_released: bool,
    pub(super) is_cancelled: bool,
}

/// Record of a round in the dataset; each leader may write one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Record {
    pub(super) round: u8,
    pub(super) by: u8,
    pub(super) end: ShardState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum ShardState {
    Open,
    Done,
    Cancelled,
}

/// Work under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Work {
    /// Looks for the record of an ended job.
    Look {
        is_retry: bool,
    },
    /// Creates the head of a round.
    Begin {
        round: u8,
    },
    Read,
    Plan,
    RecordPlans,
    WriteHead,
    /// Records the end of the shard.
    Close(ShardState),
    Archive,
}

/// A coordinator, with its own idea of the job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Coordinator {
    /// Token of the coordinator while it believes that it leads.
    pub(super) token: Option<u8>,
    pub(super) life: Option<Life>,
    pub(super) head: Option<Head>,
    pub(super) shard: Option<ShardState>,
    pub(super) is_retry: bool,
    pub(super) work: Vec<Work>,
}

impl Coordinator {
    /// Moves the job, and begins the work that follows.
    pub(super) fn handle(&mut self, event: JobEvent, guard: Guard) {
        let (life, effects) = moved(self.life, event);
        self.life = life;
        for effect in effects {
            self.begin(effect, guard);
        }
    }

    fn begin(&mut self, effect: JobEffect, guard: Guard) {
        match effect {
            JobEffect::Begin => self.work.push(Work::Look { is_retry: std::mem::take(&mut self.is_retry) }),
            JobEffect::Refuse(_) => self.is_retry = false,
            JobEffect::Read { .. } => self.work.push(Work::Read),
            JobEffect::Plan => self.work.push(Work::Plan),
            JobEffect::RecordPlans => self.work.push(Work::RecordPlans),
            JobEffect::WriteHead(change) => {
                if let Some(head) = &mut self.head {
                    head.is_cancelled |= change == HeadChange::Cancel;
                    head.is_released |= change == HeadChange::Release;
                }
                if change == HeadChange::Release && guard == Guard::NoRelease {
                    self.handle(JobEvent::HeadWritten, guard);
                }
                self.work.push(Work::WriteHead);
            }
            JobEffect::OpenShards => {
                self.handle(JobEvent::Opened, guard);
                match self.shard {
                    Some(ShardState::Open) => {}
                    // The shard had ended under an earlier leader, or there is none.
                    _ => self.handle(JobEvent::ShardsEnded, guard),
                }
            }
            JobEffect::StopShards if self.shard == Some(ShardState::Open) => {
                self.end_shard(ShardState::Cancelled, guard);
            }
            JobEffect::Archive => self.work.push(Work::Archive),
            JobEffect::Forget => (self.head, self.shard) = (None, None),
            JobEffect::StopShards | JobEffect::Ended | JobEffect::Abandon => {}
        }
    }

    /// True if the shard runs, and may be committed.
    pub(super) fn may_finish(&self) -> bool {
        self.shard == Some(ShardState::Open) && matches!(self.life, Some(Life::Running { .. }))
    }

    pub(super) fn end_shard(&mut self, end: ShardState, guard: Guard) {
        self.shard = Some(end);
        self.work.push(Work::Close(end));
        self.handle(JobEvent::ShardEnded, guard);
        self.handle(JobEvent::ShardsEnded, guard);
    }

    /// True if the job waits for an answer that nothing will give.
    pub(super) fn is_stuck(&self) -> bool {
        let has = |wanted: fn(&Work) -> bool| self.work.iter().any(wanted);
        let is_under_way = match self.life {
            Some(Life::Beginning) => has(|work| matches!(work, Work::Look { .. } | Work::Begin { .. })),
            Some(Life::Recovering { .. }) => has(|work| *work == Work::Read),
            Some(Life::Planning { .. }) => has(|work| *work == Work::Plan),
            Some(Life::Recording { .. }) => has(|work| *work == Work::RecordPlans),
            Some(Life::Releasing { .. }) => has(|work| *work == Work::WriteHead),
            Some(Life::Opening { .. }) => false,
            Some(Life::Running { .. }) => self.shard == Some(ShardState::Open),
            Some(Life::Closing { .. }) => has(|work| matches!(work, Work::Close(_))),
            Some(Life::Archiving { .. }) => has(|work| *work == Work::Archive),
            Some(Life::Unreadable | Life::Abandoning { .. } | Life::Paused { .. }) | None => true,
        };
        !is_under_way
    }
}

impl Store {
    /// True if a round has ended and was cancelled, and no head is there.
    pub(super) fn may_be_retried(&self) -> bool {
        self.head.is_none() && self.has_record(ShardState::Cancelled) && !self.has_record(ShardState::Done)
    }

    pub(super) fn has_record(&self, end: ShardState) -> bool {
        self.records.iter().any(|record| record.end == end)
    }

    /// True if another record of the round has another end.
    pub(super) fn contradicts(&self, record: &Record) -> bool {
        self.records.iter().any(|other| other.round == record.round && other.end != record.end)
    }

    /// Performs work of a coordinator; returns the event that follows, or none if the write is refused.
    pub(super) fn perform(
        &mut self,
        coordinator: &mut Coordinator,
        work: Work,
        may_write: bool,
        guard: Guard,
    ) -> Option<Option<JobEvent>> {
        let by = coordinator.token?;
        let event = match work {
            Work::Look { is_retry } => {
                let is_known = !self.records.is_empty() && guard != Guard::NoLook;
                if is_known && !is_retry {
                    return Some(Some(JobEvent::NotBegun));
                }
                let round = if is_retry { self.records.iter().map(|it| it.round).max()? + 1 } else { 1 };
                coordinator.work.push(Work::Begin { round });
                return Some(None);
            }
            Work::Begin { round } => {
                let is_ours = self.head.is_some_and(|head| head.by == by && head.round == round);
                if !is_ours && (!may_write || self.head.is_some()) {
                    return None;
                }
                if !is_ours {
                    self.head = Some(Head { round, by, is_released: false, is_cancelled: false });
                    self.rounds += 1;
                }
                coordinator.head = self.head;
                JobEvent::Begun
            }
            Work::Read => {
                // The head may have been changed since it was found, by a cancel that is being written.
                coordinator.shard = self.shard;
                let is_planned = self.head.is_some_and(|head| head.is_released || head.is_cancelled);
                JobEvent::Recovered { is_planned }
            }
            Work::Plan => JobEvent::Planned,
            _ if !may_write => return None,
            Work::RecordPlans => {
                self.shard = Some(ShardState::Open);
                coordinator.shard = self.shard;
                JobEvent::Recorded { shards: 1 }
            }
            Work::WriteHead => {
                // Archived meanwhile: its record says how it ended.
                if self.head.is_some() && coordinator.head.is_some() {
                    self.head = coordinator.head;
                }
                JobEvent::HeadWritten
            }
            Work::Close(end) => {
                self.shard = Some(end);
                JobEvent::ShardClosed
            }
            Work::Archive => {
                let round = coordinator.head?.round;
                let end = coordinator.shard.filter(|end| *end == ShardState::Done).unwrap_or(ShardState::Cancelled);
                let record = Record { round, by, end };
                if !self.records.contains(&record) {
                    self.records.push(record);
                }
                (self.head, self.shard) = (None, None);
                JobEvent::Archived
            }
        };
        Some(Some(event))
    }
}
