//! Scenario that a seed draws: cluster, settings, input, the operator's wishes, and the faults with their times.

use std::path::Path;
use std::time::Duration;

use coordinator::settings::CollectorSettings;
use scheduler::{Policy, Speculation};
use worker::SlotLimits;

use crate::faults::{Disruption, Rates};
use crate::planted::PlantedBug;
use crate::roles::{CoordinatorRole, OperatorRole, Role, Wish, WorkerRole, address};
use crate::wider::{self, Wider};
use crate::workload::Workload;

/// Selects the seeds with misleading input. The value was chosen so that seeds which found something before keep
/// their meaning.
const MISLEADING: u64 = 3;

/// Mode in which a run is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// Faults of every kind until they end; then every job must come to its end.
    Safety,
    /// At some time the faults come to rest: from then on a core is spared, and all other parts stay as broken as
    /// they are then.
    Liveness,
    /// No faults; the other modes are compared with this one.
    Calm,
}

/// Scenario of a run.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) seed: u64,
    pub(crate) mode: Mode,
    pub(crate) coordinators: usize,
    /// Names and roles of all processes: coordinators first, then workers, then the operator.
    pub(crate) processes: Vec<(String, Role)>,
    pub(crate) workload: Workload,
    pub(crate) rates: Rates,
    pub(crate) disruptions: Vec<(Duration, Disruption)>,
    /// Foreign objects, by key in the bucket.
    pub(crate) strangers: Vec<(String, Vec<u8>)>,
    /// True if a worker forges reports.
    pub(crate) has_liar: bool,
    /// Time at which the faults end, or come to rest.
    pub(crate) heals_at: Duration,
}

impl Scenario {
    /// Draws a scenario; spilled data goes under `scratch`.
    pub(crate) fn draw(seed: u64, mode: Mode, planted: Option<PlantedBug>, scratch: &Path) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let misleads = fastrand::Rng::with_seed(seed ^ MISLEADING).u8(..3) == 0;
        let workload = Workload::draw(&mut random.fork(), misleads);
        let mut random = random.fork();
        let is_calm = mode == Mode::Calm;
        let coordinators = if is_calm { 1 } else { random.usize(1..=3) };
        let workers = if is_calm { 1 } else { random.usize(1..=4) };
        let heals_at = Duration::from_secs(if is_calm { 0 } else { random.u64(10..=90) });
        let addresses: Vec<_> = (0..coordinators).map(|at| address(&format!("c{at}"))).collect();
        let coordinator = coordinator(&mut random, planted);
        let mut processes: Vec<_> =
            (0..coordinators).map(|at| (format!("c{at}"), Role::Coordinator(coordinator.clone()))).collect();
        let mut names = Vec::new();
        for at in 0..workers {
            let mut role = worker(&mut random, &addresses, scratch, (is_calm, planted));
            // At most one of several workers has another version; a cluster of such workers alone would do nothing.
            role.protocol = match (at, random.u8(..6)) {
                (0, _) => None,
                (_, 0) => Some(1),
                (_, 1) => Some(9),
                _ => None,
            };
            names.push(format!("w{at}"));
            processes.push((format!("w{at}"), Role::Worker(role)));
        }
        let mut wishes = if is_calm {
            vec![(Duration::ZERO, Wish::Run(Box::new(workload.spec("nightly"))))]
        } else {
            wishes(&mut random, &workload, &names, heals_at)
        };
        let wider = Wider::draw(seed, mode, (coordinators, workers), &workload, heals_at);
        wishes.extend(wider.wishes.iter().cloned());
        wider.teach(&mut processes, coordinators, heals_at);
        let operator = OperatorRole {
            coordinators: addresses,
            wishes,
            insists_from: heals_at,
            submits_again: seed >= wider::FROM,
        };
        processes.push(("op".to_owned(), Role::Operator(operator)));
        let rates = if is_calm { Rates::calm() } else { Rates::draw(&mut random) };
        let mut disruptions =
            if is_calm { Vec::new() } else { disruptions(&mut random, coordinators, workers, heals_at) };
        disruptions.extend(wider.disruptions);
        disruptions.sort_by_key(|(at, _)| *at);
        let (strangers, has_liar) = (wider.objects, wider.liar.is_some());
        Self { seed, mode, coordinators, processes, workload, rates, disruptions, strangers, has_liar, heals_at }
    }

    /// Longest time from the end of the faults until everything must be done: pauses, leases and a takeover, several
    /// times over, and the work itself on a single slot. It is far below the ten minutes after which a silent attempt
    /// is given up.
    pub(crate) fn bound(&self) -> Duration {
        let takes_max = self.processes.iter().filter_map(|(_, role)| match role {
            Role::Worker(role) => Some(role.takes_max),
            _ => None,
        });
        let jobs: usize = self.processes.iter().map(|(_, role)| role.jobs()).sum();
        let work = takes_max.max().unwrap_or_default() * self.workload.tasks() * jobs as u32 / 3;
        let extra = if self.seed < wider::FROM { Duration::ZERO } else { wider::EXTRA };
        Duration::from_secs(120) + work + extra
    }

    /// True if a collector runs.
    pub(crate) fn has_collector(&self) -> bool {
        self.processes
            .iter()
            .any(|(_, role)| matches!(role, Role::Coordinator(role) if !role.collector.interval.is_zero()))
    }
}

