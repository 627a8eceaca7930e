//! Runs the real binary, `tailor`, as its users do: arguments in; exit code, stdout and stderr out.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

/// Exit codes that the documentation promises to scripts.
pub mod code {
    /// Everything that was requested is done.
    pub const DONE: i32 = 0;
    /// The command failed, for a reason without a code of its own.
    pub const FAILED: i32 = 1;
    /// The command line is invalid.
    pub const USAGE: i32 = 2;
    /// The named object does not exist.
    pub const NOT_FOUND: i32 = 3;
    /// The job, or a shard of it, failed.
    pub const JOB_FAILED: i32 = 4;
    /// The command was not over in the given time, or nobody answered in it.
    pub const TIMED_OUT: i32 = 5;
    /// A verification found a difference, or damage.
    pub const DIFFERENCE: i32 = 6;
    /// The command was refused without `--yes`.
    pub const NEEDS_YES: i32 = 7;
    /// The user's role does not allow the call, or the user may not read a file.
    pub const NOT_ALLOWED: i32 = 8;
    /// A part of the request is done.
    pub const PARTLY: i32 = 9;
    /// ctrl-C while it waited; what it waited for goes on.
    pub const INTERRUPTED: i32 = 130;
}

/// Command line that has not been run yet.
#[derive(Debug)]
pub struct Tailor {
    command: Command,
}

/// Prepares `tailor` with the arguments in `words`, separated by spaces.
pub fn tailor(words: &str) -> Tailor {
    Tailor::through(binary().as_os_str(), words)
}

impl Tailor {
    fn through(program: &OsStr, words: &str) -> Self {
        let mut command = Command::new(program);
        command.args(words.split_whitespace()).env_remove("TAILOR_LOG");
        Self { command }
    }

    /// Runs the command in a shell that executes `before` first, for limits and mounts of only this process.
    #[must_use]
    pub fn after_shell(self, before: &str) -> Self {
        let mut command = Command::new("bash");
        command.args(["-c", &format!("{before}; exec \"$0\" \"$@\"")]).arg(self.command.get_program());
        command.args(self.command.get_args());
        Self { command }
    }

    /// Appends to stdout what the kernel counted of the process's reading and writing (`rchar: N` and others, each on
    /// a line).
    #[must_use]
    pub fn counting_reads(self) -> Self {
        let mut command = Command::new("bash");
        // A process's account is added to its parent's when the parent waits for it.
        command.args(["-c", "\"$0\" \"$@\"; code=$?; echo; read -d '' io </proc/$$/io; echo \"$io\"; exit $code"]);
        command.arg(self.command.get_program()).args(self.command.get_args());
        Self { command }
    }

    /// Starts the command by the program and arguments in `words`, for example as another user.
    #[must_use]
    pub fn with_program(self, words: &str) -> Self {
        let mut words = words.split_whitespace();
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).arg(self.command.get_program()).args(self.command.get_args());
        Self { command }
    }

    /// Runs the command in a mount namespace of its own, in which a tmpfs of `size` covers `folder`. The host does
    /// not see the tmpfs, and it is removed with the process; so `after` is run there once `tailor` has ended, and
    /// its output follows on stdout.
    #[must_use]
    pub fn on_small_disk(self, folder: &Path, size: &str, after: &str) -> Self {
        let mut command = Command::new("unshare");
        let script = format!(
            "mount -t tmpfs -o size={size} small '{}' || exit 125; \"$0\" \"$@\"; code=$?; {after}; exit $code",
            folder.display()
        );
        command.args(["--mount", "--map-root-user", "bash", "-c", &script]).arg(self.command.get_program());
        command.args(self.command.get_args());
        Self { command }
    }

    /// Adds one argument, which may hold spaces.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds variables to its environment.
    #[must_use]
    pub fn envs(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.command.envs(variables);
        self
    }

    /// Runs the command until it ends.
    ///
    /// # Panics
    /// The command cannot be started.
    pub fn run(self) -> Ended {
        self.spawn().wait()
    }

    /// Starts the command.
    ///
    /// # Panics
    /// The command cannot be started.
    pub fn spawn(mut self) -> Running {
        let line = format!("{:?}", self.command);
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.command.spawn().unwrap_or_else(|error| panic!("start {line}: {error}"));
        Running { line, child }
    }
}

/// Running process of the command.
#[derive(Debug)]
pub struct Running {
    line: String,
    child: Child,
}

