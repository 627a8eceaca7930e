//! Grants over documents in memory.

use std::sync::atomic::{AtomicUsize, Ordering};

use model::{
    AttemptId, ByteRange, Failure, FailureClass, FencingToken, JobSettings, MapTask, SegmentRef, ShardId, Split,
    TaskId, TaskPath,
};
use object_store::memory::InMemory;
use storage::{Missing, Open, Opener, StorageError};

use super::*;
use crate::task::Work;

/// Store that serves all places and counts how often one is opened.
#[derive(Debug)]
struct OneStore(Root, AtomicUsize);

#[async_trait::async_trait]
impl Open for OneStore {
    async fn open(&self, _uri: &str, _missing: Missing) -> Result<Root, StorageError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Ok(self.0.clone())
    }
}

fn plan() -> ShardPlan {
    let split = Split { segment: 0, range: ByteRange { start: 0, end: 7 } };
    ShardPlan {
        job: "j".parse().expect("a job's name"),
        shard: ShardId::Shared(3),
        settings: JobSettings::default(),
        segments: vec![SegmentRef { key: "shard=org-mod-03/a.seg".into(), size: 7, etag: None }].into(),
        map_tasks: vec![MapTask::of(vec![split])],
        partitions: 1,
    }
}

fn spec() -> JobSpec {
    JobSpec {
        job: plan().job,
        input: "memory://input".into(),
        dataset: "memory://dataset".into(),
        shards: Vec::new(),
        settings: JobSettings::default(),
        shard_map: String::new(),
        reason: String::new(),
        weight: model::spec::WEIGHT_DEFAULT,
        running_max: None,
        force_replace: None,
        replay_of: None,
        submitted_by: String::new(),
        submitted_at_ms: 0,
    }
}

fn grant(task: TaskId, plan_digest: Digest) -> Grant {
    Grant {
        task: TaskPath { job: plan().job, shard: plan().shard, task },
        attempt: AttemptId { number: 1, token: FencingToken(9) },
        dataset: "memory://dataset".into(),
        scratch: "memory://scratch".into(),
        spec: spec().digest(),
        plan: plan_digest,
        exact_start: Some(2),
        runs: None,
        trace: None,
    }
}

#[tokio::test]
async fn documents_are_read_once_and_places_opened_once() {
    let root = Root::of_store("memory://", Arc::new(InMemory::new()));
    let places = Arc::new(OneStore(root.clone(), AtomicUsize::new(0)));
    let resolver = Resolver::new(Arc::new(Roots::new(Opener::new(Arc::clone(&places) as Arc<dyn Open>))));
    let bytes = serde_json::to_vec(&plan()).expect("a plan");
    let digest = Digest::of(&bytes);
    let (spec_key, plan_key) =
        (keys::spec(&plan().job, spec().digest()), keys::plan(&plan().job, plan().shard, digest));
    root.create_object(&spec_key, spec().to_bytes()).await.expect("memory");
    root.create_object(&plan_key, bytes).await.expect("memory");

    let granted = grant(TaskId::map(0), digest);
    let (one, other) = tokio::join!(resolver.resolve(&granted), resolver.resolve(&granted));
    let Work::Map { splits } = one.and(other).expect("all is there").assignment.work else { panic!("a map task") };
    assert_eq!((splits[0].segment.size, splits[0].exact_start), (7, Some(2)));

    root.remove(&plan_key).await.expect("memory");
    resolver.resolve(&granted).await.expect("the plan was kept");
    assert_eq!(places.1.load(Ordering::Relaxed), 3, "input, dataset and scratch");
    let error = resolver.resolve(&grant(TaskId::map(1), digest)).await.expect_err("there is one map task");
    assert!(error.to_string().contains("has no task m-00001"), "{error}");
}

/// Places of which one hangs, as a folder of a dead mount does.
#[derive(Debug)]
struct OneHangs(Root);

#[async_trait::async_trait]
impl Open for OneHangs {
    async fn open(&self, uri: &str, _missing: Missing) -> Result<Root, StorageError> {
        if uri == "/mnt/dead" {
            std::future::pending::<()>().await;
        }
        Ok(self.0.clone())
    }
}

#[tokio::test]
async fn a_dataset_that_hangs_holds_up_no_other_grant() {
    let root = Root::of_store("memory://", Arc::new(InMemory::new()));
    let resolver = Resolver::new(Arc::new(Roots::new(Opener::new(Arc::new(OneHangs(root.clone()))))));
    let bytes = serde_json::to_vec(&plan()).expect("a plan");
    let digest = Digest::of(&bytes);
    root.create_object(&keys::spec(&plan().job, spec().digest()), spec().to_bytes()).await.expect("memory");
    root.create_object(&keys::plan(&plan().job, plan().shard, digest), bytes).await.expect("memory");

    let dead = Grant { dataset: "/mnt/dead".into(), ..grant(TaskId::map(0), digest) };
    let mut hangs = std::pin::pin!(resolver.resolve(&dead));
    assert!(tokio::time::timeout(std::time::Duration::from_millis(20), &mut hangs).await.is_err());
    resolver.resolve(&grant(TaskId::map(0), digest)).await.expect("another dataset");
    assert!(tokio::time::timeout(std::time::Duration::from_millis(20), &mut hangs).await.is_err());
}

#[tokio::test]
async fn a_plan_with_another_digest_is_refused_and_a_missing_one_is_tried_again() {
    let root = Root::of_store("memory://", Arc::new(InMemory::new()));
    let places = Arc::new(OneStore(root.clone(), AtomicUsize::new(0)));
    let resolver = Resolver::new(Arc::new(Roots::new(Opener::new(places))));
    root.create_object(&keys::spec(&plan().job, spec().digest()), spec().to_bytes()).await.expect("memory");
    let granted = grant(TaskId::map(0), Digest(5));

    let failure = Failure::from(resolver.resolve(&granted).await.expect_err("no plan"));
    assert_eq!(failure.class, FailureClass::Transient, "{failure}");

    root.create_object(&keys::plan(&plan().job, plan().shard, Digest(5)), "{}").await.expect("memory");
    let error = resolver.resolve(&granted).await.expect_err("another plan").to_string();
    assert!(error.contains(&Digest(5).to_string()) && error.contains(&Digest::of(b"{}").to_string()), "{error}");
}
