//! Property: for any history of jobs, rollbacks and collections, an index that its keeper tells of its own commits and
//! ends knows what a reader of the whole dataset finds, without another look at the store; and after a look it also
//! knows what others did.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use model::{JobId, ShardId, Window};
use proptest::prelude::*;

use super::store::{Ended, Late, Place, books};
use crate::coverage::*;

/// Windows and shards of all histories.
const WINDOWS: [Window; 3] = [Window::of(0, 600_000), Window::of(600_000, 1_200_000), Window::ALL];
const SHARDS: [ShardId; 3] = [ShardId::Shared(1), ShardId::Shared(2), ShardId::Dedicated(model::OrgId(7))];

/// End of a shard: so many segments, bad frames, and a misplaced organisation; or a failure.
#[derive(Debug, Clone, Copy)]
struct ShardEnd {
    segments: u64,
    bad: u64,
    is_misplaced: bool,
    fails: bool,
}

#[derive(Debug, Clone)]
enum Step {
    /// A round of a job runs to its end; by this cluster, or by somebody else.
    Run {
        job: usize,
        window: usize,
        shards: Vec<(usize, ShardEnd)>,
        is_whole: bool,
        is_ours: bool,
    },
    /// A job commits a shard, and is lost before it ends.
    Lose {
        job: usize,
        window: usize,
        shard: usize,
        is_committed: bool,
        is_ours: bool,
    },
    /// Somebody runs a job, and marks it.
    Open {
        job: usize,
        window: usize,
    },
    RollBack {
        window: usize,
        shard: usize,
        to: prop::sample::Index,
    },
    Collect {
        window: usize,
        shard: usize,
    },
    /// A question, which may be answered from known facts.
    Ask {
        window: usize,
    },
}

fn shard_end() -> impl Strategy<Value = ShardEnd> {
    (0..4u64, 0..2u64, any::<bool>(), any::<bool>()).prop_map(|(segments, bad, is_misplaced, fails)| ShardEnd {
        segments,
        bad,
        is_misplaced,
        fails,
    })
}

fn steps() -> impl Strategy<Value = Step> {
    let shards = prop::collection::vec((0..SHARDS.len(), shard_end()), 0..3);
    prop_oneof![
        4 => (0..4usize, 0..WINDOWS.len(), shards, any::<bool>(), any::<bool>())
            .prop_map(|(job, window, shards, is_whole, is_ours)| Step::Run { job, window, shards, is_whole, is_ours }),
        1 => (4..6usize, 0..WINDOWS.len(), 0..SHARDS.len(), any::<bool>(), any::<bool>()).prop_map(
            |(job, window, shard, is_committed, is_ours)| Step::Lose { job, window, shard, is_committed, is_ours }
        ),
        1 => (6..8usize, 0..WINDOWS.len()).prop_map(|(job, window)| Step::Open { job, window }),
        2 => (0..WINDOWS.len(), 0..SHARDS.len(), any::<prop::sample::Index>())
            .prop_map(|(window, shard, to)| Step::RollBack { window, shard, to }),
        1 => (0..WINDOWS.len(), 0..SHARDS.len()).prop_map(|(window, shard)| Step::Collect { window, shard }),
        3 => (0..WINDOWS.len()).prop_map(|window| Step::Ask { window }),
    ]
}

struct World {
    place: Place,
    index: CoverageIndex,
    rounds: BTreeMap<usize, u32>,
    /// Window of each job: a later round of a job is over the same one.
    windows: BTreeMap<usize, usize>,
    /// True if something happened that only a listing of the store can show.
    is_stale: bool,
}

fn job_at(at: usize) -> JobId {
    format!("job-{at}").parse().expect("a job's name")
}

async fn ask(index: &CoverageIndex, windows: &[Window], max_age: Duration) -> CoveredWindows {
    let ask = CoverageAsk { windows: windows.to_vec(), before: None, limit: 100, max_age };
    index.facts(&ask, &OpenJobs::default(), &Late).await.expect("memory answers")
}

impl World {
    fn new() -> Self {
        let place = Place::new();
        let index = CoverageIndex::new(place.root.clone());
        Self { place, index, rounds: BTreeMap::new(), windows: BTreeMap::new(), is_stale: true }
    }

    async fn apply(&mut self, step: Step) {
        match step {
            Step::Run { job, window, shards, is_whole, is_ours } => {
                self.run(job, window, &shards, is_whole, is_ours).await;
            }
            Step::Lose { job, window, shard, is_committed, is_ours } => {
                let (id, window, shard) = (job_at(job), WINDOWS[window], SHARDS[shard]);
                self.place.submit(&id, window, &[]).await;
                self.place.mark_open(&id).await;
                self.place.plan(&id, shard).await;
                if is_committed {
                    let manifest = self.place.commit(&id, window, shard, books(0, None), 1).await;
                    if is_ours {
                        self.index.note_version(window, shard, ShardVersion::of(&manifest));
                    }
                }
                self.is_stale = true;
            }
            Step::Open { job, window } => {
                let id = job_at(job);
                self.place.submit(&id, WINDOWS[window], &[]).await;
                self.place.mark_open(&id).await;
                self.is_stale = true;
            }
            Step::RollBack { window, shard, to } => {
                let (window, shard) = (WINDOWS[window], SHARDS[shard]);
                let versions = self.place.versions(window, shard).await;
                if versions.len() > 1 {
                    self.place.roll_back(window, shard, versions[to.index(versions.len() - 1)]).await;
                    self.is_stale = true;
                }
            }
            Step::Collect { window, shard } => self.place.collect(WINDOWS[window], SHARDS[shard]).await,
            Step::Ask { window } => self.compare(&WINDOWS[window..=window]).await,
        }
    }

