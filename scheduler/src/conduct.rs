//! Conduct of workers, for people: the pace of each against that of the others, and the ends of its attempts lately.
//!
//! ```text
//! speed = time that the median of the others would have taken for a worker's last attempts / time that they took
//! ```
//!
//! Paces are compared inside one kind of work, which is a kind of task of one job: a byte of one job may cost twice a byte
//! of another. A unit is a segment byte for map tasks, and a point for reduce tasks. Nothing is assigned by all this: a
//! twin helps a slow worker's task by its own rule, and draining a worker is an operator's decision.
//!
//! What is kept is bounded: a worker has a few kinds of work with three numbers each, counts of two half-hours, and one
//! message. Workers are told apart by name, so that one that is killed again and again, and comes back under another
//! lease each time, keeps its past.

use std::collections::BTreeMap;
use std::time::Duration;

use model::limits::WORKERS_MAX;
use model::{Failure, FailureClass, JobId, TaskKind};

/// Weight of the past against one more attempt: about ten attempts make up a pace.
const PAST: f64 = 0.9;

/// Most kinds of work that are kept of a worker; the one whose attempt ended longest ago goes.
const WORKS_MAX: usize = 4;

/// Fewest others whose median is taken.
const OTHERS_MIN: usize = 2;

/// Fewest attempts of a worker that have a speed.
const ATTEMPTS_MIN: u32 = 2;

/// Time for which an attempt at a map task has to run before its progress counts. The progress of a reduce attempt comes
/// at its end, so it counts when it has ended.
pub const RUNNING_MIN: Duration = Duration::from_secs(10);

/// Speed up to which a worker is remarked on, and the evidence for that: attempts, and the time that they took.
const SLOW: f64 = 0.5;
const SLOW_ATTEMPTS_MIN: u32 = 3;
const SLOW_TIME_MIN: Duration = Duration::from_secs(3);

/// Fewest failures for which a worker is remarked on; their share of its attempts, in percent; and the factor over the
/// share of the others, by which a bad segment or a store that is away does not look like a bad worker.
const FAILED_MIN: u32 = 3;
const FAILED_PERCENT_MIN: u64 = 25;
const FAILED_TIMES_OTHERS: u64 = 3;

/// Fewest lost leases, and fewest overtaken attempts, for which a worker is remarked on.
const LEASES_LOST_MIN: u32 = 2;
const OVERTAKEN_MIN: u32 = 3;

/// Half of the longest time for which ends of attempts are counted.
const HALF: Duration = Duration::from_secs(30 * 60);

/// Longest message of a failure that is kept, in letters.
const MESSAGE_LETTERS_MAX: usize = 200;

/// Units that an attempt passed, and the time that it took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Passed {
    /// Segment bytes that a map attempt read; points that a reduce attempt wrote.
    pub units: u64,
    /// Time in its slot.
    pub took: Duration,
}

/// End of an attempt, as far as it tells about its worker.
#[derive(Debug, Clone, Copy)]
pub enum Ending<'a> {
    /// Its output counts.
    Counts(Passed),
    /// A twin, begun later, was done before it.
    Overtaken(Passed),
    /// It failed.
    Failed(&'a Failure),
}

/// Attempt that runs.
#[derive(Debug, Clone)]
pub struct UnderWay<'a> {
    /// Name of its worker.
    pub worker: &'a str,
    /// Job of its task.
    pub job: &'a JobId,
    /// Kind of its task.
    pub kind: TaskKind,
    /// Units and time so far.
    pub passed: Passed,
}

/// Speed of a worker at one kind of task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Kind of task.
    pub kind: TaskKind,
    /// 1 at the median of the others, 0.5 at half their pace.
    pub speed: f64,
    /// Attempts behind it; the last ten or so make up most of it.
    pub attempts: u32,
    /// Most workers that it was compared with.
    pub others: usize,
}

