//! Options of a cluster.

use super::certificates::Certificates;

/// Options with which a cluster is started.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Number of coordinators to start.
    pub coordinators: usize,
    /// Number of workers, of one slot each.
    pub workers: usize,
    /// Address of etcd for servers; none for the shared etcd.
    pub etcd: Option<String>,
    /// Address of S3 for coordinators; none for the shared server.
    pub coordinator_s3: Option<String>,
    /// Address of S3 for workers; none for the shared server.
    pub worker_s3: Option<String>,
    /// Additional flags of coordinators.
    pub coordinator_flags: String,
    /// Certificates, if the cluster has TLS and roles; its owners are those of [`super::certificates::OWNERS`].
    pub certificates: Option<Certificates>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            coordinators: 1,
            workers: 2,
            etcd: None,
            coordinator_s3: None,
            worker_s3: None,
            coordinator_flags: String::new(),
            certificates: None,
        }
    }
}

/// Options of a worker that differs from the others.
#[derive(Debug, Clone, Default)]
pub struct Special<'a> {
    /// Additional flags of the worker.
    pub flags: &'a str,
    /// Additional environment variables.
    pub environment: Vec<(String, String)>,
}
