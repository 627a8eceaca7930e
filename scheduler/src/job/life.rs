//! Life of a job: from the request that names it until its record lies in the dataset.
//!
//! ```text
//! (free) -- submit, retry --> Beginning -- head written --> Planning -- plans made --> Recording
//!    ^                            |                          ^  |                        |   |
//!    |<------- not begun ---------+        not planned yet   |  | cannot be planned,     |   | plans recorded
//!    |                                                       |  | or cancelled           |   v
//!    |                +--------------------------------------+  |             cancelled  | Releasing
//!    |                |                                         |                        |   | head written
//! (found) --> Recovering -------------- plans on record --------|------------+           |   v
//!    |                | lost for good                           |            +---------> Opening
//!    |                v                                         |                            | shards opened
//!    |<--------- Abandoning                                     |                            v
//!    |                                                          |                         Running
//!    |                                                          v   every shard has ended    |
//!    +<----- archived ----- Archiving <-- each end recorded -- Closing <---------------------+
//!                            |     ^
//!              not archived  v     |  five seconds later
//!                            Paused
//! ```
//!
//! A cancel moves no state: it sets `is_cancelled`, which later steps read. [`step`] is the only function that moves a
//! job. The function decides, and performs nothing: the leader performs the effects and returns with the next event.

use std::time::Duration;

/// Pause before an ended job whose record could not be written is archived again.
pub const ARCHIVE_PAUSE: Duration = Duration::from_secs(5);

/// Times that an object which is gone or damaged is read again before it counts as lost: about a minute. A replica
/// whose file system is not mounted yet sees an empty folder, and must not fail a job over it.
pub const RECOVERY_TRIES_MAX: u32 = 30;

/// State of a job whose name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Life {
    /// The job's record, spec and head are being read and written for a request. Nothing is on record yet.
    Beginning,
    /// The head that an earlier leader left cannot be read by this version, which leaves the job alone.
    Unreadable,
    /// The job that an earlier leader left is being read.
    Recovering {
        /// Times that something was missing that will not come back.
        tries: u32,
        /// True if an operator cancelled the job.
        is_cancelled: bool,
    },
    /// The job cannot be taken over; its end is being recorded.
    Abandoning {
        /// True if an operator cancelled the job.
        is_cancelled: bool,
    },
    /// Segments are listed, and plans written. No shard is on record.
    Planning {
        /// True if an operator cancelled the job.
        is_cancelled: bool,
    },
    /// The records of the shards are being written.
    Recording {
        /// True if an operator cancelled the job.
        is_cancelled: bool,
    },
    /// The head that lets the recorded shards run is being written.
    Releasing {
        /// True if an operator cancelled the job.
        is_cancelled: bool,
    },
    /// The shards are handed to the scheduler, one by one.
    Opening {
        /// Shards that have ended, and whose end is not on record.
        unrecorded: u32,
        /// True if an operator cancelled the job.
        is_cancelled: bool,
    },
    /// The shards are known, and at least one of them has not ended.
    Running {
        /// Shards that have ended, and whose end is not on record.
        unrecorded: u32,
        /// True if an operator cancelled the job.
        is_cancelled: bool,
    },
    /// Every shard has ended, and at least one end is not on record.
    Closing {
        /// Shards whose end is not on record; never 0.
        unrecorded: u32,
        /// True if an operator cancelled the job.
        is_cancelled: bool,
    },
    /// The job's record is being written.
    Archiving {
        /// True if an operator cancelled the job.
        is_cancelled: bool,
    },
    /// The job's record could not be written, and will be written again.
    Paused {
        /// Time of the next try.
        until: Duration,
        /// True if an operator cancelled the job.
        is_cancelled: bool,
    },
}

