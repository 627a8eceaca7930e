//! Wider worlds: etcd is lost or goes back, strangers write into the state and the dataset, workers are lost together
//! or lie, objects vanish, and input arrives while jobs run.
//!
//! They are drawn by a generator of their own, for seeds from [`FROM`] on, so that earlier seeds keep the meaning
//! that they had when they found something.

mod strangers; // foreign objects and keys, in the dataset and in the state

use std::time::Duration;

use crate::faults::Disruption;
use crate::roles::{Role, Wish};
use crate::scenario::Mode;
use crate::workload::Workload;

pub(crate) use strangers::{STRANGE_FIELD, is_of_a_job, objects, state_key};

/// First seed of a wider world.
pub const FROM: u64 = 2_001;
/// Keeps these draws apart from all others of a seed.
const DRAWS: u64 = 0x1de2_0000_0000_0009;
/// Additional time for a wider world: a job whose spec is lost is looked for during a minute, then submitted again
/// and run once more; so are jobs that were open when etcd was lost.
pub(crate) const EXTRA: Duration = Duration::from_secs(240);

/// Additions of a wider world to a scenario's usual faults.
#[derive(Debug, Default)]
pub(crate) struct Wider {
    pub(crate) disruptions: Vec<(Duration, Disruption)>,
    pub(crate) wishes: Vec<(Duration, Wish)>,
    /// Foreign objects, by key in the bucket, that must not be touched.
    pub(crate) objects: Vec<(String, Vec<u8>)>,
    /// Position among the workers of one that forges its reports.
    pub(crate) liar: Option<usize>,
}

impl Wider {
    /// Draws the additions: none for a seed of a narrow world, and for a calm run only those that are present from
    /// the start.
    pub(crate) fn draw(
        seed: u64,
        mode: Mode,
        (coordinators, workers): (usize, usize),
        workload: &Workload,
        heals_at: Duration,
    ) -> Self {
        if seed < FROM {
            return Self::default();
        }
        let mut random = fastrand::Rng::with_seed(seed ^ DRAWS);
        let mut wider = Self::default();
        if random.u8(..2) == 0 {
            wider.objects = objects(workload);
        }
        if mode == Mode::Calm {
            return wider;
        }
        let mut draw = Drawing { random, heals_at, coordinators, workers };
        if draw.one_in(3) {
            draw.together(&mut wider);
        }
        match draw.random.u8(..6) {
            0 => draw.once(&mut wider, Disruption::StateLost),
            1 => draw.restored(&mut wider),
            _ => {}
        }
        if draw.one_in(3) {
            draw.strangers(&mut wider);
        }
        if draw.one_in(3) {
            draw.overtaken(&mut wider, workload);
        }
        if draw.one_in(5) {
            let lost = Disruption::ObjectLost { draw: draw.random.usize(..) };
            draw.once(&mut wider, lost);
        }
        wider.liar = draw.one_in(6).then(|| draw.random.usize(..workers));
        wider.disruptions.sort_by_key(|(at, _)| *at);
        wider
    }

    /// Lets the liar among `processes` lie while the faults last.
    pub(crate) fn teach(&self, processes: &mut [(String, Role)], coordinators: usize, until: Duration) {
        if let Some(liar) = self.liar
            && let Some((_, Role::Worker(role))) = processes.get_mut(coordinators + liar)
        {
            role.lies_for = Some(until);
        }
    }
}

struct Drawing {
    random: fastrand::Rng,
    heals_at: Duration,
    coordinators: usize,
    workers: usize,
}

impl Drawing {
    fn one_in(&mut self, many: u8) -> bool {
        self.random.u8(..many) == 0
    }

    fn at(&mut self) -> Duration {
        self.heals_at.mul_f64(self.random.f64())
    }

    fn once(&mut self, wider: &mut Wider, disruption: Disruption) {
        let at = self.at();
        wider.disruptions.push((at, disruption));
    }

    /// Adds a few times at which several workers are lost together, or stopped past their leases.
    fn together(&mut self, wider: &mut Wider) {
        for _ in 0..self.random.usize(1..=3) {
            let mut processes: Vec<usize> = (self.coordinators..self.coordinators + self.workers).collect();
            self.random.shuffle(&mut processes);
            processes.truncate(self.random.usize(1..=self.workers));
            let is_stop = self.random.bool();
            let length = Duration::from_millis(self.random.u64(2_000..40_000));
            self.once(wider, Disruption::Together { processes, is_stop, length });
        }
    }

    fn restored(&mut self, wider: &mut Wider) {
        let (one, other) = (self.at(), self.at());
        wider.disruptions.push((one.min(other), Disruption::StateSaved));
        wider.disruptions.push((one.max(other), Disruption::StateRestored));
    }

    fn strangers(&mut self, wider: &mut Wider) {
        for _ in 0..self.random.usize(1..=4) {
            let draw = self.random.usize(..);
            self.once(wider, Disruption::StateStranger { draw });
        }
    }

    /// Adds a segment that arrives while jobs run, and a job that reads it.
    fn overtaken(&mut self, wider: &mut Wider, workload: &Workload) {
        let at = self.at().mul_f64(0.5);
        let (key, bytes) = workload.late(&mut self.random);
        wider.disruptions.push((at, Disruption::Lands { key: format!("input/{key}"), bytes }));
        let after = Duration::from_millis(self.random.u64(20..3_000));
        wider.wishes.push((at + after, Wish::Run(Box::new(workload.spec("repair")))));
    }
}
