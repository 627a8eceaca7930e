//! Run of one seed, from its scenario to its verdict.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use dataset::oracle::OracleOptions;
use dataset::report::Class;
use dataset::verify::{Level, VerifyOptions, verify};
use dataset::{Catalog, Selection};
use format::keys::{MANIFESTS, ManifestName};
use format::manifest::Manifest;
use model::{Digest, Invariant, ShardId};
use storage::Root;

use crate::bucket::BucketClient;
use crate::planted::PlantedBug;
use crate::scenario::{Mode, Scenario};
use crate::witness::{Violation, segments_of};
use crate::workload::{DATASET, INPUT};
use crate::world::World;

/// Time that the world goes on after everything is done, so that late messages arrive.
const AFTERMATH: Duration = Duration::from_secs(20);
/// Aftermath with a collector: long enough for the last commit to reach the collector's minimum age.
const AFTERMATH_OF_COLLECTOR: Duration = Duration::from_secs(150);

/// Options of a run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Mode in which the run is judged.
    pub mode: Mode,
    /// Bug to plant, if any.
    pub planted: Option<PlantedBug>,
    /// True if the lines of the trace are kept.
    pub is_traced: bool,
}

/// Result of a seed.
#[derive(Debug)]
pub struct RunVerdict {
    /// Seed that was run.
    pub seed: u64,
    /// Options of the run.
    pub options: Options,
    /// Invariants that did not hold.
    pub violations: Vec<Violation>,
    /// Simulated duration of the run.
    pub took: Duration,
    /// Number of the trace's events, and their digest.
    pub events: (u64, Digest),
    /// Lines of the trace, if they were kept.
    pub trace: Vec<String>,
    /// Number of times that the planted bug took effect.
    pub struck: u64,
    /// Content of each shard's manifests, by their input.
    contents: BTreeMap<(ShardId, Digest), Vec<Digest>>,
}

impl RunVerdict {
    /// True if every invariant held.
    pub fn held(&self) -> bool {
        self.violations.is_empty()
    }

    /// Returns the command that repeats the run.
    pub fn command(&self) -> String {
        let mode = match self.options.mode {
            Mode::Safety => "safety",
            Mode::Liveness => "liveness",
            Mode::Calm => "calm",
        };
        let planted = self.options.planted.map(|planted| format!(" --plant {planted}")).unwrap_or_default();
        format!("cargo run -p sim -- --seed {} --mode {mode}{planted} --trace", self.seed)
    }
}

impl fmt::Display for RunVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} after {:?}: {} violations", self.seed, self.took, self.violations.len())?;
        for violation in self.violations.iter().take(20) {
            writeln!(f, "  {violation}")?;
        }
        write!(f, "  repeat it: {}", self.command())
    }
}

/// Runs a seed, and compares its output with a calm run.
pub fn run(seed: u64, options: Options) -> RunVerdict {
    let mut verdict = simulate(seed, options);
    if verdict.held() && options.mode != Mode::Calm {
        let calm = simulate(seed, Options { mode: Mode::Calm, planted: None, is_traced: false });
        verdict.violations.extend(calm.violations.iter().map(|violation| Violation {
            invariant: violation.invariant,
            what: format!("in the calm run: {}", violation.what),
        }));
        verdict.compare(&calm);
    }
    verdict
}

fn simulate(seed: u64, options: Options) -> RunVerdict {
    let (_counting, counted) = crate::counted::count();
    let scratch = tempfile::tempdir().expect("a temporary folder");
    crate::planted::begin(options.planted);
    fastrand::seed(seed);
    let scenario = Scenario::draw(seed, options.mode, options.planted, scratch.path());
    let mut world = World::new(&scenario, options.is_traced);
    let panics = crate::panics::watched(|| live(&mut world, &scenario));
    for panic in panics {
        let what = format!("a process panicked: {}", panic.message);
        world.witness.violated(panic.violates.unwrap_or(Invariant::Lv1), what);
    }
    for (invariant, times) in counted.take() {
        // A forged report may break any invariant, and the leader counts those, so counts do not fail such a run.
        if crate::planted::counts(options.planted, invariant) && !scenario.has_liar {
            world.witness.violated(invariant, format!("counted as violated {times} times by the product itself"));
        }
    }
    judge(&mut world, &scenario);
    RunVerdict {
        seed,
        options,
        took: world.now,
        events: (world.trace.events(), world.trace.digest()),
        contents: contents(&world),
        violations: std::mem::take(&mut world.witness.violations),
        trace: world.trace.lines().to_vec(),
        struck: world.struck,
    }
}