/// Conduct of one worker.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    /// Speeds, of the kinds of task of which enough is known.
    pub speeds: Vec<Speed>,
    /// Attempts that ended by themselves lately, within half an hour to an hour.
    pub attempts: u32,
    /// Attempts among them that failed, for reasons that may be the worker's.
    pub failed: u32,
    /// Attempts among them that were overtaken by a twin.
    pub overtaken: u32,
    /// Leases that ended lately while the worker did not drain.
    pub leases_lost: u32,
    /// Class and beginning of the message of the last of these failures.
    pub last_failure: Option<(FailureClass, String)>,
    /// Reason to look at the worker; empty if there is none.
    pub remark: String,
}

/// Kind of work, inside which paces are compared.
type Work = (JobId, TaskKind);

/// Units and time of the last attempts of one worker at one kind of work.
#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    units: f64,
    seconds: f64,
    attempts: u32,
    at: Duration,
}

impl Pace {
    fn add(&mut self, passed: Passed, now: Duration) {
        self.units = self.units * PAST + passed.units as f64;
        // An attempt that took no time at all would be infinitely fast.
        self.seconds = self.seconds * PAST + passed.took.max(Duration::from_millis(1)).as_secs_f64();
        self.attempts = self.attempts.saturating_add(1);
        self.at = now;
    }

    fn units_per_second(&self) -> f64 {
        self.units / self.seconds
    }
}

/// Ends within half an hour.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    attempts: u32,
    failed: u32,
    overtaken: u32,
    leases_lost: u32,
}

/// Conduct of one worker, as it is kept.
#[derive(Debug, Default)]
struct Kept {
    paces: BTreeMap<Work, Pace>,
    /// Begin of the half-hour that `ends[0]` counts; `ends[1]` is the one before.
    since: Duration,
    ends: [Ends; 2],
    last_failure: Option<(FailureClass, String)>,
    at: Duration,
}

impl Kept {
    /// Returns the counts of this half-hour, after turning to it.
    fn now(&mut self, now: Duration) -> &mut Ends {
        self.ends = self.ends_at(now);
        match now.saturating_sub(self.since) {
            passed if passed < HALF => {}
            passed if passed < HALF * 2 => self.since += HALF,
            _ => self.since = now,
        }
        self.at = now;
        &mut self.ends[0]
    }

    /// Returns the counts of this half-hour and of the one before.
    fn ends_at(&self, now: Duration) -> [Ends; 2] {
        match now.saturating_sub(self.since) {
            passed if passed < HALF => self.ends,
            passed if passed < HALF * 2 => [Ends::default(), self.ends[0]],
            _ => <[Ends; 2]>::default(),
        }
    }

    /// Sums up the counts.
    fn lately(&self, now: Duration) -> Ends {
        let [this, before] = self.ends_at(now);
        Ends {
            attempts: this.attempts.saturating_add(before.attempts),
            failed: this.failed.saturating_add(before.failed),
            overtaken: this.overtaken.saturating_add(before.overtaken),
            leases_lost: this.leases_lost.saturating_add(before.leases_lost),
        }
    }

    fn add_pace(&mut self, work: Work, passed: Passed, now: Duration) {
        if self.paces.len() >= WORKS_MAX && !self.paces.contains_key(&work) {
            let oldest = self.paces.iter().min_by_key(|(_, pace)| pace.at).map(|(work, _)| work.clone());
            oldest.and_then(|oldest| self.paces.remove(&oldest));
        }
        self.paces.entry(work).or_default().add(passed, now);
    }
}

/// Conduct of all workers, under one leader.
#[derive(Debug, Default)]
pub struct Conduct(BTreeMap<String, Kept>);

