//! Peer on the network that can send any message: plain clients of both services, and a worker without a process.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use format::keys;
use format::state_keys::StateKey;
use format::state_records::{StateRecord as _, Text, WorkerRecord};
use model::books::{MapBooks, ReduceBooks};
use model::{
    AttemptId, Digest, Extent, FencingToken, MapReport, ObjectEntry, ReduceReport, Report, ShardPlan, SplitReport,
    StageTimes, TaskKind, TaskPath,
};
use proto::secret::Secret;
use proto::v1::operator_service_client::OperatorServiceClient;
use proto::v1::worker_service_client::WorkerServiceClient;
use proto::{ApiError, v1};
use storage::meta::{EtcdSettings, EtcdStore, LeaseSession, LeaseSettings, MetaStore, Op, Txn};
use tests::cluster::{Cluster, ClusterJob};
use tokio::runtime::Runtime;
use tonic::Status;
use tonic::transport::Channel;

/// Client of both services and of etcd.
pub(super) struct Peer {
    runtime: Runtime,
    address: String,
    etcd: EtcdSettings,
}

/// Worker without a process: it is registered like any other, but only sends messages.
pub(super) struct Registered {
    session: LeaseSession,
    secret: Secret,
}

type Answer<T> = Result<T, ApiError>;

impl Peer {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let etcd = EtcdSettings { namespace: cluster.namespace(), ..EtcdSettings::of([cluster.etcd()]) };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self { runtime: runtime.expect("a runtime"), address: cluster.operator.urls(), etcd }
    }

    async fn channel(&self) -> Channel {
        Channel::from_shared(self.address.clone()).expect("an address").connect().await.expect("it listens")
    }

    fn ask<T, F>(&self, call: impl FnOnce(OperatorServiceClient<Channel>) -> F) -> Answer<T>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        self.runtime.block_on(async {
            let client = OperatorServiceClient::new(self.channel().await).max_encoding_message_size(64 << 20);
            call(client).await.map(tonic::Response::into_inner).map_err(ApiError::from)
        })
    }

    fn work<T, F>(&self, call: impl FnOnce(WorkerServiceClient<Channel>) -> F) -> Answer<T>
    where
        F: Future<Output = Result<tonic::Response<T>, Status>>,
    {
        self.runtime.block_on(async {
            let client = WorkerServiceClient::new(self.channel().await);
            call(client).await.map(tonic::Response::into_inner).map_err(ApiError::from)
        })
    }

    pub(super) fn submit(&self, spec: Vec<u8>) -> Answer<v1::SubmitJobResponse> {
        self.ask(|mut client| async move { client.submit_job(v1::SubmitJobRequest { spec: spec.into() }).await })
    }

    pub(super) fn plan(&self, spec: Vec<u8>) -> Answer<v1::PlanJobResponse> {
        self.ask(|mut client| async move { client.plan_job(v1::PlanJobRequest { spec: spec.into() }).await })
    }

    pub(super) fn cancel(&self, job: &str, reason: &str) -> Answer<v1::CancelJobResponse> {
        let request = v1::CancelJobRequest { job: job.to_owned(), reason: reason.to_owned() };
        self.ask(|mut client| async move { client.cancel_job(request).await })
    }

    pub(super) fn drain(&self, worker: &str, reason: &str) -> Answer<v1::DrainWorkerResponse> {
        let request =
            v1::DrainWorkerRequest { worker: worker.to_owned(), reason: reason.to_owned(), ..Default::default() };
        self.ask(|mut client| async move { client.drain_worker(request).await })
    }

    pub(super) fn get(&self, job: &str) -> Answer<v1::GetJobResponse> {
        let request = v1::GetJobRequest { job: job.to_owned(), ..Default::default() };
        self.ask(|mut client| async move { client.get_job(request).await })
    }

    pub(super) fn cluster(&self) -> Answer<v1::GetClusterResponse> {
        self.ask(|mut client| async move { client.get_cluster(v1::GetClusterRequest {}).await })
    }

    /// Sends many dry runs at once; returns their answers, and that to another request in the middle of them.
    pub(super) fn flood(
        &self,
        count: usize,
        spec: &[u8],
    ) -> (Vec<Answer<v1::PlanJobResponse>>, Answer<v1::GetClusterResponse>) {
        self.runtime.block_on(async {
            let client = OperatorServiceClient::new(self.channel().await);
            let plans = (0..count).map(|_| {
                let (mut client, spec) = (client.clone(), spec.to_vec());
                tokio::spawn(async move {
                    let planned = client.plan_job(v1::PlanJobRequest { spec: spec.into() }).await;
                    planned.map(tonic::Response::into_inner).map_err(ApiError::from)
                })
            });
            let plans: Vec<_> = plans.collect();
            let mut asking = client.clone();
            let other = asking.get_cluster(v1::GetClusterRequest {});
            let other = tokio::time::timeout(Duration::from_secs(10), other).await.expect("it is answered in time");
            let mut answers = Vec::new();
            for plan in plans {
                answers.push(plan.await.expect("a client does not panic"));
            }
            (answers, other.map(tonic::Response::into_inner).map_err(ApiError::from))
        })
    }

    /// Registers a worker, as a client with access to etcd can.
    pub(super) fn register(&self, name: &str) -> Registered {
        self.runtime.block_on(async {
            let store: Arc<dyn MetaStore> = Arc::new(EtcdStore::connect(&self.etcd).await.expect("etcd answers"));
            let session = LeaseSession::open(Arc::clone(&store), LeaseSettings::seeded(1)).await.expect("a lease");
            let secret = Secret::seeded(99);
            let record = WorkerRecord {
                name: Text::cut(name),
                slots: 1,
                memory_bytes: 0,
                version: Text::cut("forged"),
                protocol: proto::dispatch::PROTOCOL,
                secret_sha256: Some(Text::cut(&secret.mark())),
                draining: None,
                unfit: None,
            };
            let (key, value) = (StateKey::Worker(session.lease()), record.encode().expect("a small record"));
            store.txn(Txn::when([]).then([Op::put_leased(key, value, session.lease())])).await.expect("etcd answers");
            Registered { session, secret }
        })
    }

    pub(super) fn raw_claim(&self, request: v1::ClaimRequest) -> Answer<v1::ClaimResponse> {
        self.work(|mut client| async move { client.claim(request).await })
    }

    /// Claims a task, if there is one.
    pub(super) fn claim(&self, who: &Registered) -> Option<v1::Grant> {
        let request = v1::ClaimRequest {
            worker: who.session.lease().to_string(),
            slots: 1,
            wait_ms: 1000,
            secret: who.secret.to_bytes().into(),
        };
        self.raw_claim(request).ok()?.grants.into_iter().next()
    }

    pub(super) fn complete(&self, who: &Registered, grant: &v1::Grant, report: Report) -> Answer<v1::CompleteResponse> {
        let request = v1::CompleteRequest {
            worker: who.session.lease().to_string(),
            task: grant.task.clone(),
            attempt: grant.attempt,
            report: report.to_bytes().into(),
            secret: who.secret.to_bytes().into(),
            effort: None,
        };
        self.work(|mut client| async move { client.complete(request).await })
    }

    /// Reads the plan of a grant, as every reader of the dataset can.
    pub(super) fn read_plan(&self, grant: &v1::Grant, job: &ClusterJob) -> ShardPlan {
        let (path, digest): (_, Digest) = (path(grant), grant.plan.parse().expect("a digest"));
        let file = format!("{}/{}", job.dataset(), keys::plan(&path.job, path.shard, digest));
        serde_json::from_slice(&std::fs::read(file).expect("the plan is an object")).expect("a plan")
    }
}

