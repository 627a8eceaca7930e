//! The settings of `tailor coordinator`: what the layers say, checked once.

use std::net::SocketAddr;
use std::time::Duration;

use daemon::{Key, Layers, LogFormat, SettingsError, Tables};
use model::admission::check_name;
use storage::meta::{EtcdSettings, LeaseSettings};

use crate::leader::LeaderSettings;

/// How soon a leader that dies is replaced: an operator waits for it. Shorter, and a slow disk of etcd deposes a healthy one.
const LEASE_TTL: std::ops::RangeInclusive<Duration> = Duration::from_secs(2)..=Duration::from_secs(30);
/// A collector that looks at younger objects than this could meet those of a commit under way.
const GC_AGE_MIN: Duration = Duration::from_secs(10 * 60);

/// The coordinator's own settings; those it shares with the worker are in `daemon::common`.
pub const KEYS: &[Key] = &[
    Key::new("name", None, "What this coordinator is called; without it, the host's name"),
    Key::new(
        "grpc.listen",
        Some("127.0.0.1:7070"),
        "Where workers and operators are served: host:port; who reaches it may do anything, so this machine alone unless told otherwise",
    ),
    Key::new(
        "grpc.advertise",
        None,
        "The URL under which others reach it; without it, http:// the name and the port, or the address where that is this machine's alone",
    ),
    Key::new("http.listen", Some("127.0.0.1:7080"), "Where probes and metrics are served: host:port"),
    Key::new("lease.ttl", Some("5s"), "How long a leader that says nothing keeps its office; 2s to 30s"),
    Key::new("attempt.progress-max", Some("10m"), "An attempt that reads and writes nothing for so long is given up"),
    Key::new("speculation.enabled", Some("true"), "Whether a slow attempt gets a second one beside it"),
    Key::new("speculation.elapsed-min", Some("30s"), "An attempt younger than this is not slow"),
    Key::new("gc.interval", Some("1h"), "How often datasets are looked through for garbage; 0s for never"),
    Key::new("gc.min-age", Some("6h"), "Garbage younger than this stays; at least 10m"),
    Key::new("gc.keep-versions", None, "Manifest versions to keep of each window and shard; without it, all"),
    Key::new("gc.uploads-min-age", Some("24h"), "Uploads that nobody finished for so long are aborted"),
];

/// The tables of `tailor coordinator`.
#[derive(Debug, Clone, Copy)]
pub struct CoordinatorTables;

impl Tables for CoordinatorTables {
    const TABLES: &'static [&'static [Key]] = &[daemon::common::KEYS, KEYS];
}

/// The settings, resolved.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How logs are written.
    pub log_format: LogFormat,
    /// What is logged.
    pub log_level: String,
    /// Where workers and operators are served.
    pub grpc_listen: SocketAddr,
    /// Where probes and metrics are served.
    pub http_listen: SocketAddr,
    /// The cluster's state.
    pub etcd: EtcdSettings,
    /// Its lease.
    pub lease: LeaseSettings,
    /// How it leads.
    pub leader: LeaderSettings,
    /// What it cleans.
    pub collector: CollectorSettings,
}

/// What is cleaned, and when.
#[derive(Debug, Clone, Copy)]
pub struct CollectorSettings {
    /// How often; never, if it is zero.
    pub interval: Duration,
    /// Younger garbage stays.
    pub min_age: Duration,
    /// Versions to keep; all, if none.
    pub keep_versions: Option<usize>,
    /// Younger uploads stay.
    pub uploads_min_age: Duration,
}

impl Settings {
    /// What `layers` say, on the machine called `host`; `seed` is 64 random bits, other ones for each process.
    ///
    /// # Errors
    /// Names the key, its value, where it comes from and what it should be.
    pub fn resolve(layers: &Layers, host: &str, seed: u64) -> Result<Self, SettingsError> {
        let grpc_listen: SocketAddr = layers.parse("grpc.listen", "an address with a port, such as 127.0.0.1:7070")?;
        let name = layers.optional("name").unwrap_or_else(|| host.to_owned());
        check_name("name", &name).map_err(|error| layers.refuse("name", &error.reason))?;
        // Nobody reaches an address of this machine alone under the machine's name.
        let own = || match grpc_listen.ip().is_loopback() {
            true => format!("http://{grpc_listen}"),
            false => format!("http://{name}:{}", grpc_listen.port()),
        };
        let address = layers.optional("grpc.advertise").unwrap_or_else(own);
        let ttl = layers.duration("lease.ttl")?;
        if !LEASE_TTL.contains(&ttl) {
            return Err(layers.refuse("lease.ttl", "from 2s to 30s"));
        }
        let mut leader = LeaderSettings {
            progress_max: layers.duration("attempt.progress-max")?,
            replica: name,
            address,
            ..LeaderSettings::default()
        };
        let elapsed_min = layers.duration("speculation.elapsed-min")?;
        leader.policy.speculation = match layers.bool("speculation.enabled")? {
            true => leader.policy.speculation.map(|policy| scheduler::Speculation { elapsed_min, ..policy }),
            false => None,
        };
        Ok(Self {
            log_format: layers.parse("log.format", "text or json")?,
            log_level: layers.string("log.level")?,
            grpc_listen,
            http_listen: layers.parse("http.listen", "an address with a port, such as 127.0.0.1:7080")?,
            etcd: worker::settings::etcd(layers, seed)?,
            lease: LeaseSettings { ttl, seed },
            leader,
            collector: collector(layers)?,
        })
    }
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

    fn resolve(given: &[(&str, &str)]) -> Settings {
        let flags = given.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let layers = Layers::load(CoordinatorTables::TABLES, None, [], flags).expect("known names");
        Settings::resolve(&layers, "node-1", 1).expect("they fit together")
    }

    #[test]
    fn a_coordinator_listens_to_its_own_machine_alone_unless_it_is_told_otherwise() {
        let settings = resolve(&[]);
        assert!(settings.grpc_listen.ip().is_loopback() && settings.http_listen.ip().is_loopback());
        assert_eq!(settings.leader.address, "http://127.0.0.1:7070", "a follower names what can be reached");
        let open = resolve(&[("grpc.listen", "0.0.0.0:7171")]);
        assert_eq!(open.leader.address, "http://node-1:7171");
    }
}
