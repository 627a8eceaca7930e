//! What both servers share: settings, logs, metrics, health, shutdown.
//!
//! Together with `main` this is the only place that reads flags and the environment. A server's life:
//!
//! ```text
//! settings::Flags -> Layers -> its own Settings     once; then immutable
//! telemetry::init_logs, init_metrics                once
//! Shutdown::on_signals                              SIGTERM: finish or hand back, then leave; again: leave now
//! Health::serve                                     probes and scrapers, until the very end
//! ```

// Settings: a table a program, in layers: defaults, file, environment, flags.
pub mod settings;
// The settings that every server has.
pub mod common;
// Logs to stderr, metrics to whoever scrapes.
pub mod telemetry;
// Whether the process lives and whether it is ready, over HTTP.
pub mod health;
// From a signal to a clean end.
pub mod shutdown;

pub use health::Health;
pub use settings::{Flags, Key, Layers, SettingsError, Tables};
pub use shutdown::{Shutdown, ShutdownTrigger};
pub use telemetry::{LogFormat, Metrics};
