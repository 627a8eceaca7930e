//! Parts that both servers share: settings, logs, metrics, health, sockets, the connection to etcd, shutdown.
//!
//! Together with `main` this is the only place that reads flags and the environment. A server's life:
//!
//! ```text
//! settings::Flags -> Layers -> its own Settings     once; then immutable
//! telemetry::init_logs, init_metrics, Traces::new   once
//! Shutdown::on_signals                              SIGTERM: finish or hand back, then leave; again: leave now
//! Health::serve                                     probes and scrapers, until the very end
//! ```

// Settings: a table per program, in layers: defaults, file, environment, flags.
pub mod settings;
// Settings that every server has.
pub mod common;
// Connection to etcd: settings, and patience.
pub mod etcd;
// Files that are read again when they change.
pub mod reread;
// TLS of servers and clients.
pub mod tls;
// Security of a client's calls.
pub mod client;
// Connections that a server accepts, with or without TLS.
pub mod accept;
// Log lines that must not flood.
pub mod budget;
// Sockets to listen on.
mod listen;
// Logs to stderr, and metrics for scrapers.
pub mod telemetry;
// Traces for a collector.
pub mod trace;
// HTTP probes for liveness and readiness.
pub mod health;
// Orderly end after a signal.
pub mod shutdown;

pub use accept::{Accepted, Incoming, PeerAddress};
pub use health::Health;
pub use listen::{ListenError, listen};
pub use settings::{Flags, Key, Layers, SettingsError, Tables};
pub use shutdown::{Shutdown, ShutdownTrigger};
pub use telemetry::{LogFormat, Metrics};
pub use tls::{Tls, TlsFiles};