/// Input of [`step`]: a request of an operator, or the result of an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobEvent {
    /// An operator submits the job.
    Submitted,
    /// An operator runs the failed shards of the ended job again.
    Retried,
    /// An operator cancels the job.
    Cancelled,
    /// The head of a new round is on record.
    Begun,
    /// No head was written: the job has ended already, or the request was refused.
    NotBegun,
    /// An earlier leader left the job.
    Found {
        /// True if its head says that it was cancelled.
        is_cancelled: bool,
    },
    /// An earlier leader left the job, with a head that this version cannot read.
    FoundUnreadable,
    /// The job that the earlier leader left was read.
    Recovered {
        /// True if the shards are on record, or planning has failed; otherwise the job is planned anew.
        is_planned: bool,
    },
    /// The job that the earlier leader left could not be read.
    NotRecovered {
        /// True if something is gone or damaged; reading it again will not help.
        is_lost: bool,
        /// The reader's own [`JobEffect::Read::gives_up`].
        gave_up: bool,
    },
    /// The end of a job that could not be taken over is on record.
    Abandoned,
    /// The plans of all shards are written.
    Planned,
    /// The job cannot be planned.
    NotPlanned,
    /// The shards are on record.
    Recorded {
        /// Number of the shards on record.
        shards: u32,
    },
    /// A head that [`JobEffect::WriteHead`] asked for is on record.
    HeadWritten,
    /// The scheduler knows all shards of the job.
    Opened,
    /// A shard has ended; its end is not on record yet.
    ShardEnded,
    /// The last shard of the job has ended, or it has none.
    ShardsEnded,
    /// The end of a shard is on record.
    ShardClosed,
    /// The job's record is written, and its keys are gone.
    Archived,
    /// The job's record could not be written.
    NotArchived,
    /// Time has passed: a pause may have ended.
    Tick,
}

/// Output of [`step`]: work for the leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobEffect {
    /// Write a head for the request; answer with [`JobEvent::Begun`] or [`JobEvent::NotBegun`].
    Begin,
    /// Turn the request down.
    Refuse(Refusal),
    /// Read the job that an earlier leader left; answer with [`JobEvent::Recovered`] or [`JobEvent::NotRecovered`].
    Read {
        /// True if it was tried before: wait a moment.
        again: bool,
        /// True if a plan or report that is missing counts as lost, and ends its shard.
        gives_up: bool,
    },
    /// Record the end of a job that cannot be taken over; answer with [`JobEvent::Abandoned`].
    Abandon,
    /// Plan the shards; answer with [`JobEvent::Planned`] or [`JobEvent::NotPlanned`].
    Plan,
    /// Record the shards; answer with [`JobEvent::Recorded`].
    RecordPlans,
    /// Change the head, and write it; answer with [`JobEvent::HeadWritten`].
    WriteHead(HeadChange),
    /// Hand the shards to the scheduler; answer with [`JobEvent::Opened`].
    OpenShards,
    /// End the shards that have not committed.
    StopShards,
    /// The job has ended, and takes no further time.
    Ended,
    /// Write the job's record and delete its keys; answer with [`JobEvent::Archived`] or [`JobEvent::NotArchived`].
    Archive,
    /// The job is on record: notify its waiter and forget it.
    Forget,
}

/// Change of a head before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeadChange {
    /// None: a repeated request waits for the head that is on its way.
    None,
    /// The phase becomes `cancelling`, with the request's reason.
    Cancel,
    /// The cause becomes that of the failed planning.
    FailPlanning,
    /// The number of shards is set; the phase stays `cancelling`.
    Count,
    /// The number of shards is set, and the phase becomes `running`.
    Release,
}

/// Reason for which a request is turned down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No open job has this name.
    Unknown,
    /// Another request is creating this job. Two copies of one request must not both find that there is no record
    /// yet, or the job would run twice.
    JustBegun,
    /// The job is being taken over from an earlier leader.
    Recovering,
    /// The job's head cannot be read by this version.
    Unreadable,
    /// A job of this name is open.
    Open,
    /// The job has ended, and its record is being written.
    Ended,
    /// As many jobs are open as a cluster may have.
    TooMany,
}

/// State after an event; none if the name is free.
pub type Next = (Option<Life>, Vec<JobEffect>);

