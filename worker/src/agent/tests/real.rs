//! An agent that really computes, on threads of its own, over local folders.

use std::path::Path;

use format::keys;
use model::spec::WEIGHT_DEFAULT;
use model::{
    ByteRange, Digest, Grant, HeldAttempt, JobSettings, JobSpec, MapTask, Report, SegmentRef, ShardPlan, Split,
    SystemClock,
};
use storage::Root;
use storage::meta::MemoryStore;

use super::super::*;
use super::support::{FakeLeader, grant, settings};

/// Writes the documents of a shard with two segments, one empty and one damaged; returns the two grants.
async fn shard(folder: &Path) -> [Grant; 2] {
    let [input, dataset, scratch] = ["input", "dataset", "scratch"].map(|name| folder.join(name).display().to_string());
    let root = Root::create(&input).expect("a folder");
    let segments = [("shard=org-mod-00/0.seg", ""), ("shard=org-mod-00/1.seg", "no frame at all")];
    for (key, content) in segments {
        root.create_object(key, content).await.expect("a file");
    }
    let segment = |(key, content): (&str, &str)| SegmentRef { key: key.into(), size: content.len() as u64, etag: None };
    let task = |segment: u32| {
        let range = ByteRange { start: 0, end: segments[segment as usize].1.len() as u64 };
        MapTask::of(vec![Split { segment, range }])
    };
    let plan = ShardPlan {
        job: grant(0).task.job,
        shard: grant(0).task.shard,
        settings: JobSettings::default(),
        segments: segments.map(segment).to_vec().into(),
        map_tasks: vec![task(0), task(1)],
        partitions: 1,
    };
    let spec = JobSpec {
        job: plan.job.clone(),
        input,
        dataset: dataset.clone(),
        shards: Vec::new(),
        settings: JobSettings::default(),
        shard_map: String::new(),
        reason: String::new(),
        weight: WEIGHT_DEFAULT,
        running_max: None,
        force_replace: None,
        replay_of: None,
        submitted_by: String::new(),
        submitted_at_ms: 0,
    };
    let bytes = serde_json::to_vec(&plan).expect("a plan");
    let digest = Digest::of(&bytes);
    let root = Root::create(&dataset).expect("a folder");
    root.create_object(&keys::plan(&plan.job, plan.shard, digest), bytes).await.expect("a file");
    root.create_object(&keys::spec(&spec.job, spec.digest()), spec.to_bytes()).await.expect("a file");
    [0, 1].map(|ordinal| Grant {
        dataset: dataset.as_str().into(),
        scratch: scratch.as_str().into(),
        spec: spec.digest(),
        plan: digest,
        ..grant(ordinal)
    })
}

#[tokio::test]
async fn granted_attempts_are_computed_reported_and_leave_nothing_on_the_disk() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let grants = shard(folder.path()).await;
    let spilled = folder.path().join("spilled");
    let leader = Arc::new(FakeLeader::default());
    let as_leader = Arc::clone(&leader) as Arc<dyn Dispatch>;
    let agent = Agent::new(
        settings(&spilled, 0),
        as_leader,
        Arc::new(MemoryStore::new()),
        storage::Opener::by_uri(),
        &SystemClock,
    )
    .expect("threads and a folder");
    grants.iter().for_each(|grant| leader.grant_this(grant.clone()));
    let heard = Arc::clone(&leader);
    let all_told = async move {
        while heard.state().heard.len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        "the test is over".to_owned()
    };
    let running = agent.run(all_told, std::future::pending());
    let left = tokio::time::timeout(Duration::from_secs(60), running).await.expect("it is over soon");
    assert_eq!(left.expect("no error"), Left::Drained);

    let mut heard = leader.state().heard.clone();
    heard.sort();
    assert_eq!(heard[0], "complete m-00000");
    assert!(heard[1].starts_with("fail m-00001 Input"), "{heard:?}");
    let held = HeldAttempt { task: grants[0].task.clone(), attempt: grants[0].attempt };
    let report =
        Root::open(&grants[0].scratch).expect("it was made").read(&keys::report(&held.task, held.attempt)).await;
    let report = Report::from_bytes(&report.expect("the report is written")).expect("a report");
    assert!(matches!(report, Report::Map(report) if report.run.is_none() && report.splits.len() == 1));
    assert_eq!(std::fs::read_dir(&spilled).expect("the folder").count(), 0);
}