impl Conduct {
    /// Notes the end of an attempt of a worker.
    pub fn ended(&mut self, now: Duration, worker: &str, (job, kind): (&JobId, TaskKind), ending: Ending<'_>) {
        if let Ending::Failed(failure) = ending
            && !may_be_the_workers(failure.class)
        {
            return;
        }
        let kept = self.kept(worker, now);
        let ends = kept.now(now);
        ends.attempts = ends.attempts.saturating_add(1);
        match ending {
            Ending::Counts(passed) => kept.add_pace((job.clone(), kind), passed, now),
            Ending::Overtaken(passed) => {
                ends.overtaken = ends.overtaken.saturating_add(1);
                kept.add_pace((job.clone(), kind), passed, now);
            }
            Ending::Failed(failure) => {
                ends.failed = ends.failed.saturating_add(1);
                let message = failure.message.chars().take(MESSAGE_LETTERS_MAX).collect();
                kept.last_failure = Some((failure.class, message));
            }
        }
    }

    /// Notes that the lease of a worker has ended while the worker did not drain.
    pub fn lease_lost(&mut self, now: Duration, worker: &str) {
        let ends = self.kept(worker, now).now(now);
        ends.leases_lost = ends.leases_lost.saturating_add(1);
    }

    fn kept(&mut self, worker: &str, now: Duration) -> &mut Kept {
        if !self.0.contains_key(worker) {
            self.make_room(now);
        }
        self.0.entry(worker.to_owned()).or_insert_with(|| Kept { since: now, ..Kept::default() })
    }

    /// Forgets workers of which nothing was heard for as long as ends are counted, once there are more than can live.
    fn make_room(&mut self, now: Duration) {
        if self.0.len() >= WORKERS_MAX {
            self.0.retain(|_, kept| now.saturating_sub(kept.at) < HALF * 2);
        }
        if self.0.len() >= WORKERS_MAX {
            let oldest = self.0.iter().min_by_key(|(_, kept)| kept.at).map(|(name, _)| name.clone());
            oldest.and_then(|oldest| self.0.remove(&oldest));
        }
    }

