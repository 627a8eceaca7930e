//! `tailor coordinator`: one of the replicas that plan, grant leases and commit.

use anyhow::{Context, Result};
use coordinator::settings::{CoordinatorTables, Settings};
use daemon::trace::{Traced, Traces};
use daemon::{Flags, Shutdown, settings};

use super::worker::machine;
use crate::exit::{Code, Exit};

/// Options of `tailor coordinator`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    settings: Flags<CoordinatorTables>,
}

pub(crate) async fn run(args: Args) -> Result<Code> {
    let flags = args.settings;
    let usage = |error: daemon::SettingsError| Exit::error(Code::Usage, error.to_string());
    let layers = flags.layers(settings::environment()).map_err(usage)?;
    let machine = machine();
    let resolved = Settings::resolve(&layers, &machine.host, machine.seed).map_err(usage)?;
    if flags.is_print {
        crate::out::text(layers.print())?;
        return Ok(Code::Done);
    }
    let version = env!("CARGO_PKG_VERSION");
    let metrics = daemon::telemetry::init_metrics("coordinator", version)?;
    let name = &resolved.leader.replica;
    let traces = Traces::new(resolved.trace.as_ref(), Traced { program: "coordinator", version, name })
        .context("use trace.endpoint, which should be like http://127.0.0.1:4317")?;
    daemon::telemetry::init_logs(resolved.log_format, &resolved.log_level, &traces)?;
    let (_trigger, shutdown) = Shutdown::on_signals(coordinator::server::LEAVE_MAX).context("listen for signals")?;
    let served = coordinator::server::serve(resolved, metrics, shutdown).await;
    traces.end().await;
    served?;
    tracing::info!("coordinator has left");
    Ok(Code::Done)
}
