//! A cluster of real processes, for one test: coordinators, workers, the operator's command line.
//!
//! Each has its own namespace in etcd, its own folder, its own prefix in the bucket, and ports that nobody else has. All
//! processes are killed when it is dropped; logs are kept if the test fails, and where they lie is told.

// A process.
pub mod server;
// Who asks the cluster.
pub mod operator;
// What an operator sees of a job.
pub mod job;
// What a cluster consists of.
pub mod options;
// An etcd of the test's own.
pub mod etcd;
// The servers that all tests share.
pub mod shared;
// Ports that nobody else has.
mod ports;

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

pub use etcd::OwnEtcd;
pub use job::Job;
pub use operator::{Operator, until};
pub use options::{ClusterOptions, Special};
pub use server::{CommandLine, Server};

use crate::proxy::TcpProxy;
use crate::tailor::binary;
use ports::free_port;

/// The lease of a coordinator: what a takeover waits for.
pub const LEADER_TTL: Duration = Duration::from_secs(5);

/// The lease of a worker, shorter than usual: tests wait for its end.
pub const WORKER_TTL: Duration = Duration::from_secs(5);

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    /// In the order of their names: `c0`, `c1`, ...
    pub coordinators: Vec<Server>,
    /// In the order of their names: `w0`, `w1`, ...
    pub workers: Vec<Server>,
    /// Before each coordinator, if asked for.
    pub proxies: Vec<TcpProxy>,
    /// Who asks it.
    pub operator: Operator,
    options: ClusterOptions,
    folder: Option<TempDir>,
    namespace: String,
}

impl Cluster {
    /// Starts one and waits until it has a leader and all its workers.
    ///
    /// # Panics
    /// If it does not come up.
    pub fn start(options: ClusterOptions) -> Self {
        let folder = tempfile::Builder::new().prefix("tailor-cluster-").tempdir().expect("a temporary folder");
        let name = folder.path().file_name().expect("it has a name").to_string_lossy().into_owned();
        let mut cluster = Self {
            coordinators: Vec::new(),
            workers: Vec::new(),
            proxies: Vec::new(),
            folder: Some(folder),
            namespace: name,
            operator: Operator::default(),
            options,
        };
        (0..cluster.options.coordinators).for_each(|_| cluster.add_coordinator());
        (0..cluster.options.workers).for_each(|_| cluster.add_worker());
        cluster.operator.wait_workers(cluster.options.workers);
        cluster
    }

    /// The folder of its logs and scratch.
    ///
    /// # Panics
    /// Never: only the end takes it.
    pub fn path(&self) -> &Path {
        self.folder.as_ref().expect("it lasts as long as the cluster").path()
    }

    /// Its namespace in etcd.
    pub fn namespace(&self) -> String {
        format!("/{}/", self.namespace)
    }

    /// Where it finds etcd.
    pub fn etcd(&self) -> &str {
        self.options.etcd.as_deref().unwrap_or_else(|| shared::etcd())
    }

    fn add_coordinator(&mut self) {
        let (grpc, http) = (free_port(), free_port());
        let listen = format!("127.0.0.1:{grpc}");
        let mut url = format!("http://{listen}");
        if self.options.is_proxied {
            let proxy = TcpProxy::before(&url);
            url = proxy.endpoint();
            self.proxies.push(proxy);
        }
        let name = format!("c{}", self.coordinators.len());
        let flags = format!(
            "coordinator --name {name} --grpc-listen {listen} --grpc-advertise {url} --lease-ttl {}s --http-listen \
             127.0.0.1:{http} {}",
            LEADER_TTL.as_secs(),
            self.options.coordinator_flags
        );
        let s3 = self.options.coordinator_s3.clone();
        let line = self.line(&flags, s3.as_deref());
        self.coordinators.push(Server::start(&name, line, self.path()));
        self.operator.add(url);
    }

    /// Starts one more worker; it is the last of them.
    pub fn add_worker(&mut self) {
        self.add_special(&Special::default());
    }

    /// Starts one more worker that is not as the others.
    ///
    /// # Panics
    /// If there is no room for its scratch.
    pub fn add_special(&mut self, special: &Special<'_>) {
        let name = format!("w{}", self.workers.len());
        let scratch = self.path().join(format!("{name}-scratch"));
        std::fs::create_dir(&scratch).expect("make its scratch folder");
        let flags = format!(
            "worker --name {name} --coordinators {} --slots 1 --memory 64MiB --scratch-dir {} --lease-ttl {}s \
             --http-listen 127.0.0.1:{} {}",
            self.operator.urls(),
            scratch.display(),
            WORKER_TTL.as_secs(),
            free_port(),
            special.flags
        );
        let mut line = self.line(&flags, special.s3.or(self.options.worker_s3.as_deref()));
        line.environment.extend(special.environment.iter().cloned());
        if let Some(size) = special.disk {
            line = line.on_small_disk(&scratch, size);
        }
        self.workers.push(Server::start(&name, line, self.path()));
    }

    fn line(&self, flags: &str, s3: Option<&str>) -> CommandLine {
        let etcd = self.options.etcd.as_deref().unwrap_or_else(|| shared::etcd());
        let namespace = &self.namespace;
        let all =
            format!("{flags} --etcd-endpoints {etcd} --etcd-namespace /{namespace}/ --log-level info,storage=debug");
        CommandLine {
            program: binary().to_owned(),
            args: all.split_whitespace().map(str::to_owned).collect(),
            environment: shared::s3_environment(s3.unwrap_or_else(|| shared::s3())),
        }
    }

    /// A job over segments of this cluster's own, generated with `options`: in a folder.
    pub fn job_in_folder(&self, options: &str) -> Job {
        Job::generate(self.operator.clone(), self.path(), self.path().join("data").display().to_string(), options)
    }

    /// The same, in the bucket.
    pub fn job_in_bucket(&self, options: &str) -> Job {
        let uri = format!("s3://{}/{}", shared::bucket(), self.namespace);
        Job::generate(self.operator.clone(), self.path(), uri, options)
    }
}

impl Drop for Cluster {
    #[allow(clippy::print_stderr, reason = "whoever reads that a test failed wants to know where the logs are")]
    fn drop(&mut self) {
        self.workers.clear();
        self.coordinators.clear();
        let folder = self.folder.take().filter(|_| std::thread::panicking());
        if let Some(folder) = folder {
            eprintln!("the cluster's logs are kept in {}", folder.keep().display());
        }
    }
}