fn coordinator(random: &mut fastrand::Rng, planted: Option<PlantedBug>) -> CoordinatorRole {
    let speculation = Speculation {
        elapsed_min: Duration::from_secs(random.u64(1..20)),
        times_median: 2,
        finished_min: random.usize(1..=4),
    };
    let policy = Policy {
        speculation: random.bool().then_some(speculation),
        pause_first: Duration::from_millis(random.u64(50..1000)),
        pause_max: Duration::from_secs(random.u64(2..10)),
        ..Policy::default()
    };
    let collector = CollectorSettings {
        interval: Duration::from_secs(if random.bool() { 0 } else { random.u64(5..30) }),
        min_age: Duration::from_secs(90),
        keep_versions: [None, Some(1), Some(2)][random.usize(..3)],
        uploads_min_age: Duration::from_secs(3600),
    };
    CoordinatorRole {
        lease_ttl: Duration::from_secs(random.u64(2..=8)),
        policy,
        progress_max: Duration::from_secs(600),
        collector,
        planted,
    }
}

fn worker(
    random: &mut fastrand::Rng,
    coordinators: &[String],
    scratch: &Path,
    (is_calm, planted): (bool, Option<PlantedBug>),
) -> WorkerRole {
    let limits = SlotLimits {
        memory_bytes: [4 << 10, 64 << 10, 8 << 20][random.usize(..3)],
        map_batch_bytes: [1 << 10, 16 << 10][random.usize(..2)],
        overlap_points_max: [model::limits::CHUNK_POINTS_MAX, 1 << 18][random.usize(..2)],
        merge_fan_in_max: [2, 4, 256][random.usize(..3)],
        reduce_batch_points: [16, 1024][random.usize(..2)],
    };
    WorkerRole {
        coordinators: coordinators.to_vec(),
        slots: random.usize(1..=3),
        limits,
        lease_ttl: Duration::from_secs(random.u64(3..=12)),
        drain_timeout: Duration::from_millis(random.u64(0..8_000)),
        takes_max: Duration::from_millis(if is_calm { 10 } else { [10, 500, 3_000, 12_000][random.usize(..4)] }),
        protocol: None,
        lies_for: None,
        scratch: scratch.to_owned(),
        planted,
    }
}

fn wishes(
    random: &mut fastrand::Rng,
    workload: &Workload,
    workers: &[String],
    heals_at: Duration,
) -> Vec<(Duration, Wish)> {
    let at = |random: &mut fastrand::Rng| heals_at.mul_f64(random.f64());
    let nightly = workload.spec("nightly");
    let job = nightly.job.clone();
    let mut wishes = vec![(heals_at.mul_f64(random.f64() / 8.0), Wish::Run(Box::new(nightly)))];
    if random.u8(..4) == 0 {
        // Both jobs process the same shards at the same time, and both commit.
        wishes.push((at(random), Wish::Run(Box::new(workload.spec("second")))));
    }
    if random.u8(..3) == 0 {
        let shard = workload.shards[random.usize(..workload.shards.len())];
        wishes.push((at(random), Wish::Replay(job.clone(), shard)));
    }
    if random.u8(..6) == 0 {
        wishes.push((at(random), Wish::Cancel(job)));
    }
    for _ in 0..random.usize(0..=2) {
        wishes.push((at(random), Wish::Drain(workers[random.usize(..workers.len())].clone())));
    }
    wishes
}

fn disruptions(
    random: &mut fastrand::Rng,
    coordinators: usize,
    workers: usize,
    heals_at: Duration,
) -> Vec<(Duration, Disruption)> {
    let count = [0, 3, 8, 20][random.usize(..4)];
    let draw = |_| {
        let at = heals_at.mul_f64(random.f64());
        (at, Disruption::draw(random, coordinators, workers))
    };
    let mut disruptions: Vec<_> = (0..count).map(draw).collect();
    disruptions.sort_by_key(|(at, _)| *at);
    disruptions
}