/// Moves a job; `now` is the time of [`scheduler::step`](crate::step). An event that the state does not expect changes
/// nothing: it belongs to an earlier round, or repeats an event that was handled.
pub fn step(life: Option<Life>, event: JobEvent, now: Duration) -> Next {
    use JobEvent as E;
    match (life, event) {
        (None, _) => from_nothing(event),
        (Some(life), E::Submitted | E::Retried) => stay(life, JobEffect::Refuse(life.refusal())),
        (Some(life), E::Cancelled) => life.cancel(),
        (Some(Life::Beginning), E::Begun) => plan(false),
        (Some(Life::Beginning), E::NotBegun) | (Some(Life::Abandoning { .. }), E::Abandoned) => (None, Vec::new()),
        (Some(Life::Recovering { is_cancelled, .. }), E::Recovered { is_planned }) => {
            if is_planned || is_cancelled {
                open(is_cancelled)
            } else {
                plan(false)
            }
        }
        (Some(Life::Recovering { tries, is_cancelled }), E::NotRecovered { is_lost, gave_up }) => {
            not_recovered(tries + u32::from(is_lost), is_cancelled, is_lost && gave_up)
        }
        (Some(Life::Planning { is_cancelled: false }), E::Planned) => {
            (Some(Life::Recording { is_cancelled: false }), vec![JobEffect::RecordPlans])
        }
        (Some(Life::Planning { is_cancelled: false }), E::NotPlanned) => {
            let (life, effects) = archive(false);
            let failed = JobEffect::WriteHead(HeadChange::FailPlanning);
            (life, [failed, JobEffect::Ended].into_iter().chain(effects).collect())
        }
        (Some(Life::Planning { is_cancelled: true }), E::Planned | E::NotPlanned) => end(0, true),
        (Some(Life::Recording { is_cancelled }), E::Recorded { shards: 0 }) => end(0, is_cancelled),
        (Some(Life::Recording { is_cancelled: false }), E::Recorded { .. }) => {
            (Some(Life::Releasing { is_cancelled: false }), vec![JobEffect::WriteHead(HeadChange::Release)])
        }
        (Some(Life::Recording { is_cancelled: true }), E::Recorded { .. }) => {
            let (life, effects) = open(true);
            (life, [JobEffect::WriteHead(HeadChange::Count)].into_iter().chain(effects).collect())
        }
        (Some(Life::Releasing { is_cancelled }), E::HeadWritten) => open(is_cancelled),
        (Some(Life::Opening { unrecorded, is_cancelled }), E::Opened) => {
            let stop = is_cancelled.then_some(JobEffect::StopShards);
            (Some(Life::Running { unrecorded, is_cancelled }), stop.into_iter().collect())
        }
        (Some(Life::Running { unrecorded, is_cancelled }), E::ShardsEnded) => end(unrecorded, is_cancelled),
        (Some(life), E::ShardEnded | E::ShardClosed) => life.count(event),
        (Some(Life::Archiving { .. }), E::Archived) => (None, vec![JobEffect::Forget]),
        (Some(Life::Archiving { is_cancelled }), E::NotArchived) => {
            (Some(Life::Paused { until: now + ARCHIVE_PAUSE, is_cancelled }), Vec::new())
        }
        (Some(Life::Paused { until, is_cancelled }), E::Tick) if until <= now => archive(is_cancelled),
        (Some(life), _) => (Some(life), Vec::new()),
    }
}

fn from_nothing(event: JobEvent) -> Next {
    match event {
        JobEvent::Submitted | JobEvent::Retried => (Some(Life::Beginning), vec![JobEffect::Begin]),
        JobEvent::Found { is_cancelled } => {
            let read = JobEffect::Read { again: false, gives_up: false };
            (Some(Life::Recovering { tries: 0, is_cancelled }), vec![read])
        }
        JobEvent::FoundUnreadable => (Some(Life::Unreadable), Vec::new()),
        JobEvent::Cancelled => (None, vec![JobEffect::Refuse(Refusal::Unknown)]),
        _ => (None, Vec::new()),
    }
}

fn stay(life: Life, effect: JobEffect) -> Next {
    (Some(life), vec![effect])
}

fn plan(is_cancelled: bool) -> Next {
    (Some(Life::Planning { is_cancelled }), vec![JobEffect::Plan])
}

fn open(is_cancelled: bool) -> Next {
    (Some(Life::Opening { unrecorded: 0, is_cancelled }), vec![JobEffect::OpenShards])
}

fn not_recovered(tries: u32, is_cancelled: bool, is_hopeless: bool) -> Next {
    if is_hopeless {
        return (Some(Life::Abandoning { is_cancelled }), vec![JobEffect::Abandon]);
    }
    let life = Life::Recovering { tries, is_cancelled };
    stay(life, JobEffect::Read { again: true, gives_up: life.gives_up() })
}

