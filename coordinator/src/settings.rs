//! Settings of `tailor coordinator`, resolved from the layers and checked once.

use std::net::SocketAddr;
use std::time::Duration;

use daemon::reread::NamedFile;
use daemon::tls::{Exposure, TlsFiles, exposure};
use daemon::trace::TraceSettings;
use daemon::{Key, Layers, LogFormat, SettingsError, Tables};
use dashboard::{PagePrices, TraceUrl};
use model::admission::check_name;
use model::identity::is_plain;
use storage::AllowedRoots;
use storage::meta::{EtcdSettings, LeaseSettings};

use crate::leader::{LeaderSettings, PoolsError};
use crate::pages::DashboardSettings;

/// Bounds of `lease.ttl`: it decides how soon a dead leader is replaced, and an operator waits for that. With a
/// shorter lease, a slow disk of etcd would depose a healthy leader.
const LEASE_TTL: std::ops::RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_secs(30);
/// Least age of garbage: a collector that took younger objects could meet those of a commit in progress.
const GC_AGE_MIN: Duration = Duration::from_secs(10 * 60);

/// Keys of the coordinator alone; keys shared with the worker are in `daemon::common`.
pub const KEYS: &[Key] = &[
    Key::new("name", None, "Name of this coordinator. Without it, the name of the host", "coordinator-0"),
    Key::new(
        "grpc.listen",
        Some("127.0.0.1:7070"),
        "Address for workers and operators, host:port. Other addresses than those of this machine need TLS and roles, or insecure",
        "0.0.0.0:7070",
    ),
    Key::new(
        "grpc.advertise",
        None,
        "URL under which others reach this coordinator. Without it, http:// or https://, the name and the port; on a loopback address, that address",
        "http://coordinator-0.tailor:7070",
    ),
    Key::new("http.listen", Some("127.0.0.1:7080"), "Address of probes, metrics and pages, host:port", "0.0.0.0:7080"),
    Key::new(
        "dashboard.enabled",
        Some("true"),
        "Serve pages for people at /ui/ of http.listen, to whom the port for operators serves the same: true or false",
        "false",
    ),
    Key::new(
        "dashboard.actions",
        Some("false"),
        "Let pages cancel, retry, replay and drain, for those whose role allows it: true or false",
        "true",
    ),
    Key::new(
        "dashboard.hosts",
        None,
        "Names with a dot by which browsers reach the pages, with commas. Without it, addresses and plain names alone",
        "tailor.example.com",
    ),
    Key::new(
        "dashboard.trace-url",
        None,
        "Link from an attempt to its trace: an http:// or https:// URL with {trace_id} behind its host. Without it, ids alone",
        "https://traces.example.com/trace/{trace_id}",
    ),
    Key::new("prices.slot", Some("0.015"), "Price of a slot for an hour, by which pages tell a cost", "0.04"),
    Key::new("prices.put", Some("0.005"), "Price of a thousand PUT, POST, COPY and LIST requests", "0.0055"),
    Key::new("prices.get", Some("0.0004"), "Price of a thousand GET and HEAD requests", "0.00044"),
    Key::new("prices.storage", Some("0.023"), "Price of a gigabyte that is stored for a month", "0.0125"),
    Key::new(
        "auth.tokens",
        None,
        "File with the hashes of bearer tokens, their roles and names (`tailor token new`); read again when it changes. Without it, no tokens",
        "/etc/tailor/tokens",
    ),
    Key::new(
        "auth.cluster",
        None,
        "Cluster that the certificates of clients must name. Without it, any cluster of the authority",
        "production",
    ),
    Key::new("lease.ttl", Some("5s"), "Time after which a silent leader loses its office, 2s to 30s", "8s"),
    Key::new(
        "attempt.progress-max",
        Some("10m"),
        "Time after which an attempt that reads and writes nothing is given up",
        "20m",
    ),
    Key::new(
        "autoscaling.target",
        Some("30m"),
        "Time in which work is to be done after it came: `tailor_workers_wanted` is the number of workers for that",
        "15m",
    ),
    Key::new(
        "autoscaling.pools",
        Some("default=2"),
        "Pools of workers that are scaled: name and slots of a worker, and the share of the work if there are several",
        "spot=4:80%, on-demand=2:20%",
    ),
    Key::new("speculation.enabled", Some("true"), "Start a second attempt beside a slow one: true or false", "false"),
    Key::new("speculation.elapsed-min", Some("30s"), "Age below which an attempt is not slow", "2m"),
    Key::new("gc.interval", Some("1h"), "Time between two searches for garbage; 0s switches them off", "15m"),
    Key::new("gc.min-age", Some("6h"), "Least age of garbage that is removed, at least 10m", "24h"),
    Key::new(
        "gc.keep-versions",
        None,
        "Number of manifest versions to keep of each window and shard. Without it, all",
        "3",
    ),
    Key::new("gc.uploads-min-age", Some("24h"), "Age at which unfinished uploads are aborted", "48h"),
];

