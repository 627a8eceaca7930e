//! What a cluster consists of.

/// What a cluster consists of.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// Coordinators.
    pub coordinators: usize,
    /// Workers of one slot each.
    pub workers: usize,
    /// Where servers find etcd; without one, the shared etcd.
    pub etcd: Option<String>,
    /// Where coordinators find S3; without one, the shared server.
    pub coordinator_s3: Option<String>,
    /// Where workers find S3; without one, the shared server.
    pub worker_s3: Option<String>,
    /// Further flags of coordinators.
    pub coordinator_flags: String,
    /// Whether workers and operators reach coordinators through proxies.
    pub is_proxied: bool,
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
            is_proxied: false,
        }
    }
}

/// A worker that is not as the others.
#[derive(Debug, Clone, Default)]
pub struct Special<'a> {
    /// Where it finds S3.
    pub s3: Option<&'a str>,
    /// Further flags.
    pub flags: &'a str,
    /// Variables of its environment.
    pub environment: Vec<(String, String)>,
    /// The size of a disk of its own for scratch.
    pub disk: Option<&'a str>,
}
