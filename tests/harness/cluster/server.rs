//! Server of a cluster: a process that can be killed, stopped, continued and started again.

use std::fs::{File, OpenOptions};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::tailor::pause;

/// Command line of a process.
#[derive(Debug, Clone)]
pub struct CommandLine {
    /// Path of the program.
    pub program: PathBuf,
    /// Arguments of the program.
    pub args: Vec<String>,
    /// Environment variables in addition to ours.
    pub environment: Vec<(String, String)>,
}

/// Server process; killed when this is dropped.
#[derive(Debug)]
pub struct Server {
    /// Name, also that of its log.
    pub name: String,
    line: CommandLine,
    log: PathBuf,
    child: Option<Child>,
}

impl Server {
    /// Starts the process; its output goes to `<name>.log` in `folder`.
    pub fn start(name: &str, line: CommandLine, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let mut server = Self { name: name.to_owned(), line, log, child: None };
        server.restart();
        server
    }

    /// Starts the process again with the same command line. The log is continued.
    ///
    /// # Panics
    /// The process cannot be started, or already runs.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "{} runs", self.name);
        let open = || -> std::io::Result<File> { OpenOptions::new().create(true).append(true).open(&self.log) };
        let log = open().unwrap_or_else(|error| panic!("open {}: {error}", self.log.display()));
        let mut command = Command::new(&self.line.program);
        command.args(&self.line.args).envs(self.line.environment.iter().cloned()).env_remove("TAILOR_LOG");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("start {}: {error}", self.line.program.display())));
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // If the process has ended already, the signal fails; in both cases it is reaped.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Sends `signal`, such as `TERM`, `STOP` or `CONT`.
    ///
    /// # Panics
    /// The process does not run.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args(["-s", signal, &self.pid().to_string()]).status().expect("run kill");
        assert!(sent.success(), "{} does not run; its log ends so:\n{}", self.name, self.tail());
    }

    /// Returns the process id.
    ///
    /// # Panics
    /// The process was killed.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap_or_else(|| panic!("{} was killed", self.name)).id()
    }

    /// True if the process has ended by itself.
    ///
    /// # Panics
    /// The process was killed.
    pub fn has_ended(&mut self) -> bool {
        let child = self.child.as_mut().unwrap_or_else(|| panic!("{} was killed", self.name));
        child.try_wait().expect("ask for the process's state").is_some()
    }

    /// Waits until the process ends by itself; returns its exit code, or the negative number of the signal that ended
    /// it.
    ///
    /// # Panics
    /// The process does not end in time.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> i32 {
        let started = Instant::now();
        let mut child = self.child.take().unwrap_or_else(|| panic!("{} was killed", self.name));
        loop {
            if let Some(status) = child.try_wait().expect("ask for the process's state") {
                return status.code().unwrap_or_else(|| -status.signal().unwrap_or(0));
            }
            if started.elapsed() > limit {
                self.child = Some(child);
                panic!("{} still runs after {limit:?}; its log ends so:\n{}", self.name, self.tail());
            }
            pause(Duration::from_millis(20));
        }
    }

    /// Returns the process's output so far.
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Returns the last lines of its log.
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
