//! Property: for any content of a dataset and any order of jobs, rollbacks and collections, no object that a manifest
//! names and nothing foreign is ever deleted (GC-1). In the end, none of our objects is left that no manifest names.

use std::collections::{BTreeMap, BTreeSet};

use format::keys::{DATA, MANIFESTS, SCRATCH};
use format::manifest::{Manifest, ObjectEntry, PartitionEntry};
use model::Digest;
use proptest::prelude::*;

use super::*;
use crate::marks::{mark_open, mark_over};

#[derive(Debug, Clone)]
enum Step {
    /// A job commits a version of parts of its own.
    Commit(usize),
    /// A job leaves a part that no manifest names, a half-written one, and a run.
    Leave(usize),
    /// A stranger puts a file here, whose name differs from one of ours by a letter, or is free.
    Foreign(usize, prop::sample::Index, String),
    Free(String),
    Open(usize),
    Over(usize),
    Hours(u64),
    /// A rollback to one of the versions, while a collector works.
    RollbackUnder(prop::sample::Index, usize),
    Collect {
        keep: Option<usize>,
        is_changed: bool,
        min_age_hours: u64,
    },
}

/// Names of jobs; the dataset does not know the last.
const JOBS: [&str; 4] = ["nightly", "weekly", "backfill", "stranger"];

fn steps() -> impl Strategy<Value = Step> {
    let job = || 0..JOBS.len();
    prop_oneof![
        2 => (0..3usize).prop_map(Step::Commit),
        2 => job().prop_map(Step::Leave),
        1 => (job(), any::<prop::sample::Index>(), "[a-z0-9/]").prop_map(|(job, at, to)| Step::Foreign(job, at, to)),
        1 => "(data|scratch|manifests|marks|jobs)/[a-z]{1,5}/[a-z0-9.#=-]{1,9}x".prop_map(Step::Free),
        1 => job().prop_map(Step::Open),
        1 => job().prop_map(Step::Over),
        2 => (0..4u64).prop_map(Step::Hours),
        1 => (any::<prop::sample::Index>(), 1..3usize).prop_map(|(to, keep)| Step::RollbackUnder(to, keep)),
        2 => (prop::option::of(1..3usize), any::<bool>(), 0..3u64).prop_map(|(keep, is_changed, min_age_hours)| {
            Step::Collect { keep, is_changed, min_age_hours }
        }),
    ]
}

struct World {
    fixture: Fixture,
    template: Manifest,
    /// Number of attempts so far; each writes under a token of its own.
    attempts: u64,
    foreign: BTreeSet<String>,
    open: BTreeMap<usize, u64>,
    hours: u64,
}

fn job_at(at: usize) -> JobId {
    JOBS[at].parse().expect("a job's name")
}

impl World {
    async fn begin() -> Self {
        let (fixture, _, template) = Fixture::committed().await;
        for at in 1..3 {
            fixture.know(&job_at(at)).await;
        }
        Self { fixture, template, attempts: 100, foreign: BTreeSet::new(), open: BTreeMap::new(), hours: 0 }
    }

    fn root(&self) -> &Root {
        self.fixture.catalog.root()
    }

    fn part(&mut self, job: usize, partition: u32) -> String {
        self.attempts += 1;
        let attempt = AttemptId { number: 1, token: FencingToken(self.attempts) };
        AttemptKeys { window: WINDOW, shard: SHARD, job: &job_at(job), attempt }
            .part(PartitionId(partition), OutputFormat::Part)
    }

    async fn apply(&mut self, step: Step) {
        match step {
            Step::Commit(job) => self.commit(job).await,
            Step::Leave(job) => self.leave(job).await,
            Step::Foreign(job, at, to) => {
                let mut key = self.part(job, 0);
                let at = at.index(key.len());
                key.replace_range(at..at + 1, &to);
                self.put_foreign(key);
            }
            Step::Free(key) => self.put_foreign(key),
            Step::Open(job) => {
                mark_open(self.root(), &job_at(job), 7, None).await.expect("the folder is ours");
                self.open.insert(job, self.hours);
            }
            Step::Over(job) => {
                mark_over(self.root(), &job_at(job), 7).await.expect("the folder is ours");
                self.open.remove(&job);
            }
            Step::Hours(hours) => {
                self.hours += hours;
                self.fixture.age(HOUR * hours as u32);
            }
            Step::RollbackUnder(to, keep) => self.rollback_under(to, keep).await,
            Step::Collect { keep, is_changed, min_age_hours } => {
                let scope = if is_changed { Scope::Changed } else { Scope::All };
                let min_age = HOUR * min_age_hours as u32;
                self.collect(&GcOptions { keep_versions: keep, min_age, delete: true, scope }).await;
            }
        }
    }

    async fn commit(&mut self, job: usize) {
        let mut manifest = self.template.clone();
        manifest.job = job_at(job);
        manifest.version = self.versions().last().map_or(1, |last| last + 1);
        manifest.replaces = Some(manifest.version - 1).filter(|version| *version > 0);
        manifest.quarantine.clear();
        manifest.partitions.clear();
        for partition in 0..3 {
            let key = self.part(job, partition);
            put(&self.fixture, &key).await;
            let size = b"left behind".len() as u64;
            let raw = Some(ObjectEntry { key, size, digest: Digest::of(b"left behind") });
            let attempt = AttemptId { number: 1, token: FencingToken(self.attempts) };
            let partition = PartitionId(partition);
            manifest.partitions.push(PartitionEntry { partition, attempt, raw, rollups: Vec::new(), extent: None });
        }
        let key = crate::catalog::name_of(&manifest).to_string();
        self.root().create_object(&key, manifest.to_bytes()).await.expect("the next version");
    }

