//! Child processes, and the kernel's accounting of their resources.
//!
//! A child's peak memory starts at that of its parent, because it is born in the parent's memory. So this process
//! stays small, and work that takes memory is done in children.

use std::io::{Read, Seek};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Serialize;

/// Resources that a process used from its start to its end.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Usage {
    /// Wall-clock time of the process.
    pub(crate) wall: Duration,
    /// User and system time of all its threads.
    pub(crate) cpu: Duration,
    /// Most memory that was resident at once.
    pub(crate) peak_rss_bytes: u64,
}

/// Process that ended successfully.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Resources that it used.
    pub(crate) usage: Usage,
    /// Output of the process.
    pub(crate) stdout: String,
}

/// Runs `command` to its end.
pub(crate) fn run(command: &mut Command) -> Result<Finished> {
    let mut complaints = tempfile::tempfile().context("make a file for messages")?;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(complaints.try_clone()?);
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("start {command:?}"))?;
    let mut stdout = String::new();
    child.stdout.take().context("the child has a pipe")?.read_to_string(&mut stdout).context("read its output")?;
    let (status, usage) = wait(child.id())?;
    let wall = started.elapsed();
    if status != 0 {
        let mut said = String::new();
        complaints.rewind()?;
        complaints.read_to_string(&mut said)?;
        bail!("{command:?} ended with status {status:#x}: {}", said.trim());
    }
    let cpu = duration(usage.ru_utime) + duration(usage.ru_stime);
    Ok(Finished { usage: Usage { wall, cpu, peak_rss_bytes: usage.ru_maxrss as u64 * 1024 }, stdout })
}

/// CPU time of all our processes that have ended, and of their children.
#[allow(unsafe_code, reason = "the standard library does not tell what children took")]
pub(crate) fn cpu_of_all() -> Duration {
    // SAFETY: zero is a value of every field of `rusage`, and the pointer is to a local that outlives the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage);
        usage
    };
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

fn duration(time: libc::timeval) -> Duration {
    Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000)
}

/// Waits for a child and returns its usage, which the standard library does not.
#[allow(unsafe_code, reason = "the standard library does not tell what a child took")]
fn wait(pid: u32) -> Result<(i32, libc::rusage)> {
    let mut status = 0;
    // SAFETY: zero is a value of every field of `rusage`, and both pointers are to locals that outlive the call.
    let (waited, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(pid as libc::pid_t, &mut status, 0, &mut usage), usage)
    };
    if waited < 0 {
        return Err(std::io::Error::last_os_error()).context("wait for a child");
    }
    Ok((status, usage))
}
