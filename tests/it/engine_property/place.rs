//! Folders of a case, removed with it, and the engine that runs over them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use coordinator::{Env, JobReport, ShardReport};
use dataset::Catalog;
use dataset::oracle::OracleOptions;
use dataset::verify::{Level, VerifyOptions, verify};
use format::keys;
use format::manifest::Manifest;
use format::run::{RunIndex, TRAILER_BYTES};
use local::{Resources, Watcher};
use model::limits::MEMORY_BYTES_MIN;
use model::spec::WEIGHT_DEFAULT;
use model::{ByteSize, Clock, JobId, JobSpec, MapReport, Report, ShardId, TimestampMs};
use proto::v1;
use storage::Root;
use tempfile::TempDir;
use tests::kept::Removal;
use tests::segments::SentSegment;
use tokio::runtime::Runtime;

use super::cases::{Case, Run};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("a runtime")
});

/// Shard map with an organisation in a shard of its own, as one of the test's keys requires.
const SHARD_MAP: &str = "version = 1\nshared_shards = 64\n[[dedicated]]\norg = 7\nreason = \"a test\"\n";

/// Splits of one case, roughly; more cost time and show nothing new.
const SPLITS_MAX: u64 = 200;

/// Input of one case, and room for its executions.
pub(super) struct Place {
    folder: TempDir,
    input: Root,
}

/// Job that ran over the input of a place, with everything that it left.
pub(super) struct Execution {
    pub(super) report: JobReport,
    /// Manifests of the shards that are done.
    pub(super) manifests: BTreeMap<ShardId, Manifest>,
    pub(super) dataset: Root,
    /// Root of the runs and reports, which are kept.
    scratch: Root,
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
    fn show(&self, _job: &v1::GetJobResponse) {}
}

fn job() -> JobId {
    "proof".parse().expect("a job's name")
}

/// Waits for an asynchronous result.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

impl Place {
    /// Creates a place whose input is `segments`.
    pub(super) fn of(segments: &[SentSegment]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let input = create(&folder, "input");
        for segment in segments {
            wait(input.create_object(&segment.key, segment.bytes())).expect("a segment of its own key");
        }
        Self { folder, input }
    }

    fn spec(&self, case: &Case, split_bytes: u64, dataset: &Root) -> JobSpec {
        let mut settings = case.settings.clone();
        settings.split_bytes = ByteSize(split_bytes);
        JobSpec {
            job: job(),
            input: self.input.uri().to_owned(),
            dataset: dataset.uri().to_owned(),
            shards: Vec::new(),
            settings,
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

    /// Runs the case as `tailor run` does, into a dataset of that name, and keeps its runs.
    pub(super) fn run(&self, name: &str, case: &Case, run: &Run) -> Execution {
        self.run_over(name, case, run, Removal::Kept)
    }

    /// Runs the case over stores that treat removals so.
    pub(super) fn run_over(&self, name: &str, case: &Case, run: &Run, removal: Removal) -> Execution {
        let bytes: usize = case.segments.iter().map(|segment| segment.bytes().len()).sum();
        let split_bytes = run.split_bytes.max(bytes as u64 / SPLITS_MAX);
        let (dataset, scratch) =
            (create(&self.folder, &format!("{name}/dataset")), create(&self.folder, &format!("{name}/scratch")));
        let resources = Resources {
            workers: run.workers,
            memory: ByteSize(MEMORY_BYTES_MIN * run.workers as u64),
            limits: Some(run.limits),
            scratch: scratch.clone(),
            access: run.access,
            seed: 1,
        };
        let env = Env { clock: Arc::new(StoppedClock), stores: tests::kept::opener(removal) };
        let spec = self.spec(case, split_bytes, &dataset);
        let ran = wait(local::run(spec, &resources, env, &Nobody, std::future::pending()));
        let report = ran.expect("a job that starts ends");
        let manifests = wait(Catalog::new(dataset.clone()).current(&Default::default())).unwrap_or_default();
        let manifests = manifests.into_iter().map(|manifest| (manifest.shard, manifest)).collect();
        Execution { report, manifests, dataset, scratch }
    }

    /// Lets the dataset's own oracle compare every commit with the input, read a second time.
    pub(super) fn verify(&self, execution: &Execution) {
        let oracle = OracleOptions { input: self.input.clone(), memory_bytes: 16 << 20 };
        let options = VerifyOptions { level: Level::Oracle, oracle: Some(oracle), ..VerifyOptions::default() };
        match wait(verify(&Catalog::new(execution.dataset.clone()), &options)) {
            Ok(found) => assert!(found.is_clean(), "{:#?}", found.differences),
            // Every shard failed, so nothing was committed.
            Err(dataset::DatasetError::NoManifest { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

impl Execution {
    pub(super) fn shard(&self, shard: ShardId) -> &ShardReport {
        let report = self.report.shards.iter().find(|report| report.shard == shard);
        report.expect("every shard of the input is in the report")
    }

    /// Reads the indexes of the runs of one shard, also of those that do not count.
    pub(super) fn runs(&self, shard: ShardId) -> Vec<RunIndex> {
        let index = |bytes: bytes::Bytes| {
            let len = RunIndex::len_in(&bytes).expect("a run's end") + TRAILER_BYTES;
            RunIndex::from_bytes(&bytes[bytes.len() - len..]).expect("a run's index")
        };
        self.kept(shard, ".run").into_iter().map(index).collect()
    }

    /// Reads the reports of the map attempts of one shard.
    pub(super) fn map_reports(&self, shard: ShardId) -> Vec<MapReport> {
        let reports = self.kept(shard, ".report.json").into_iter();
        let map = |bytes: bytes::Bytes| match Report::from_bytes(&bytes).expect("a report") {
            Report::Map(report) => Some(report),
            Report::Reduce(_) => None,
        };
        reports.filter_map(map).collect()
    }

    fn kept(&self, shard: ShardId, suffix: &str) -> Vec<bytes::Bytes> {
        let listed = wait(self.scratch.list(&keys::runs_of(&job(), shard))).expect("a listing");
        let named = listed.iter().map(|object| object.location.as_ref()).filter(|key| key.ends_with(suffix));
        named.map(|key| wait(self.scratch.read(key)).expect("it was listed")).collect()
    }
}

fn create(folder: &TempDir, name: &str) -> Root {
    Root::create(folder.path().join(name).to_str().expect("a path in Unicode")).expect("a folder inside")
}
