//! Servers that run beside a measurement, and their use of resources so far, from `/proc`.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

/// Ticks per second in `/proc/PID/stat`, on every Linux.
const TICKS_A_SECOND: u64 = 100;

/// Process that is killed when this value is dropped.
#[derive(Debug)]
pub(crate) struct Server(Child);

impl Server {
    /// Starts the process; its output goes to the file `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log = File::create(log).with_context(|| format!("make {}", log.display()))?;
        let (stdout, stderr) = (log.try_clone()?, log);
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        command.spawn().map(Self).with_context(|| format!("start {command:?}"))
    }

    /// Kills the process at once.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }

    /// Returns the CPU time of all its threads so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // The fields follow the name, which may hold any characters: state is the first, user and system time the
        // 12th and 13th.
        let fields: Vec<_> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks =
            |field: usize| fields.get(field).context("/proc/PID/stat has 52 fields")?.parse::<u64>().context("ticks");
        Ok(Duration::from_millis((ticks(11)? + ticks(12)?) * 1000 / TICKS_A_SECOND))
    }

    /// Returns the resident memory in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// Returns the largest resident memory so far in bytes.
    pub(crate) fn peak(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("/proc/PID/status tells memory")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may be gone already.
        let _ = self.kill();
    }
}

/// Finds a port at which nobody listens.
pub(crate) fn port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