/// Tables of settings of `tailor coordinator`.
#[derive(Debug, Clone, Copy)]
pub struct CoordinatorTables;

impl Tables for CoordinatorTables {
    const TABLES: &'static [&'static [Key]] = &[daemon::common::KEYS, daemon::trace::KEYS, KEYS];
}

/// Resolved settings of a coordinator.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Format of log lines.
    pub log_format: LogFormat,
    /// Filter for log lines, such as `info`.
    pub log_level: String,
    /// Collector of traces; none traces nothing.
    pub trace: Option<TraceSettings>,
    /// Address for workers and operators.
    pub grpc_listen: SocketAddr,
    /// Address of probes and metrics.
    pub http_listen: SocketAddr,
    /// Certificate, key and authority.
    pub tls: TlsFiles,
    /// Identities of callers.
    pub auth: AuthSettings,
    /// Protection of the port for workers and operators.
    pub grpc_exposure: Exposure,
    /// Protection of the port for probes.
    pub http_exposure: Exposure,
    /// Pages for people.
    pub dashboard: DashboardSettings,
    /// Places that jobs may touch.
    pub allowed: AllowedRoots,
    /// Connection to the cluster's state.
    pub etcd: EtcdSettings,
    /// Timing of the lease.
    pub lease: LeaseSettings,
    /// Settings of the leader.
    pub leader: LeaderSettings,
    /// Settings of the collector.
    pub collector: CollectorSettings,
}

/// Settings of identities: sources of roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthSettings {
    /// True if callers need a role.
    pub is_by_role: bool,
    /// File of tokens, if any.
    pub tokens: Option<NamedFile>,
    /// Cluster that certificates must name; none for any.
    pub cluster: Option<String>,
}

/// Settings of the collector: targets and times.
#[derive(Debug, Clone, Copy)]
pub struct CollectorSettings {
    /// Interval between runs; zero disables the collector.
    pub interval: Duration,
    /// Least age of garbage that is removed.
    pub min_age: Duration,
    /// Number of versions to keep; none keeps all.
    pub keep_versions: Option<usize>,
    /// Least age of uploads that are aborted.
    pub uploads_min_age: Duration,
}