fn path(grant: &v1::Grant) -> TaskPath {
    grant.task.clone().expect("a grant names its task").try_into().expect("as the leader writes it")
}

/// Builds reports that a forger would want to be accepted, for the task of a grant.
pub(super) fn forgeries(grant: &v1::Grant, plan: &ShardPlan) -> Vec<(&'static str, Report)> {
    let path = path(grant);
    let attempt: AttemptId = grant.attempt.expect("a grant names its attempt").try_into().expect("an attempt");
    assert_eq!(path.task.kind, TaskKind::Map, "the first task is a map task");
    let splits: Vec<_> = plan.map_tasks[path.task.ordinal as usize].splits().collect();
    let read =
        splits.iter().map(|split| SplitReport { split: *split, first: Some(split.range.start), end: split.range.end });
    let bytes_read = splits.iter().map(|split| split.range.len()).sum();
    let books = MapBooks {
        frames_read: 100,
        frames_routed: 100,
        points_read: 10_000,
        points_early: 10_000,
        bytes_read,
        bytes_decoded: 160_000,
        ..MapBooks::default()
    };
    let all_early = MapReport {
        splits: read.collect(),
        run: None,
        books,
        quarantine: None,
        time_range_ms: Some((0, 1)),
        stages: StageTimes::default(),
        spills: 0,
        effort: None,
    };
    let routed = MapBooks { points_early: 0, points_routed: 10_000, ..all_early.books.clone() };
    let other = AttemptId { token: FencingToken(attempt.token.0 - 1), ..attempt };
    let run = |key: String| Some(ObjectEntry { key, size: 1, digest: Digest(1) });
    let of_another = MapReport {
        run: run(keys::run(&path.job, path.shard, path.task, other)),
        books: routed.clone(),
        ..all_early.clone()
    };
    let elsewhere = MapReport { run: run("../../etc/passwd".to_owned()), books: routed, ..all_early.clone() };
    let of_the_other_kind = ReduceReport {
        partition: model::PartitionId(path.task.ordinal),
        raw: None,
        rollups: Vec::new(),
        extent: None::<Extent>,
        books: ReduceBooks::default(),
        stages: StageTimes::default(),
        effort: None,
    };
    vec![
        ("all points early, and no run", Report::Map(all_early)),
        ("the run of another attempt", Report::Map(of_another)),
        ("an object somewhere else", Report::Map(elsewhere)),
        ("a report of the other kind", Report::Reduce(of_the_other_kind)),
    ]
}
