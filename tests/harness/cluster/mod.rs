//! Cluster of real processes for one test: coordinators, workers, the operator's command line.
//!
//! Each cluster has its own namespace in etcd, its own folder, its own prefix in the bucket, and unique ports. When
//! it is dropped, all processes are killed; if the test fails, the logs are kept, and their folder is printed.

pub mod server; //       process of a server
pub mod operator; //     operator of the cluster
pub mod job; //          job, as an operator sees it
pub mod options; //      options of a cluster
pub mod etcd; //         etcd of a single test
pub mod shared; //       servers that all tests share
pub mod certificates; // certificates of a cluster with TLS and roles
pub(crate) mod ports; // unique ports
mod scrape; //           metrics of a server, as a scraper gets them

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

pub use certificates::Certificates;
pub use etcd::OwnEtcd;
pub use job::ClusterJob;
pub use operator::{Operator, until};
pub use options::{ClusterOptions, Special};
pub use server::{CommandLine, Server};

use crate::tailor::binary;
use ports::free_port;

/// TTL of a coordinator's lease, for which a takeover waits.
const LEADER_TTL: Duration = Duration::from_secs(5);

/// TTL of a worker's lease, shorter than by default because tests wait for its end.
const WORKER_TTL: Duration = Duration::from_secs(5);

/// Running cluster of one test.
#[derive(Debug)]
pub struct Cluster {
    /// Coordinators in the order of their names: `c0`, `c1`, ...
    pub coordinators: Vec<Server>,
    /// Workers in the order of their names: `w0`, `w1`, ...
    pub workers: Vec<Server>,
    /// Operator with the addresses of the coordinators; `alice` if the cluster has TLS and roles.
    pub operator: Operator,
    /// Ports of the coordinators' probes, in the order of their names.
    pub probes: Vec<u16>,
    /// Ports of the workers' probes, in the order of their names.
    worker_probes: Vec<u16>,
    options: ClusterOptions,
    folder: Option<TempDir>,
    namespace: String,
}

impl Cluster {
    /// Starts a cluster, and waits until it has a leader and all its workers.
    ///
    /// # Panics
    /// The cluster does not come up.
    pub fn start(options: ClusterOptions) -> Self {
        let folder = tempfile::Builder::new().prefix("tailor-cluster-").tempdir().expect("a temporary folder");
        let name = folder.path().file_name().expect("it has a name").to_string_lossy().into_owned();
        let mut cluster = Self {
            coordinators: Vec::new(),
            workers: Vec::new(),
            folder: Some(folder),
            namespace: name,
            operator: Operator::default(),
            probes: Vec::new(),
            worker_probes: Vec::new(),
            options,
        };
        if let Some(certificates) = &cluster.options.certificates {
            cluster.operator = Operator::with(certificates.client("alice"));
        }
        (0..cluster.options.coordinators).for_each(|_| cluster.add_coordinator());
        (0..cluster.options.workers).for_each(|_| cluster.add_worker());
        cluster.operator.wait_workers(cluster.options.workers);
        cluster
    }

    /// Returns the folder of its logs and scratch.
    ///
    /// # Panics
    /// Never, because only the drop takes the folder.
    pub fn path(&self) -> &Path {
        self.folder.as_ref().expect("it lasts as long as the cluster").path()
    }

    /// Returns its namespace in etcd.
    pub fn namespace(&self) -> String {
        format!("/{}/", self.namespace)
    }

    /// Returns the address of its etcd.
    pub fn etcd(&self) -> &str {
        self.options.etcd.as_deref().unwrap_or_else(|| shared::etcd())
    }

    fn add_coordinator(&mut self) {
        let (grpc, http) = (free_port(), free_port());
        let listen = format!("127.0.0.1:{grpc}");
        let scheme = if self.options.certificates.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{listen}");
        self.probes.push(http);
        let name = format!("c{}", self.coordinators.len());
        let flags = format!(
            "coordinator --name {name} --grpc-listen {listen} --grpc-advertise {url} --lease-ttl {}s --http-listen \
             127.0.0.1:{http} {} {}",
            LEADER_TTL.as_secs(),
            self.flags_of("coordinator"),
            self.options.coordinator_flags
        );
        let s3 = self.options.coordinator_s3.clone();
        let line = self.line(&flags, s3.as_deref());
        self.coordinators.push(Server::start(&name, line, self.path()));
        self.operator.add(url);
    }

    /// Starts one more worker, which is the last in the list.
    pub fn add_worker(&mut self) {
        self.add_special(&Special::default());
    }

    /// Starts one more worker with special options.
    ///
    /// # Panics
    /// The folder for its scratch cannot be made.
    pub fn add_special(&mut self, special: &Special<'_>) {
        let name = format!("w{}", self.workers.len());
        let scratch = self.path().join(format!("{name}-scratch"));
        std::fs::create_dir(&scratch).expect("make its scratch folder");
        let http = free_port();
        self.worker_probes.push(http);
        let flags = format!(
            "worker --name {name} --coordinators {} --slots 1 --memory 64MiB --scratch-dir {} --lease-ttl {}s \
             --http-listen 127.0.0.1:{http} {} {}",
            self.operator.urls(),
            scratch.display(),
            WORKER_TTL.as_secs(),
            self.flags_of("worker"),
            special.flags
        );
        let mut line = self.line(&flags, self.options.worker_s3.as_deref());
        line.environment.extend(special.environment.iter().cloned());
        self.workers.push(Server::start(&name, line, self.path()));
    }

    /// Returns the flags by which a server is `owner`, and may touch the places of this test alone.
    fn flags_of(&self, owner: &str) -> String {
        let Some(certificates) = &self.options.certificates else { return String::new() };
        let places = format!("{},s3://{}/{}", self.path().display(), shared::bucket(), self.namespace);
        format!("{} --roots-allowed {places}", certificates.flags(owner))
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

    /// Returns the metrics of a coordinator of a cluster without TLS.
    pub fn scrape_coordinator(&self, number: usize) -> String {
        scrape::metrics(self.probes[number])
    }

    /// Returns the metrics of a worker of a cluster without TLS.
    pub fn scrape_worker(&self, number: usize) -> String {
        scrape::metrics(self.worker_probes[number])
    }

    /// Creates a job over new segments, generated with `options`, in a folder.
    pub fn job_in_folder(&self, options: &str) -> ClusterJob {
        ClusterJob::generate(
            self.operator.clone(),
            self.path(),
            self.path().join("data").display().to_string(),
            options,
        )
    }

    /// Creates a job over new segments, generated with `options`, in the bucket.
    pub fn job_in_bucket(&self, options: &str) -> ClusterJob {
        let uri = format!("s3://{}/{}", shared::bucket(), self.namespace);
        ClusterJob::generate(self.operator.clone(), self.path(), uri, options)
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
