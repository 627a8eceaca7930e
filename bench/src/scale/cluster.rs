//! Processes of the cluster: etcd and coordinators, on ports of their own, in a folder that is removed with them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use model::{ByteSize, Clock as _, JobId, JobSettings, JobSpec, ShardId, SystemClock};
use proto::{LeaderClient, v1};
use storage::meta::{EtcdSettings, EtcdStore, MetaStore};

use super::workers::Workers;
use crate::process::{Server, port};

/// Segment bytes per task.
pub(super) const SPLIT_BYTES: u64 = 1 << 20;
/// Tasks per segment; landed segments are small.
pub(super) const TASKS_PER_SEGMENT: u64 = 16;
/// Tasks per shard, the most that a plan has.
const TASKS_PER_SHARD: u64 = 4096;

/// etcd, and the coordinators.
pub(super) struct Cluster {
    tailor: PathBuf,
    _etcd: Server,
    etcd_url: String,
    leader: Server,
    standby: Option<Server>,
    endpoints: Vec<String>,
    /// Ports of pages and metrics, those of the leader first, as `endpoints`.
    pages: [u16; 2],
    folder: tempfile::TempDir,
}

impl Cluster {
    pub(super) async fn start(tailor: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (client, peer) = (port()?, port()?);
        let etcd_url = format!("http://127.0.0.1:{client}");
        let mut etcd = Command::new("etcd");
        etcd.arg("--data-dir")
            .arg(folder.path().join("etcd"))
            .args(["--listen-client-urls", &etcd_url, "--advertise-client-urls", &etcd_url])
            .args(["--listen-peer-urls", &format!("http://127.0.0.1:{peer}")]);
        let etcd = Server::start(&mut etcd, &folder.path().join("etcd.log"))
            .context("`apt-get install etcd-server` has etcd")?;
        let endpoints = vec![format!("http://127.0.0.1:{}", port()?), format!("http://127.0.0.1:{}", port()?)];
        let pages = [port()?, port()?];
        let leader = coordinator(tailor, folder.path(), &etcd_url, (&endpoints[0], pages[0]))?;
        let tailor = tailor.to_owned();
        let cluster = Self { folder, tailor, _etcd: etcd, etcd_url, leader, standby: None, endpoints, pages };
        let client = cluster.client()?;
        let asked = client.operator(|mut client| async move { client.get_cluster(v1::GetClusterRequest {}).await });
        asked.await.context("wait for a leader")?;
        Ok(cluster)
    }

    pub(super) fn client(&self) -> Result<LeaderClient> {
        let policy = proto::CallPolicy { call_timeout: Duration::from_secs(60), patience: Duration::from_secs(60) };
        Ok(LeaderClient::new(self.endpoints.clone())?.with_policy(policy))
    }

    pub(super) async fn store(&self, namespace: &str) -> Result<Arc<dyn MetaStore>> {
        let settings = EtcdSettings { namespace: namespace.to_owned(), ..EtcdSettings::of([&self.etcd_url]) };
        Ok(Arc::new(EtcdStore::connect(&settings).await?))
    }

