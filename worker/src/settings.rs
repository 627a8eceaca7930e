//! Settings of `tailor worker`, resolved from the layers and checked once.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use daemon::client::ClientFiles;
use daemon::reread::NamedFile;
use daemon::tls::{Exposure, exposure};
use daemon::trace::TraceSettings;
use daemon::{Key, Layers, LogFormat, SettingsError, Tables};
use model::ByteSize;
use model::admission::check_name;
use model::limits::MEMORY_BYTES_MIN;
use storage::AllowedRoots;
use storage::meta::{EtcdSettings, LeaseSettings};
use storage::segment::SegmentAccess;

use crate::agent::AgentSettings;

/// Most slots of one worker, which is also the most that a claim may ask for.
const SLOTS_MAX: usize = 256;

/// Bounds of `lease.ttl`: a shorter lease would end with every hiccup of etcd; with a longer one, the tasks of a dead
/// worker wait.
const LEASE_TTL: std::ops::RangeInclusive<Duration> = Duration::from_secs(3)..=Duration::from_secs(60);

/// Longest drain: it must end before a spot machine is taken back and before a pod's grace period ends.
const DRAIN_TIMEOUT_MAX: Duration = Duration::from_secs(102);

/// Keys of the worker alone; keys shared with the coordinator are in `daemon::common`.
pub const KEYS: &[Key] = &[
    Key::new("name", None, "Name of this worker. Without it, the name of the host", "spot-5"),
    Key::new(
        "coordinators",
        Some("http://127.0.0.1:7070"),
        "URLs of the coordinators, with commas; https:// where tls.ca is set",
        "http://c0:7070,http://c1:7070",
    ),
    Key::new(
        "auth.token-file",
        None,
        "File with the bearer token to show to coordinators; read again when it changes. Without it, tls.cert says who this worker is",
        "/etc/tailor/token",
    ),
    Key::new("slots", None, "Attempts at once. Without it, one for each core that there is memory for", "8"),
    Key::new("memory", Some("512MiB"), "Memory of all slots together; the rest is spilled", "8GiB"),
    Key::new(
        "scratch.dir",
        None,
        "Folder for spilled data. Without it, $TMPDIR/tailor or /var/tmp/tailor",
        "/mnt/nvme/tailor",
    ),
    Key::new("scratch.free-min", Some("256MiB"), "Free space that this folder needs before work is claimed", "10GiB"),
    Key::new("lease.ttl", Some("12s"), "Time after which the cluster gives a silent worker up, 3s to 60s", "20s"),
    Key::new(
        "drain.timeout",
        Some("100s"),
        "Time that nearly finished attempts get when the worker leaves, at most 102s",
        "30s",
    ),
    Key::new(
        "spot.endpoint",
        None,
        "host:port of EC2 metadata, which announces the end of a spot machine. Without it, nothing is asked",
        "169.254.169.254:80",
    ),
    Key::new("http.listen", Some("127.0.0.1:7081"), "Address of probes and metrics, host:port", "0.0.0.0:7081"),
];

/// Tables of settings of `tailor worker`.
#[derive(Debug, Clone, Copy)]
pub struct WorkerTables;

impl Tables for WorkerTables {
    const TABLES: &'static [&'static [Key]] = &[daemon::common::KEYS, daemon::trace::KEYS, KEYS];
}

/// Resolved settings of a worker.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Format of log lines.
    pub log_format: LogFormat,
    /// Filter for log lines, such as `info`.
    pub log_level: String,
    /// Collector of traces; none traces nothing.
    pub trace: Option<TraceSettings>,
    /// Address of probes and metrics.
    pub http_listen: SocketAddr,
    /// Certificate, key, authority and token.
    pub files: ClientFiles,
    /// Protection of the port for probes.
    pub http_exposure: Exposure,
    /// Places that jobs may touch.
    pub allowed: AllowedRoots,
    /// Connection to the cluster's state.
    pub etcd: EtcdSettings,
    /// Addresses of the coordinators.
    pub coordinators: Vec<String>,
    /// Address of the metadata service with spot notices; none disables the check.
    pub spot_endpoint: Option<String>,
    /// Settings of the agent.
    pub agent: AgentSettings,
}

/// Defaults that come from the machine.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Name of the host.
    pub host: String,
    /// Number of processor cores.
    pub cores: usize,
    /// Folder for temporary files, if the system names one.
    pub temporary: Option<PathBuf>,
    /// 64 random bits, drawn for each process: the seed of every jitter, and of a leader's terms.
    pub seed: u64,
}

impl Settings {
    /// Resolves `layers` on this machine.
    ///
    /// # Errors
    /// The error names the key, its value, its origin and the values that are allowed.
    pub fn resolve(layers: &Layers, machine: &Machine) -> Result<Self, SettingsError> {
        let agent = agent(layers, machine)?;
        let coordinators = layers.list("coordinators");
        if coordinators.is_empty() {
            return Err(layers.refuse("coordinators", "at least one, such as http://127.0.0.1:7070"));
        }
        let http_listen = layers.parse("http.listen", "an address with a port, such as 127.0.0.1:7081")?;
        let tls = daemon::tls::files(layers)?;
        let token = layers.optional("auth.token-file");
        let token = token.map(|path| NamedFile { setting: "auth.token-file", path: path.into() });
        let is_protected = tls.authority.is_some() || token.is_some();
        Ok(Self {
            log_format: layers.parse("log.format", "text or json")?,
            log_level: layers.string("log.level")?,
            trace: TraceSettings::resolve(layers)?,
            http_listen,
            http_exposure: exposure(layers, "http.listen", http_listen, tls.own.is_some(), "tls.cert and tls.key")?,
            allowed: daemon::common::allowed(layers, is_protected)?,
            files: ClientFiles { tls, token },
            etcd: daemon::etcd::settings(layers, machine.seed)?,
            coordinators,
            spot_endpoint: layers.optional("spot.endpoint"),
            agent,
        })
    }
}

