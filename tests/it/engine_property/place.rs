//! Folders of a case, removed with it, and the engine that runs over them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use coordinator::Job;
use dataset::Catalog;
use dataset::oracle::OracleOptions;
use dataset::verify::{Level, VerifyOptions, verify};
use format::keys;
use format::run::{RunIndex, TRAILER_BYTES};
use local::{Resources, Watcher};
use model::limits::MEMORY_BYTES_MIN;
use model::spec::WEIGHT_DEFAULT;
use model::{ByteSize, Clock, JobSpec, ShardId, ShardPlan, TimestampMs};
use proto::v1;
use shard_config::ShardMap;
use storage::Root;
use storage::segment::SegmentAccess;
use tempfile::TempDir;
use tests::segments::SentSegment;
use tokio::runtime::Runtime;
use worker::task::Stores;

use super::cases::Case;
use super::{Summary, digests};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("a runtime")
});

/// Shard map with an organisation in a shard of its own, as one of the test's keys requires.
const SHARD_MAP: &str = "version = 1\nshared_shards = 64\n[[dedicated]]\norg = 7\nreason = \"a test\"\n";

/// Input, dataset and scratch of one case.
pub(super) struct Place {
    _folder: TempDir,
    input: Root,
    pub(super) dataset: Root,
    scratch: Root,
    pub(super) shard_map: Arc<ShardMap>,
}

/// Clock that always shows the same instant.
#[derive(Debug)]
struct StoppedClock;

impl Clock for StoppedClock {
    fn now_ms(&self) -> TimestampMs {
        1_750_000_000_000
    }
}

struct Nobody;

impl Watcher for Nobody {
    fn look(&self, _job: &v1::GetJobResponse) {}
}

impl Place {
    /// Creates a place whose input is `segments`.
    pub(super) fn of(segments: &[SentSegment]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = |name: &str| {
            Root::create(folder.path().join(name).to_str().expect("a path in Unicode")).expect("a folder inside")
        };
        let (input, dataset, scratch) = (root("input"), root("dataset"), root("scratch"));
        for segment in segments {
            RUNTIME.block_on(input.create_object(&segment.key, segment.bytes())).expect("a segment of its own key");
        }
        let shard_map = Arc::new(ShardMap::parse(SHARD_MAP, "the test's map").expect("a map"));
        Self { _folder: folder, input, dataset, scratch, shard_map }
    }

    /// Waits for an asynchronous result.
    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        RUNTIME.block_on(future)
    }

    /// Removes the runs of an earlier execution: each counts its tokens anew, and would find its own keys taken. A
    /// cluster never uses a token twice.
    pub(super) fn forget_runs(&self) {
        let runs = self.scratch.local_folder().expect("scratch is a folder").join("runs");
        if runs.exists() {
            std::fs::remove_dir_all(runs).expect("the runs are ours");
        }
    }

    /// Stores that read segments by this access.
    pub(super) fn stores(&self, access: SegmentAccess) -> Stores {
        Stores {
            input: self.input.clone(),
            dataset: self.dataset.clone(),
            scratch: self.scratch.clone(),
            local: self.scratch.clone(),
            access,
            runtime: RUNTIME.handle().clone(),
        }
    }

    fn spec(&self, case: &Case) -> JobSpec {
        JobSpec {
            job: "proof".parse().expect("a job's name"),
            input: self.input.uri().to_owned(),
            dataset: self.dataset.uri().to_owned(),
            shards: Vec::new(),
            settings: case.settings.clone(),
            shard_map: SHARD_MAP.to_owned(),
            reason: "run".to_owned(),
            weight: WEIGHT_DEFAULT,
            running_max: None,
            force_replace: None,
            replay_of: None,
            submitted_by: String::new(),
            submitted_at_ms: StoppedClock.now_ms(),
        }
    }

    /// Plans all shards, with splits of that size.
    pub(super) fn plan(&self, case: &Case, split_bytes: u64) -> Vec<ShardPlan> {
        let mut spec = self.spec(case);
        spec.settings.split_bytes = ByteSize(split_bytes);
        let job = RUNTIME
            .block_on(Job::open(&spec, &coordinator::Env::with_clock(Arc::new(StoppedClock))))
            .expect("both folders are there");
        RUNTIME.block_on(coordinator::planning::plan(&job)).expect("the input has a segment").plans
    }

    /// Runs the case as `tailor run` does, and reads what it committed.
    pub(super) fn run_embedded(&self, case: &Case, workers: usize) -> BTreeMap<ShardId, Summary> {
        let resources = Resources {
            workers,
            memory: ByteSize(MEMORY_BYTES_MIN * workers as u64),
            scratch: self.scratch.clone(),
            access: SegmentAccess::Auto,
            seed: 1,
        };
        let run = local::run(self.spec(case), &resources, Arc::new(StoppedClock), &Nobody, std::future::pending());
        let report = RUNTIME.block_on(run).expect("a job that starts ends");
        let manifests = RUNTIME.block_on(Catalog::new(self.dataset.clone()).current(&Default::default()));
        let manifests = manifests.unwrap_or_default();
        let summary = |shard: &coordinator::ShardReport| {
            let manifest = manifests.iter().find(|manifest| manifest.shard == shard.shard);
            let summary = match manifest.filter(|_| shard.is_done()) {
                Some(manifest) => {
                    let partitions = manifest.partitions.iter().map(|entry| digests(&entry.raw, &entry.rollups));
                    Summary::Done(manifest.books.clone(), partitions.collect())
                }
                None => Summary::Failed,
            };
            (shard.shard, summary)
        };
        report.shards.iter().map(summary).collect()
    }

    /// Reads the indexes of the runs that an execution of one shard left.
    pub(super) fn runs(&self, shard: ShardId) -> Vec<RunIndex> {
        let folder = keys::runs_of(&"proof".parse().expect("a job's name"), shard);
        let listed = RUNTIME.block_on(self.scratch.list(&folder)).expect("a listing");
        let index = |run: &object_store::ObjectMeta| {
            let bytes = RUNTIME.block_on(self.scratch.read(run.location.as_ref())).expect("it was listed");
            let len = RunIndex::len_in(&bytes).expect("a run's end") + TRAILER_BYTES;
            RunIndex::from_bytes(&bytes[bytes.len() - len..]).expect("a run's index")
        };
        listed.iter().map(index).collect()
    }

    /// Lets the dataset's own oracle compare every commit with the input, read a second time.
    pub(super) fn verify(&self) {
        let oracle = OracleOptions { input: self.input.clone(), memory_bytes: 16 << 20 };
        let options = VerifyOptions { level: Level::Oracle, oracle: Some(oracle), ..VerifyOptions::default() };
        match RUNTIME.block_on(verify(&Catalog::new(self.dataset.clone()), &options)) {
            Ok(found) => assert!(found.is_clean(), "{:#?}", found.differences),
            // Every shard failed, so nothing was committed.
            Err(dataset::DatasetError::NoManifest { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}
