//! Description of the machine, and the share of it that others used meanwhile.

use std::time::Duration;

use anyhow::{Context, Result};

/// Returns the processor's name.
pub(crate) fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

/// Observer of the cores' load.
pub(crate) struct Load {
    busy: u64,
    all: u64,
    ours: Duration,
}

impl Load {
    /// Starts to observe; `ours` is the CPU time of our processes so far.
    pub(crate) fn start(ours: Duration) -> Result<Self> {
        let (busy, all) = ticks()?;
        Ok(Self { busy, all, ours })
    }

    /// Returns the share of all cores' time since the start that others took, which may explain a high wall time.
    pub(crate) fn share_of_others(&self, ours: Duration) -> Result<f64> {
        let (busy, all) = ticks()?;
        let all = (all - self.all).max(1) as f64;
        let ours = (ours - self.ours).as_secs_f64() * TICKS_A_SECOND;
        Ok((((busy - self.busy) as f64 - ours) / all).max(0.0))
    }
}

/// Unit of `/proc/stat`, on every current architecture of Linux.
const TICKS_A_SECOND: f64 = 100.0;

/// Ticks of all cores since they started: busy ones (including those stolen by the host), and all.
fn ticks() -> Result<(u64, u64)> {
    let stat = std::fs::read_to_string("/proc/stat").context("read /proc/stat")?;
    let line = stat.lines().next().context("/proc/stat has a line for all cores")?;
    // Fields: user nice system idle iowait irq softirq steal. The time of guests is included in `user`.
    let ticks: Vec<u64> = line.split_whitespace().skip(1).take(8).map(str::parse).collect::<Result<_, _>>()?;
    let [_, _, _, idle, waiting, ..] = ticks.as_slice() else { anyhow::bail!("/proc/stat is not as documented") };
    let all = ticks.iter().sum();
    Ok((all - idle - waiting, all))
}
