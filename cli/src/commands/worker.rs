//! `tailor worker`: a worker of a cluster; also `tailor worker list` and `drain`, which ask a cluster about its
//! workers.

use std::hash::{BuildHasher as _, Hasher as _};

use anyhow::{Context, Result};
use daemon::trace::{Traced, Traces};
use daemon::{Flags, Shutdown, settings};
use worker::settings::{Machine, Settings, WorkerTables};

use super::workers::{self, WorkerVerb};
use crate::exit::{Code, Exit};

/// Options of `tailor worker`.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<WorkerVerb>,
    #[command(flatten)]
    settings: Flags<WorkerTables>,
}

impl Args {
    /// True for the server, which sets up its own logs.
    pub(crate) fn is_server(&self) -> bool {
        self.verb.is_none()
    }
}

pub(crate) async fn run(args: Args) -> Result<Code> {
    match args.verb {
        Some(verb) => workers::run(verb).await,
        None => serve(&args.settings).await,
    }
}

async fn serve(flags: &Flags<WorkerTables>) -> Result<Code> {
    let usage = |error: daemon::SettingsError| Exit::error(Code::Usage, error.to_string());
    let layers = flags.layers(settings::environment()).map_err(usage)?;
    let resolved = Settings::resolve(&layers, &machine()).map_err(usage)?;
    if flags.is_print {
        crate::out::text(layers.print())?;
        return Ok(Code::Done);
    }
    let version = env!("CARGO_PKG_VERSION");
    let metrics = daemon::telemetry::init_metrics("worker", version)?;
    let name = &resolved.agent.name;
    let traces = Traces::new(resolved.trace.as_ref(), Traced { program: "worker", version, name })
        .context("use trace.endpoint, which should be like http://127.0.0.1:4317")?;
    daemon::telemetry::init_logs(resolved.log_format, &resolved.log_level, &traces)?;
    let leave_max = worker::server::leave_max(&resolved);
    let (_trigger, shutdown) = Shutdown::on_signals(leave_max).context("listen for signals")?;
    let left = worker::server::serve(resolved, metrics, shutdown).await;
    traces.end().await;
    let left = left?;
    tracing::info!(?left, "worker has left");
    Ok(Code::Done)
}

/// Returns 64 random bits: std draws the keys of its hashes from the system, once a thread.
pub(super) fn random_bits() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}

/// Describes this machine: host, cores, folder for temporary files, random seed.
pub(super) fn machine() -> Machine {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "worker".to_owned(),
        host => host.to_owned(),
    };
    Machine {
        host,
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        temporary: std::env::var_os("TMPDIR").map(Into::into),
        seed: random_bits(),
    }
}