impl Settings {
    /// Resolves `layers` on the machine called `host`; `seed` is 64 random bits, drawn for each process.
    ///
    /// # Errors
    /// The error names the key, its value, its origin and the values that are allowed.
    pub fn resolve(layers: &Layers, host: &str, seed: u64) -> Result<Self, SettingsError> {
        let grpc_listen: SocketAddr = layers.parse("grpc.listen", "an address with a port, such as 127.0.0.1:7070")?;
        let name = layers.optional("name").unwrap_or_else(|| host.to_owned());
        check_name("name", &name).map_err(|error| layers.refuse("name", &error.reason))?;
        let tls = daemon::tls::files(layers)?;
        let scheme = if tls.own.is_some() { "https" } else { "http" };
        // An address of this machine alone cannot be reached under the machine's name.
        let own = || match grpc_listen.ip().is_loopback() {
            true => format!("{scheme}://{grpc_listen}"),
            false => format!("{scheme}://{name}:{}", grpc_listen.port()),
        };
        let address = layers.optional("grpc.advertise").unwrap_or_else(own);
        let ttl = layers.duration("lease.ttl")?;
        if !LEASE_TTL.contains(&ttl) {
            return Err(layers.refuse("lease.ttl", "from 2s to 30s"));
        }
        let mut leader = LeaderSettings {
            progress_max: layers.duration("attempt.progress-max")?,
            work_target: layers.duration("autoscaling.target")?,
            pools: layers.parse("autoscaling.pools", PoolsError::FORM)?,
            replica: name,
            address,
            ..LeaderSettings::default()
        };
        let elapsed_min = layers.duration("speculation.elapsed-min")?;
        leader.policy.speculation = match layers.bool("speculation.enabled")? {
            true => leader.policy.speculation.map(|policy| scheduler::Speculation { elapsed_min, ..policy }),
            false => None,
        };
        let http_listen: SocketAddr = layers.parse("http.listen", "an address with a port, such as 127.0.0.1:7080")?;
        let auth = auth(layers, &tls)?;
        let http_exposure = exposure(layers, "http.listen", http_listen, tls.own.is_some(), "tls.cert and tls.key")?;
        // Where nobody is asked for a role, a port that others reach serves no pages unless it is said to be insecure.
        let is_open = !auth.is_by_role && http_exposure == Exposure::Protected && !http_listen.ip().is_loopback();
        let dashboard = DashboardSettings {
            is_enabled: layers.bool("dashboard.enabled")? && (!is_open || layers.bool("insecure")?),
            may_act: layers.bool("dashboard.actions")?,
            prices: prices(layers)?,
            hosts: layers.list("dashboard.hosts"),
            trace_url: layers.parse_optional("dashboard.trace-url", TraceUrl::FORM)?,
        };
        let is_protected = tls.own.is_some() && auth.is_by_role;
        let protection = "tls.cert and tls.key with tls.ca or auth.tokens";
        Ok(Self {
            log_format: layers.parse("log.format", "text or json")?,
            log_level: layers.string("log.level")?,
            trace: TraceSettings::resolve(layers)?,
            grpc_listen,
            http_listen,
            grpc_exposure: exposure(layers, "grpc.listen", grpc_listen, is_protected, protection)?,
            http_exposure,
            dashboard,
            allowed: daemon::common::allowed(layers, auth.is_by_role)?,
            auth,
            tls,
            etcd: daemon::etcd::settings(layers, seed)?,
            lease: LeaseSettings { ttl, seed },
            leader,
            collector: collector(layers)?,
        })
    }
}

fn auth(layers: &Layers, tls: &TlsFiles) -> Result<AuthSettings, SettingsError> {
    let tokens = layers.optional("auth.tokens");
    let tokens = tokens.map(|path| NamedFile { setting: "auth.tokens", path: path.into() });
    let has_certificates = tls.own.is_some() && tls.authority.is_some();
    let cluster = layers.optional("auth.cluster");
    if cluster.is_some() && !has_certificates {
        return Err(layers.refuse("auth.cluster", "the cluster of certificates; set tls.cert, tls.key and tls.ca, too"));
    }
    if cluster.as_deref().is_some_and(|cluster| !is_plain(cluster)) {
        return Err(layers.refuse("auth.cluster", "a name of letters, digits and -_.@"));
    }
    Ok(AuthSettings { is_by_role: has_certificates || tokens.is_some(), tokens, cluster })
}

fn prices(layers: &Layers) -> Result<PagePrices, SettingsError> {
    let price = |name: &str| {
        let price: f64 = layers.parse(name, "a price, such as 0.005")?;
        let is_price = price.is_finite() && price >= 0.0;
        is_price.then_some(price).ok_or_else(|| layers.refuse(name, "a price that is not negative, such as 0.005"))
    };
    Ok(PagePrices {
        slot_hour: price("prices.slot")?,
        put_thousand: price("prices.put")?,
        get_thousand: price("prices.get")?,
        stored_gb_month: price("prices.storage")?,
    })
}