fn agent(layers: &Layers, machine: &Machine) -> Result<AgentSettings, SettingsError> {
    let memory = layers.size("memory")?;
    let fitting = usize::try_from(memory.0 / MEMORY_BYTES_MIN).unwrap_or(usize::MAX);
    let slots = layers.parse_optional("slots", "a number from 1 to 256")?;
    let slots = slots.unwrap_or(machine.cores.min(fitting).clamp(1, SLOTS_MAX));
    if !(1..=SLOTS_MAX).contains(&slots) {
        return Err(layers.refuse("slots", "a number from 1 to 256"));
    }
    if slots > fitting {
        let least = ByteSize(MEMORY_BYTES_MIN * slots as u64);
        return Err(layers.refuse("memory", &format!("at least {least} for {slots} slots; give more, or fewer slots")));
    }
    let ttl = layers.duration("lease.ttl")?;
    if !LEASE_TTL.contains(&ttl) {
        return Err(layers.refuse("lease.ttl", "from 3s to 60s"));
    }
    let drain_timeout = layers.duration("drain.timeout")?;
    if drain_timeout > DRAIN_TIMEOUT_MAX {
        return Err(layers.refuse("drain.timeout", "at most 102s: a spot machine is gone after 120s"));
    }
    let name = layers.optional("name").unwrap_or_else(|| machine.host.clone());
    check_name("name", &name).map_err(|error| layers.refuse("name", &error.reason))?;
    let temporary = machine.temporary.clone().unwrap_or_else(|| PathBuf::from("/var/tmp"));
    Ok(AgentSettings {
        limits: None,
        name,
        slots,
        memory,
        scratch: layers.optional("scratch.dir").map_or_else(|| temporary.join("tailor"), PathBuf::from),
        scratch_free_min: layers.size("scratch.free-min")?,
        unfit_pause: AgentSettings::UNFIT_PAUSE,
        lease: LeaseSettings { ttl, seed: machine.seed },
        drain_timeout,
        access: SegmentAccess::Auto,
        protocol: proto::dispatch::PROTOCOL,
        secret: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(given: &[(&str, &str)]) -> Result<Settings, String> {
        let flags = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let layers = Layers::load(WorkerTables::TABLES, None, [], flags).expect("known names");
        let machine = Machine { host: "node-1".to_owned(), cores: 4, temporary: None, seed: 1 };
        Settings::resolve(&layers, &machine).map_err(|error| error.to_string())
    }

    #[test]
    fn a_worker_needs_no_settings_at_all() {
        let settings = resolve(&[]).expect("defaults");
        let agent = &settings.agent;
        assert_eq!((agent.name.as_str(), agent.slots, agent.scratch.to_str()), ("node-1", 4, Some("/var/tmp/tailor")));
        assert_eq!((settings.http_listen.port(), settings.spot_endpoint), (7081, None));
        assert_eq!(resolve(&[("memory", "64MiB")]).expect("less memory").agent.slots, 2);
    }

    #[test]
    fn a_certificate_without_the_authority_that_it_is_for_is_refused_with_both_names() {
        let given = [("etcd.cert-file", "/c"), ("etcd.key-file", "/k")];
        let error = resolve(&given).expect_err("it would be passed over");
        assert!(error.contains("etcd.cert-file") && error.contains("etcd.ca-file"), "{error}");
    }

    #[test]
    fn a_worker_that_others_reach_has_tls_or_says_that_it_is_insecure() {
        let open = ("http.listen", "0.0.0.0:7081");
        assert_eq!(resolve(&[open, ("insecure", "true")]).expect("it was said").http_exposure, Exposure::Insecure);
        let secure = resolve(&[open, ("tls.cert", "/c"), ("tls.key", "/k"), ("tls.ca", "/ca")]).expect("TLS");
        assert_eq!((secure.http_exposure, secure.allowed), (Exposure::Protected, AllowedRoots::Buckets));
        let own = resolve(&[]).expect("defaults");
        assert_eq!((own.http_exposure, own.allowed), (Exposure::Loopback, AllowedRoots::Any));
    }

    #[test]
    fn what_does_not_fit_together_is_refused_by_name() {
        let refused = [
            (("slots", "17"), "memory"),
            (("slots", "0"), "slots"),
            (("lease.ttl", "2s"), "lease.ttl"),
            (("drain.timeout", "110s"), "drain.timeout"),
            (("coordinators", ""), "coordinators"),
            (("etcd.user", "tailor"), "etcd.password-file"),
            (("etcd.password-file", "/p"), "etcd.user"),
            (("etcd.cert-file", "/c"), "etcd.key-file"),
            (("etcd.key-file", "/k"), "etcd.cert-file"),
            (("etcd.ca-file", "/ca"), "etcd.endpoints"),
            (("name", "\u{1b}[31m"), "name"),
            (("name", "../w0"), "name"),
            (("tls.cert", "/c"), "tls.key"),
            (("tls.key", "/k"), "tls.cert"),
            (("http.listen", "0.0.0.0:7081"), "insecure"),
            (("roots.allowed", "s3://a/../b"), "roots.allowed"),
            (("roots.allowed", "relative"), "roots.allowed"),
        ];
        for (given, named) in refused {
            let error = resolve(&[given]).expect_err("it does not fit");
            assert!(error.contains(named), "{given:?}: {error}");
        }
    }
}