    async fn run(&mut self, job: usize, window: usize, ends: &[(usize, ShardEnd)], is_whole: bool, is_ours: bool) {
        let window = WINDOWS[*self.windows.entry(job).or_insert(window)];
        let round = self.rounds.entry(job).or_default();
        *round += 1;
        let (id, round) = (job_at(job), *round);
        let named: BTreeSet<ShardId> = ends.iter().map(|(shard, _)| SHARDS[*shard]).collect();
        let named: Vec<_> = if is_whole { Vec::new() } else { named.into_iter().collect() };
        let submitted_at_ms = self.place.tick();
        self.place.submit(&id, window, &named).await;
        self.place.mark_open(&id).await;
        let mut shards = BTreeMap::new();
        for (shard, end) in ends {
            let shard = SHARDS[*shard];
            let ended = if end.fails {
                Err(end.segments)
            } else {
                let map = books(end.bad, end.is_misplaced.then_some(9));
                let manifest = self.place.commit(&id, window, shard, map, end.segments).await;
                if is_ours {
                    self.index.note_version(window, shard, ShardVersion::of(&manifest));
                }
                Ok(manifest)
            };
            shards.insert(shard, ended);
        }
        let cause = shards.is_empty().then(|| "no segments".to_owned());
        let ended = Ended { job: id.clone(), window, round, named, shards, cause };
        let (entry, window, facts) = self.place.end(&ended, submitted_at_ms).await;
        self.place.mark_over(&id).await;
        if is_ours {
            self.index.note_job(entry, window, facts);
        } else {
            self.is_stale = true;
        }
    }

    /// Compares the index with another one that reads everything anew.
    async fn compare(&mut self, windows: &[Window]) {
        let anew = ask(&CoverageIndex::new(self.place.root.clone()), windows, Duration::ZERO).await;
        let first_look = if self.is_stale { Duration::ZERO } else { Duration::MAX };
        let known = ask(&self.index, windows, first_look).await;
        assert_eq!(known.windows, anew.windows);
        for (window, facts) in &known.windows {
            self.check(*window, facts).await;
        }
        if self.is_stale {
            // The look was at these windows; others may still be known as they were.
            ask(&self.index, &WINDOWS, Duration::ZERO).await;
            self.is_stale = false;
        }
    }

    /// Checks the verdicts against the manifests themselves.
    async fn check(&self, window: Window, facts: &WindowFacts) {
        let judged = judge(window, facts, Question::All);
        for shard in SHARDS {
            let current = self.place.current(window, shard).await;
            let found = judged.shards.iter().find(|found| found.shard == shard);
            let version = found.and_then(|found| found.version);
            assert_eq!(version, current.as_ref().map(|current| current.version), "{shard}");
            let Some(found) = found.filter(|found| found.state.is_complete()) else { continue };
            let current = current.expect("only a version is complete");
            assert_eq!(current.books.map.frames_quarantined + current.books.map.frames_misplaced(), 0, "{found:?}");
        }
        if judged.state.is_complete() {
            assert!(judged.plan.is_some() && judged.shards.iter().all(|shard| shard.state.is_complete()), "{judged:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_index_knows_what_the_dataset_tells(steps in prop::collection::vec(steps(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let mut world = World::new();
            for step in steps {
                world.apply(step).await;
            }
            world.compare(&WINDOWS).await;
        });
    }
}

#[tokio::test]
async fn a_job_without_a_record_runs_as_long_as_its_mark_is_fresh_and_is_lost_after_it() {
    let place = Place::new();
    let (job, window, shard) = (job_at(0), WINDOWS[0], SHARDS[0]);
    place.submit(&job, window, &[]).await;
    place.plan(&job, shard).await;
    place.mark_open(&job).await;
    let state_at = async |clock: &dyn model::Clock| {
        let ask = CoverageAsk { windows: vec![window], before: None, limit: 1, max_age: Duration::ZERO };
        let found = CoverageIndex::new(place.root.clone()).facts(&ask, &OpenJobs::default(), clock).await;
        judge(window, &found.expect("memory answers").windows[0].1, Question::All).state
    };
    assert_eq!(state_at(&model::SystemClock).await, CoverageState::Running);
    assert_eq!(state_at(&Late).await, CoverageState::Missing);
}

#[tokio::test]
async fn pages_go_from_the_newest_window_to_the_oldest_and_name_each_once() {
    let mut place = Place::new();
    for at in 0..7 {
        let window = Window::of(at * 1000, at * 1000 + 1000);
        place.commit(&job_at(0), window, SHARDS[0], books(0, None), 1).await;
    }
    let index = CoverageIndex::new(place.root.clone());
    let (mut before, mut starts) = (None, Vec::new());
    loop {
        let ask = CoverageAsk { windows: Vec::new(), before, limit: 3, max_age: Duration::MAX };
        let page = index.facts(&ask, &OpenJobs::default(), &Late).await.expect("memory answers");
        starts.extend(page.windows.iter().map(|(window, _)| window.start_ms / 1000));
        before = page.windows.last().map(|(window, _)| *window);
        if !page.more {
            break;
        }
    }
    assert_eq!(starts, [6, 5, 4, 3, 2, 1, 0]);
}
