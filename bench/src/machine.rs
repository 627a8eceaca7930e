//! The machine: what it is, and how much of it others used meanwhile.

use std::time::Duration;

use anyhow::{Context, Result};

/// What the processor calls itself.
pub(crate) fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

/// Watches how the cores are shared.
pub(crate) struct Load {
    busy: u64,
    all: u64,
    ours: Duration,
}

impl Load {
    /// Starts to watch; `ours` is the CPU time that our processes took so far.
    pub(crate) fn start(ours: Duration) -> Result<Self> {
        let (busy, all) = ticks()?;
        Ok(Self { busy, all, ours })
    }

    /// The share of all cores' time since the start that others took: who wonders at a wall time looks here first.
    pub(crate) fn share_of_others(&self, ours: Duration) -> Result<f64> {
        let (busy, all) = ticks()?;
        let all = (all - self.all).max(1) as f64;
        let ours = (ours - self.ours).as_secs_f64() * TICKS_A_SECOND;
        Ok((((busy - self.busy) as f64 - ours) / all).max(0.0))
    }
}

/// The unit of `/proc/stat`, on every architecture that Linux has left.
const TICKS_A_SECOND: f64 = 100.0;

/// Ticks of all cores since they started: busy ones (stolen by the host, too), and all.
fn ticks() -> Result<(u64, u64)> {
    let stat = std::fs::read_to_string("/proc/stat").context("read /proc/stat")?;
    let line = stat.lines().next().context("/proc/stat has a line for all cores")?;
    // user nice system idle iowait irq softirq steal; what guests take is in `user` already.
    let ticks: Vec<u64> = line.split_whitespace().skip(1).take(8).map(str::parse).collect::<Result<_, _>>()?;
    let [_, _, _, idle, waiting, ..] = ticks.as_slice() else { anyhow::bail!("/proc/stat is not as documented") };
    let all = ticks.iter().sum();
    Ok((all - idle - waiting, all))
}