    /// Submits a job with this number of tasks, and waits until it runs.
    pub(super) async fn submit(&self, tasks: u64) -> Result<()> {
        let input = self.folder.path().join("in");
        for shard in 0..tasks.div_ceil(TASKS_PER_SHARD) {
            let name = match u8::try_from(shard).ok().filter(|shard| *shard < 64) {
                Some(remainder) => ShardId::Shared(remainder),
                None => ShardId::Dedicated(model::OrgId(shard)),
            };
            let folder = input.join(format!("shard={name}"));
            std::fs::create_dir_all(&folder)?;
            let of_shard = TASKS_PER_SHARD.min(tasks - shard * TASKS_PER_SHARD);
            for segment in 0..of_shard.div_ceil(TASKS_PER_SEGMENT) {
                let of_segment = TASKS_PER_SEGMENT.min(of_shard - segment * TASKS_PER_SEGMENT);
                let file = std::fs::File::create(folder.join(format!("{segment:04}.seg")))?;
                file.set_len(of_segment * SPLIT_BYTES)?;
            }
        }
        let settings = JobSettings {
            split_bytes: ByteSize(SPLIT_BYTES),
            partition_bytes: ByteSize(TASKS_PER_SHARD * SPLIT_BYTES),
            ..JobSettings::default()
        };
        self.send(&job(), Vec::new(), settings).await?;
        let client = self.client()?;
        loop {
            let seen = client
                .operator(|mut client| async move {
                    client.get_job(v1::GetJobRequest { job: job().to_string(), ..Default::default() }).await
                })
                .await?;
            let summary = seen.job.context("a job has a summary")?;
            ensure!(summary.cause.is_empty(), "{}", summary.cause);
            if summary.state() == v1::JobState::Running && summary.shards > 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Submits a job with these shards.
    async fn send(&self, job: &JobId, shards: Vec<ShardId>, settings: JobSettings) -> Result<()> {
        let (input, dataset) = (self.folder.path().join("in"), self.folder.path().join("out"));
        let spec = JobSpec {
            job: job.clone(),
            input: input.display().to_string(),
            dataset: dataset.display().to_string(),
            shards,
            settings,
            shard_map: String::new(),
            reason: "bench".to_owned(),
            weight: model::spec::WEIGHT_DEFAULT,
            running_max: None,
            force_replace: None,
            replay_of: None,
            submitted_by: "bench".to_owned(),
            submitted_at_ms: SystemClock.now_ms(),
        };
        let (client, spec) = (self.client()?, spec.to_message());
        client
            .operator(|mut client| {
                let request = v1::SubmitJobRequest { spec: spec.clone().into() };
                async move { client.submit_job(request).await }
            })
            .await?;
        Ok(())
    }

    /// Submits a job with this number of shards without a segment, and one with a segment, because an input must not
    /// be empty.
    pub(super) async fn submit_empty(&self, job: &JobId, shards: u64) -> Result<()> {
        let folder = self.folder.path().join("in/shard=org-mod-00");
        std::fs::create_dir_all(&folder)?;
        std::fs::File::create(folder.join("0000.seg"))?;
        let shards = (0..shards).map(|org| ShardId::Dedicated(model::OrgId(1000 + org))).collect();
        self.send(job, shards, JobSettings::default()).await
    }

    /// Kills the leader, and starts the next at once.
    pub(super) fn kill_leader(&mut self) -> Result<()> {
        let standby = self.second()?;
        self.leader.kill()?;
        self.leader = standby;
        self.endpoints.swap(0, 1);
        self.pages.swap(0, 1);
        Ok(())
    }

    /// Kills the leader with a standby running; returns the time until another grants work.
    pub(super) async fn replace_leader(&mut self, workers: &Workers) -> Result<Duration> {
        self.standby = Some(self.second()?);
        tokio::time::sleep(Duration::from_secs(2)).await;
        self.leader.kill()?;
        let killed = Instant::now();
        workers.claim_one().await?;
        let took = killed.elapsed();
        self.leader = self.standby.take().context("it was started above")?;
        Ok(took)
    }

    /// Starts the coordinator that does not lead.
    fn second(&self) -> Result<Server> {
        coordinator(&self.tailor, self.folder.path(), &self.etcd_url, (&self.endpoints[1], self.pages[1]))
    }

    /// Returns the coordinator that leads.
    pub(super) fn leader(&self) -> &Server {
        &self.leader
    }

    /// Returns the port at which the first leader serves pages.
    pub(super) fn pages(&self) -> u16 {
        self.pages[0]
    }

    /// Counts the bytes of every key and value in etcd, without the history that compaction would free.
    pub(super) async fn etcd_bytes(&self) -> Result<u64> {
        let listing = self.store("/bench/").await?.list("").await?;
        Ok(listing.entries.iter().map(|entry| (entry.key.len() + entry.value.len()) as u64).sum())
    }
}

pub(super) fn job() -> JobId {
    "scale".parse().expect("a job's name")
}

/// Starts a coordinator that workers reach at `address`, and browsers at the port `pages`.
fn coordinator(tailor: &Path, folder: &Path, etcd: &str, (address, pages): (&str, u16)) -> Result<Server> {
    let listen = address.trim_start_matches("http://");
    if !tailor.exists() {
        bail!("{} is not there; `make build` makes it", tailor.display());
    }
    let mut command = Command::new(tailor);
    command
        .args(["coordinator", "--name", listen, "--grpc-listen", listen, "--grpc-advertise", address])
        .args(["--etcd-endpoints", etcd, "--etcd-namespace", "/bench/", "--gc-interval", "0s"])
        .args(["--http-listen", &format!("127.0.0.1:{pages}"), "--lease-ttl", "5s"]);
    Server::start(&mut command, &folder.join(format!("{}.log", listen.replace(':', "-"))))
}