    /// Returns the conduct of each worker of which something is known, by name. `running` are the attempts that run.
    pub fn views(&self, now: Duration, running: &[UnderWay<'_>]) -> BTreeMap<String, View> {
        let mut paces: BTreeMap<&str, BTreeMap<Work, Pace>> =
            self.0.iter().map(|(name, kept)| (name.as_str(), kept.paces.clone())).collect();
        for attempt in running.iter().filter(|at| at.kind == TaskKind::Map && at.passed.took >= RUNNING_MIN) {
            let of_worker = paces.entry(attempt.worker).or_default();
            of_worker.entry((attempt.job.clone(), attempt.kind)).or_default().add(attempt.passed, now);
        }
        let mut sorted: BTreeMap<&Work, Vec<f64>> = BTreeMap::new();
        for (work, pace) in paces.values().flatten() {
            sorted.entry(work).or_default().push(pace.units_per_second());
        }
        sorted.values_mut().for_each(|paces| paces.sort_unstable_by(f64::total_cmp));
        let of_all = self.0.values().map(|kept| kept.lately(now)).fold((0, 0), |(attempts, failed), ends| {
            (attempts + u64::from(ends.attempts), failed + u64::from(ends.failed))
        });
        let view = |(name, paces): (&&str, &BTreeMap<Work, Pace>)| {
            let kept = self.0.get(*name);
            let ends = kept.map(|kept| kept.lately(now)).unwrap_or_default();
            let judged = [TaskKind::Map, TaskKind::Reduce].map(|kind| speed(kind, paces, &sorted));
            let mut view = View {
                speeds: judged.iter().flatten().map(|(speed, _)| *speed).collect(),
                attempts: ends.attempts,
                failed: ends.failed,
                overtaken: ends.overtaken,
                leases_lost: ends.leases_lost,
                last_failure: kept.and_then(|kept| kept.last_failure.clone()).filter(|_| ends.failed > 0),
                remark: String::new(),
            };
            let others = (of_all.0 - u64::from(ends.attempts), of_all.1 - u64::from(ends.failed));
            view.remark = remark(&view, &judged, others);
            ((*name).to_owned(), view)
        };
        paces.iter().map(view).collect()
    }
}

/// True if a failure of this class may be the worker's: stores that turn attempts away, lost runs of others and stopped
/// attempts are not.
const fn may_be_the_workers(class: FailureClass) -> bool {
    match class {
        FailureClass::Transient | FailureClass::Resource | FailureClass::Input { .. } | FailureClass::Bug => true,
        FailureClass::Throttled | FailureClass::RunLost { .. } | FailureClass::Cancelled => false,
    }
}

/// Returns the speed of a worker at one kind of task, over all jobs, with the seconds behind it. `sorted` has the paces of
/// all workers, this one's included.
fn speed(
    kind: TaskKind,
    paces: &BTreeMap<Work, Pace>,
    sorted: &BTreeMap<&Work, Vec<f64>>,
) -> Option<(Speed, Duration)> {
    let (mut by_others, mut took, mut attempts, mut others) = (0.0, 0.0, 0u32, 0);
    for (work, pace) in paces.iter().filter(|((_, of), _)| *of == kind) {
        let Some(median) = sorted.get(work).and_then(|all| median_of_others(all, pace.units_per_second())) else {
            continue;
        };
        by_others += pace.units / median;
        took += pace.seconds;
        attempts = attempts.saturating_add(pace.attempts);
        others = others.max(sorted[work].len() - 1);
    }
    let speed = (attempts >= ATTEMPTS_MIN).then(|| Speed { kind, speed: by_others / took, attempts, others })?;
    Some((speed, Duration::from_secs_f64(took)))
}

/// Returns the median of the paces without one that is `own`; none if there are too few, or if it is 0.
fn median_of_others(sorted: &[f64], own: f64) -> Option<f64> {
    let others = sorted.len().checked_sub(1).filter(|others| *others >= OTHERS_MIN)?;
    let own_at = sorted.partition_point(|pace| pace.total_cmp(&own).is_lt());
    let other = |at: usize| sorted[at + usize::from(at >= own_at)];
    let median = f64::midpoint(other((others - 1) / 2), other(others / 2));
    (median > 0.0).then_some(median)
}

/// Returns the reason to look at a worker. `others` are the attempts of all others, and those of them that failed.
fn remark(view: &View, judged: &[Option<(Speed, Duration)>], others: (u64, u64)) -> String {
    let mut reasons = Vec::new();
    for (speed, took) in judged.iter().flatten() {
        if speed.speed <= SLOW && speed.attempts >= SLOW_ATTEMPTS_MIN && *took >= SLOW_TIME_MIN {
            let Speed { kind, speed, others, .. } = speed;
            reasons.push(format!(
                "its {} tasks take {} times as long as those of the others (median of {others})",
                kind.name(),
                times(1.0 / speed)
            ));
        }
    }
    let (attempts, failed) = (u64::from(view.attempts), u64::from(view.failed));
    // Shares are compared without a division: nobody else may have tried anything.
    let is_more_than_others = failed * others.0 > FAILED_TIMES_OTHERS * others.1 * attempts || others.0 == 0;
    if view.failed >= FAILED_MIN && failed * 100 >= FAILED_PERCENT_MIN * attempts && is_more_than_others {
        let message = view.last_failure.as_ref().map_or("", |(_, message)| message);
        reasons.push(format!(
            "{failed} of its last {attempts} attempts failed, of the others {} of {}: {message}",
            others.1, others.0
        ));
    }
    if view.leases_lost >= LEASES_LOST_MIN {
        reasons.push(format!("it was lost {} times lately: killed, or cut off from etcd", view.leases_lost));
    }
    if view.overtaken >= OVERTAKEN_MIN && reasons.is_empty() {
        reasons.push(format!("{} of its last {attempts} attempts were overtaken by twins", view.overtaken));
    }
    reasons.join("; ")
}

/// Formats a factor to the digits that matter.
fn times(factor: f64) -> String {
    match factor {
        factor if factor >= 1000.0 => "1000 and more".to_owned(),
        factor if factor >= 10.0 => format!("{factor:.0}"),
        factor => format!("{factor:.1}"),
    }
}

#[cfg(test)]
mod tests;