impl Running {
    /// Sends `signal`, such as `TERM` or `KILL`; does nothing if the process has ended.
    ///
    /// # Panics
    /// This machine has no `kill`.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-s", signal, &pid]).stderr(Stdio::null()).status().expect("run kill");
    }

    /// True if the process has not ended.
    ///
    /// # Panics
    /// The system does not know the process.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("ask for the process's state").is_none()
    }

    /// Waits until `is_so`, or until the process ends; returns true if it became so.
    pub fn wait_until(&mut self, mut is_so: impl FnMut() -> bool) -> bool {
        while self.is_running() {
            if is_so() {
                return true;
            }
            pause(Duration::from_millis(1));
        }
        is_so()
    }

    /// Waits until the process ends.
    ///
    /// # Panics
    /// The output cannot be read, or is not text.
    pub fn wait(self) -> Ended {
        let output = self.child.wait_with_output().unwrap_or_else(|error| panic!("wait for {}: {error}", self.line));
        let text = |bytes| String::from_utf8(bytes).expect("its output is text");
        Ended { line: self.line, code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// Process that has ended, with its output.
#[derive(Debug)]
pub struct Ended {
    line: String,
    /// Exit code; none if a signal ended the process.
    pub code: Option<i32>,
    /// Standard output: data.
    pub stdout: String,
    /// Standard error: messages and progress.
    pub stderr: String,
}

impl Ended {
    /// Asserts this exit code.
    ///
    /// # Panics
    /// The process ended otherwise; the message has the whole output.
    #[must_use]
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        self.expect_one_of(&[code])
    }

    /// Asserts one of these exit codes.
    ///
    /// # Panics
    /// The process ended otherwise; the message has the whole output.
    #[must_use]
    #[track_caller]
    pub fn expect_one_of(self, codes: &[i32]) -> Self {
        let Self { line, code, stdout, stderr } = &self;
        let is_expected = code.is_some_and(|code| codes.contains(&code));
        assert!(is_expected, "{line}\nended with {code:?}, not {codes:?}\nstdout:\n{stdout}\nstderr:\n{stderr}");
        self
    }

    /// Asserts that the command is done.
    ///
    /// # Panics
    /// The command is not done; the message has the whole output.
    #[track_caller]
    pub fn done(self) -> Self {
        self.expect(code::DONE)
    }

    /// Asserts that stderr contains each of `words`.
    ///
    /// # Panics
    /// A word is missing; the message has stderr.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "{}\ndoes not say '{word}':\n{}", self.line, self.stderr);
        }
        self
    }

    /// Parses stdout as one JSON document.
    ///
    /// # Panics
    /// The output is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{}\nstdout is not JSON: {error}\n{}\n{}", self.line, self.stdout, self.stderr)
        })
    }
}

/// Lets time pass for processes that run beside the test.
#[allow(clippy::disallowed_methods, reason = "other processes know only real time")]
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Returns the root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").to_owned()
}

/// Variable that names the binary under test; `scripts/test.sh` sets it.
const BINARY: &str = "TAILOR_TEST_BINARY";

/// Returns the path of the binary under test: the one that `TAILOR_TEST_BINARY` names, else `tailor` in the profile's
/// own folder. No test builds it, because a build beside running tests takes minutes, and would unify features that
/// do not ship.
///
/// # Panics
/// The binary is missing, or older than a source that cargo lists for it; the message says which command builds it.
pub fn binary() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        if let Some(named) = std::env::var_os(BINARY) {
            let binary = repository().join(named);
            assert!(binary.is_file(), "{BINARY} names {}, which is not there; `make test` builds it", binary.display());
            return binary;
        }
        let test = std::env::current_exe().expect("a test knows where it is");
        let binary = test.ancestors().nth(2).expect("target/<profile>/deps/<test>").join("tailor");
        let build = "build it by `cargo build -p cli`, or run `make test`";
        assert!(binary.is_file(), "{} is not there; {build}", binary.display());
        if let Some(source) = newer_source(&binary) {
            panic!("{} is older than {source}; {build}", binary.display());
        }
        binary
    })
}

/// Finds a source that was changed after `binary` was built, by the list that cargo keeps beside it (none for a
/// binary of a test build).
fn newer_source(binary: &Path) -> Option<String> {
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let built = changed(binary)?;
    let list = std::fs::read_to_string(binary.with_extension("d")).ok()?;
    let (_, sources) = list.split_once(':')?;
    sources.split_whitespace().find(|source| changed(Path::new(source)) > Some(built)).map(str::to_owned)
}