/// Ends a job whose shards have all ended.
fn end(unrecorded: u32, is_cancelled: bool) -> Next {
    if unrecorded > 0 {
        return (Some(Life::Closing { unrecorded, is_cancelled }), vec![JobEffect::Ended]);
    }
    let (life, effects) = archive(is_cancelled);
    (life, [JobEffect::Ended].into_iter().chain(effects).collect())
}

fn archive(is_cancelled: bool) -> Next {
    (Some(Life::Archiving { is_cancelled }), vec![JobEffect::Archive])
}

impl Life {
    /// True if an operator cancelled the job.
    pub const fn is_cancelled(self) -> bool {
        match self {
            Self::Beginning | Self::Unreadable => false,
            Self::Recovering { is_cancelled, .. }
            | Self::Abandoning { is_cancelled }
            | Self::Planning { is_cancelled }
            | Self::Recording { is_cancelled }
            | Self::Releasing { is_cancelled }
            | Self::Opening { is_cancelled, .. }
            | Self::Running { is_cancelled, .. }
            | Self::Closing { is_cancelled, .. }
            | Self::Archiving { is_cancelled }
            | Self::Paused { is_cancelled, .. } => is_cancelled,
        }
    }

    /// True if every shard has ended.
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Closing { .. } | Self::Archiving { .. } | Self::Paused { .. })
    }

    /// True if an earlier leader left the job, and this one does not run it (yet).
    pub const fn is_left_over(self) -> bool {
        matches!(self, Self::Unreadable | Self::Recovering { .. } | Self::Abandoning { .. })
    }

    /// True if the missing objects of a job that is being taken over count as lost.
    pub const fn gives_up(self) -> bool {
        match self {
            Self::Recovering { tries, is_cancelled } => tries >= RECOVERY_TRIES_MAX || is_cancelled && tries > 0,
            _ => false,
        }
    }

    const fn refusal(self) -> Refusal {
        match self {
            Self::Beginning => Refusal::JustBegun,
            Self::Unreadable | Self::Recovering { .. } | Self::Abandoning { .. } => Refusal::Recovering,
            _ => Refusal::Open,
        }
    }

    /// Remembers a cancel. The first one counts; a repeated one waits for the same head.
    fn cancel(mut self) -> Next {
        if self.is_cancelled() {
            return stay(self, JobEffect::WriteHead(HeadChange::None));
        }
        match &mut self {
            Self::Beginning => return stay(self, JobEffect::Refuse(Refusal::JustBegun)),
            Self::Unreadable => return stay(self, JobEffect::Refuse(Refusal::Unreadable)),
            Self::Abandoning { .. } | Self::Closing { .. } | Self::Archiving { .. } | Self::Paused { .. } => {
                return stay(self, JobEffect::Refuse(Refusal::Ended));
            }
            Self::Recovering { is_cancelled, .. }
            | Self::Planning { is_cancelled }
            | Self::Recording { is_cancelled }
            | Self::Releasing { is_cancelled }
            | Self::Opening { is_cancelled, .. }
            | Self::Running { is_cancelled, .. } => *is_cancelled = true,
        }
        let stop = matches!(self, Self::Running { .. }).then_some(JobEffect::StopShards);
        (Some(self), [JobEffect::WriteHead(HeadChange::Cancel)].into_iter().chain(stop).collect())
    }

    /// Counts the ends of shards that are not on record.
    fn count(mut self, event: JobEvent) -> Next {
        let (Self::Opening { unrecorded, .. } | Self::Running { unrecorded, .. } | Self::Closing { unrecorded, .. }) =
            &mut self
        else {
            return (Some(self), Vec::new());
        };
        match event {
            JobEvent::ShardEnded => *unrecorded += 1,
            _ => *unrecorded = unrecorded.saturating_sub(1),
        }
        match self {
            Self::Closing { unrecorded: 0, is_cancelled } => archive(is_cancelled),
            life => (Some(life), Vec::new()),
        }
    }
}

/// Events that take a job of one shard from a free name to [`Life::Opening`] when nothing goes wrong: for drivers that keep
/// no records.
pub const UNTIL_OPENING: [JobEvent; 5] =
    [JobEvent::Submitted, JobEvent::Begun, JobEvent::Planned, JobEvent::Recorded { shards: 1 }, JobEvent::HeadWritten];