fn collector(layers: &Layers) -> Result<CollectorSettings, SettingsError> {
    let min_age = layers.duration("gc.min-age")?;
    if min_age < GC_AGE_MIN {
        return Err(layers.refuse("gc.min-age", "at least 10m: what is younger may be of a commit under way"));
    }
    let keep_versions = layers.parse_optional("gc.keep-versions", "a number from 1 on")?;
    if keep_versions == Some(0) {
        return Err(layers.refuse("gc.keep-versions", "a number from 1 on: the current version is always kept"));
    }
    Ok(CollectorSettings {
        interval: layers.duration("gc.interval")?,
        min_age,
        keep_versions,
        uploads_min_age: layers.duration("gc.uploads-min-age")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn try_resolve(given: &[(&str, &str)]) -> Result<Settings, String> {
        let flags = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let layers = Layers::load(CoordinatorTables::TABLES, None, [], flags).expect("known names");
        Settings::resolve(&layers, "node-1", 1).map_err(|error| error.to_string())
    }

    fn resolve(given: &[(&str, &str)]) -> Settings {
        try_resolve(given).expect("they fit together")
    }

    #[test]
    fn an_address_that_others_reach_needs_tls_and_roles_or_insecure() {
        let open = ("grpc.listen", "0.0.0.0:7070");
        let tls = [("tls.cert", "/c"), ("tls.key", "/k")];
        let (ca, tokens) = (("tls.ca", "/ca"), ("auth.tokens", "/t"));
        for halves in [&[open][..], &[open, tls[0], tls[1]], &[open, ca], &[open, tokens]] {
            let error = try_resolve(halves).expect_err("whoever reaches it may do anything");
            assert!(error.contains("grpc.listen") && error.contains("insecure"), "{error}");
            let insecure = resolve(&[halves, &[("insecure", "true")]].concat());
            assert_eq!(insecure.grpc_exposure, Exposure::Insecure);
        }
        for whole in [[open, tls[0], tls[1], ca], [open, tls[0], tls[1], tokens]] {
            let settings = resolve(&whole);
            assert_eq!((settings.grpc_exposure, settings.auth.is_by_role), (Exposure::Protected, true));
            assert_eq!(settings.leader.address, "https://node-1:7070");
            assert_eq!(settings.allowed, AllowedRoots::Buckets, "no folder of the server unless it is listed");
        }
        assert_eq!(resolve(&[]).allowed, AllowedRoots::Any);
        let listed = resolve(&[("roots.allowed", "s3://metrics/in, /data")]).allowed;
        assert!(listed.check("/data/in").is_ok() && listed.check("/etc").is_err());
        for (name, text) in
            [("roots.allowed", "data"), ("auth.cluster", "production"), ("tls.cert", "/c"), ("insecure", "yes")]
        {
            let error = try_resolve(&[(name, text)]).expect_err("it does not fit");
            assert!(error.contains(name), "{error}");
        }
    }

    #[test]
    fn pages_are_served_to_nobody_whom_the_port_for_operators_would_refuse() {
        let (beyond, tls) = (("http.listen", "0.0.0.0:7080"), [("tls.cert", "/c"), ("tls.key", "/k")]);
        let is_served = |given: &[(&str, &str)]| resolve(given).dashboard.is_enabled;
        assert!(is_served(&[]), "this machine alone, where every program may ask");
        assert!(!is_served(&[beyond, tls[0], tls[1]]), "TLS asks nobody for a role");
        assert!(is_served(&[beyond, tls[0], tls[1], ("auth.tokens", "/t")]));
        assert!(is_served(&[beyond, ("insecure", "true")]));
        assert!(!is_served(&[("dashboard.enabled", "false")]));
        assert_eq!(resolve(&[("prices.slot", "0.04")]).dashboard.prices.slot_hour, 0.04);
        assert!(try_resolve(&[("prices.put", "-1")]).is_err_and(|error| error.contains("prices.put")));
        let hosts = resolve(&[("dashboard.hosts", "a.example.com, b.example.com")]).dashboard.hosts;
        assert_eq!(hosts, ["a.example.com", "b.example.com"]);
        let traces = "https://traces.example.com/trace/{trace_id}";
        assert_eq!(resolve(&[("dashboard.trace-url", traces)]).dashboard.trace_url, traces.parse().ok());
        for text in ["javascript:alert({trace_id})", "https://traces.example.com/"] {
            let error = try_resolve(&[("dashboard.trace-url", text)]).expect_err("no link to a trace");
            assert!(error.contains("dashboard.trace-url") && error.contains("{trace_id}"), "{error}");
        }
    }

    #[test]
    fn a_coordinator_listens_to_its_own_machine_alone_unless_it_is_told_otherwise() {
        let settings = resolve(&[]);
        assert!(settings.grpc_listen.ip().is_loopback() && settings.http_listen.ip().is_loopback());
        assert_eq!(settings.leader.address, "http://127.0.0.1:7070", "a follower names what can be reached");
        let open = resolve(&[("grpc.listen", "0.0.0.0:7171"), ("insecure", "true")]);
        assert_eq!(open.leader.address, "http://node-1:7171");
    }
}