/// Runs the world under its faults, then without faults, then for the aftermath.
fn live(world: &mut World, scenario: &Scenario) {
    world.start();
    let mut disruptions = scenario.disruptions.iter().peekable();
    while world.now < scenario.heals_at && world.is_sound() {
        while let Some((_, disruption)) = disruptions.next_if(|(at, _)| *at <= world.now) {
            world.disrupt(disruption);
        }
        world.recover();
        world.pass();
    }
    match scenario.mode {
        Mode::Liveness => world.freeze(),
        Mode::Safety | Mode::Calm => world.heal(),
    }
    let until = scenario.heals_at + scenario.bound();
    // After a restore of etcd a job that has ended is there again, and is ended once more: after a minute, if its spec is
    // lost.
    let is_over = |world: &World| world.is_finished && world.witness.keys_of_jobs().is_empty();
    while world.now < until && !is_over(world) && world.is_sound() {
        world.recover();
        world.pass();
    }
    if world.is_finished {
        let aftermath = if scenario.has_collector() { AFTERMATH_OF_COLLECTOR } else { AFTERMATH };
        let until = world.now + if scenario.mode == Mode::Calm { Duration::from_secs(1) } else { aftermath };
        while world.now < until && world.is_sound() {
            world.recover();
            world.pass();
        }
    }
    world.end();
}

/// Checks the end state of the world.
fn judge(world: &mut World, scenario: &Scenario) {
    if !world.is_sound() {
        return;
    }
    if !world.is_finished {
        let keys = world.witness.keys_of_jobs();
        let shown: Vec<_> = keys.iter().take(6).collect();
        let what =
            format!("not everything has ended {:?} after the faults; {} keys: {shown:?}", scenario.bound(), keys.len());
        return world.witness.violated(Invariant::Lv1, what);
    }
    if let [key, ..] = world.witness.keys_of_jobs().as_slice() {
        let what = format!("{key} is still there, though every job has ended");
        world.witness.violated(Invariant::Lv1, what);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("nothing is asked of the system");
    let root = |uri: &str, prefix: &str| {
        Root::of_store(uri, Arc::new(BucketClient::direct(Arc::clone(&world.bucket), prefix)))
    };
    let options = VerifyOptions {
        level: Level::Oracle,
        selection: Selection::default(),
        oracle: Some(OracleOptions { input: root(INPUT, "input"), memory_bytes: 1 << 30 }),
    };
    let verified = runtime.block_on(verify(&Catalog::new(root(DATASET, "dataset")), &options));
    match verified {
        Err(error) => world.witness.violated(Invariant::Cm2, format!("the dataset cannot be verified: {error}")),
        Ok(verified) => {
            for difference in verified.differences.listed {
                let invariant = invariant_of(difference.class);
                let what = format!("{}: {}", difference.place, difference.detail);
                world.witness.violated(invariant, what);
            }
        }
    }
    for shard in &scenario.workload.shards {
        if !contents(world).keys().any(|(of, _)| of == shard) {
            world.witness.violated(Invariant::Lv1, format!("shard {shard} has no manifest, though its job is done"));
        }
    }
}

/// Returns the invariant that a class of differences breaks; DT-2 if the class names none.
fn invariant_of(class: Class) -> Invariant {
    Invariant::ALL.into_iter().find(|it| Some(it.id()) == class.invariant()).unwrap_or(Invariant::Dt2)
}

/// Content of each shard's manifests, by their input.
fn contents(world: &World) -> BTreeMap<(ShardId, Digest), Vec<Digest>> {
    let mut contents: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let bucket = world.objects();
    for (key, object) in bucket.under(&format!("dataset/{MANIFESTS}/")) {
        let name = key.strip_prefix("dataset/").and_then(|key| key.parse::<ManifestName>().ok());
        let manifest = Manifest::from_bytes(key, &object.bytes);
        if let (Some(name), Ok(manifest)) = (name, manifest) {
            let Some(inputs) = segments_of(&bucket, &manifest.inputs) else { continue };
            let inputs: Vec<_> = inputs.iter().map(|segment| (segment.key, segment.size)).collect();
            let inputs = Digest::of(format!("{inputs:?}").as_bytes());
            contents.entry((name.shard, inputs)).or_default().push(manifest.content_digest());
        }
    }
    contents
}

impl RunVerdict {
    /// DT-3: compares the outputs with a calm run, for any worker and number of tries. Inputs that no calm run has
    /// read are compared among themselves.
    fn compare(&mut self, calm: &Self) {
        for (made_of, contents) in &self.contents {
            let expected = calm.contents.get(made_of).unwrap_or(contents).first();
            let (shard, _) = made_of;
            if contents.iter().any(|content| Some(content) != expected) {
                let what = format!("{shard} has the contents {contents:?}, a calm run gives {expected:?}");
                self.violations.push(Violation { invariant: Invariant::Dt3, what });
            }
        }
    }
}
