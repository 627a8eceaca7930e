//! Foreign objects: files of other tools, jobs of another cluster, keys and fields of others and of newer versions.

use format::keys::{self, AttemptKeys};
use format::marks::{JobMark, MarkState};
use model::{AttemptId, Digest, FencingToken, JobId, OutputFormat, PartitionId, SegmentList, ShardPlan};

use crate::workload::Workload;

/// Field that no record of this version has.
pub(crate) const STRANGE_FIELD: &str = "color_of_tomorrow";

/// Foreign objects in our dataset: of another tool, of a job that another cluster runs, of a job to which a rollback
/// goes, and of an unknown job.
pub(crate) fn objects(workload: &Workload) -> Vec<(String, Vec<u8>)> {
    let mut objects: Vec<(String, Vec<u8>)> = [
        "README.txt",
        "data/notes/old.part",
        "data/0000/window=0-5/shard=org-mod-07/theirs/p00000-a-1-00000000000000ab.part",
        "scratch/notes.txt",
        "scratch/theirs/runs/theirs/shard=org-mod-07/notes.run",
        "marks/notes.txt",
    ]
    .map(|key| (key.to_owned(), b"not yours".to_vec()))
    .into();
    objects.extend(of_job(workload, "elsewhere", true));
    let rolled_back = job("rolledback");
    objects.extend(of_job(workload, "rolledback", true));
    objects.extend([
        (keys::mark(&rolled_back, 1), JobMark { state: MarkState::Over, process: None }.to_bytes()),
        (keys::pin(&rolled_back, 7), JobMark { state: MarkState::Open, process: None }.to_bytes()),
    ]);
    objects.push((keys::mark(&job("elsewhere"), 1), JobMark { state: MarkState::Open, process: None }.to_bytes()));
    objects.extend(of_job(workload, "unknown", false));
    objects.push((keys::mark(&job("unknown"), 1), JobMark { state: MarkState::Over, process: None }.to_bytes()));
    objects.into_iter().map(|(key, bytes)| (format!("dataset/{key}"), bytes)).collect()
}

fn job(name: &str) -> JobId {
    name.parse().expect("a job's name")
}

/// Plan and part of a job that no manifest names, and its spec if the dataset is to know the job.
fn of_job(workload: &Workload, name: &str, is_known: bool) -> Vec<(String, Vec<u8>)> {
    let (job, shard, settings) = (job(name), workload.shards[0], workload.settings.clone());
    let attempt = AttemptId { number: 1, token: FencingToken(0xab) };
    let keys = AttemptKeys { window: settings.window, shard, job: &job, attempt };
    let part = keys.part(PartitionId(0), OutputFormat::Part);
    let plan = ShardPlan {
        job: job.clone(),
        shard,
        settings,
        segments: SegmentList::default(),
        map_tasks: Vec::new(),
        partitions: 1,
    };
    let plan = serde_json::to_vec(&plan).expect("a plan is names and numbers");
    let mut objects = vec![(part, b"a part".to_vec()), (keys::plan(&job, shard, Digest::of(&plan)), plan)];
    if is_known {
        let spec = workload.spec(name).to_bytes();
        objects.push((keys::spec(&job, Digest::of(&spec)), spec));
    }
    objects
}

/// Key that no process of this version writes.
pub(crate) fn state_key(draw: usize) -> &'static str {
    const KEYS: [&str; 8] = [
        "notes",
        "eu/leader",
        "locks/nightly",
        "workers/of-the-month",
        "datasets/notes",
        "jobs/nightly/notes",
        "jobs/nightly/shards/org-mod-07/color",
        "jobs/of-nobody/notes",
    ];
    KEYS[draw % KEYS.len()]
}

/// True if a key lies under the prefix of a job of ours, and so is deleted with the job.
pub(crate) fn is_of_a_job(key: &str) -> bool {
    key.starts_with("jobs/nightly/")
}