    async fn leave(&mut self, job: usize) {
        let (lost, half) = (self.part(job, 1), self.part(job, 2));
        put(&self.fixture, &lost).await;
        self.write(&format!("{half}#3"));
        let run = run_of(&job_at(job)).replace("-0000000000000001", &format!("-{:016x}", self.attempts));
        put(&self.fixture, &run).await;
    }

    fn write(&self, key: &str) -> bool {
        let path = self.fixture.object_path(key);
        std::fs::create_dir_all(path.parent().expect("a folder")).and_then(|()| std::fs::write(path, "x")).is_ok()
    }

    /// Puts a foreign file, unless the key would be ours, or the name is taken by a folder.
    fn put_foreign(&mut self, key: String) {
        if !super::super::folder::is_ours(&key) && !self.fixture.object_path(&key).exists() && self.write(&key) {
            self.foreign.insert(key);
        }
    }

    fn versions(&self) -> Vec<u32> {
        let folder = self.fixture.object_path(&keys::ManifestName::folder(WINDOW, SHARD));
        let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let version = |name: std::ffi::OsString| name.to_str()?.strip_prefix('v')?.strip_suffix(".json")?.parse().ok();
        let mut versions: Vec<u32> = names.filter_map(|entry| version(entry.file_name())).collect();
        versions.sort_unstable();
        versions
    }

    async fn rollback_under(&mut self, to: prop::sample::Index, keep: usize) {
        let versions = self.versions();
        let to = *to.get(&versions);
        let back = RollbackOptions { window: Some(WINDOW), shard: SHARD, to, reason: String::new() };
        let options = GcOptions { keep_versions: Some(keep), min_age: Duration::ZERO, ..deleting() };
        let (rolled, collected) = tokio::join!(
            rollback(&self.fixture.catalog, &back, &SystemClock),
            collect(&self.fixture.catalog, &options, &SystemClock),
        );
        // A rollback that came too late, or asked for the current version, is refused; it never names a lost object.
        drop(rolled);
        collected.expect("every manifest is sound");
        self.check().await;
    }

    async fn collect(&mut self, options: &GcOptions) {
        let before = self.files();
        collect(&self.fixture.catalog, options, &SystemClock).await.expect("every manifest is sound");
        let after = self.files();
        for key in before.difference(&after) {
            let Some(key) = super::super::folder::ours(key) else { panic!("{key} is not ours, and is gone") };
            let Some(job) = key.job().and_then(|job| JOBS.iter().position(|name| *name == job.as_str())) else {
                continue;
            };
            assert!(job < 3, "{key} is of a job that the dataset does not know");
            let is_open = self.open.get(&job).is_some_and(|since| self.hours - since < 1);
            assert!(!is_open, "{key} is of a job that is open");
        }
        self.check().await;
    }

    /// Checks GC-1: foreign files and named objects exist.
    async fn check(&self) {
        for key in &self.foreign {
            assert!(self.fixture.object_path(key).exists(), "{key} was somebody else's");
        }
        let versions = self.versions();
        assert!(!versions.is_empty(), "the current version is always kept");
        for version in versions {
            let name = keys::ManifestName { window: WINDOW, shard: SHARD, version };
            let manifest = self.fixture.catalog.read(name).await.expect("a sound manifest");
            for object in manifest.objects() {
                assert!(self.fixture.object_path(&object.key).exists(), "{name} names {}, which is gone", object.key);
            }
        }
    }

    /// Lists the keys of all files.
    fn files(&self) -> BTreeSet<String> {
        let files = |folder| super::super::folder::files(self.root(), folder).expect("the folder is ours");
        let folders = [DATA, MANIFESTS, SCRATCH, keys::JOBS, keys::MARKS];
        folders.into_iter().flat_map(files).map(|file| file.key).collect()
    }

    /// Ends every process; two collections must then leave exactly the named and the foreign files.
    async fn end(mut self) {
        for job in 0..JOBS.len() {
            self.apply(Step::Over(job)).await;
        }
        self.apply(Step::Hours(100)).await;
        self.collect(&deleting()).await;
        let mut named = BTreeSet::new();
        for version in self.versions() {
            let name = keys::ManifestName { window: WINDOW, shard: SHARD, version };
            let manifest = self.fixture.catalog.read(name).await.expect("a sound manifest");
            named.extend(manifest.objects().map(|object| object.key.clone()));
        }
        for key in self.files() {
            let is_data = matches!(super::super::folder::ours(&key), Some(ObjectKey::Data(_) | ObjectKey::Scratch(_)));
            let is_strange = key.contains("stranger");
            assert!(!is_data || is_strange || named.contains(&key), "{key} was left");
        }
        let again = collect(&self.fixture.catalog, &deleting(), &SystemClock).await.expect("sound manifests");
        assert_eq!(again.objects, 0, "running it twice equals running it once: {:?}", again.garbage);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn nothing_that_counts_and_nothing_that_is_not_ours_ever_goes(steps in prop::collection::vec(steps(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut world = World::begin().await;
            for step in steps {
                world.apply(step).await;
            }
            world.end().await;
        });
    }
}
