//! The real binary, `tailor`, as its users meet it: arguments in; exit code, stdout and stderr out.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

/// Exit codes, as the documentation promises them to scripts.
pub mod code {
    /// Everything that was asked for is done.
    pub const DONE: i32 = 0;
    /// It failed, for a reason that has no code of its own.
    pub const FAILED: i32 = 1;
    /// The command line says something impossible.
    pub const USAGE: i32 = 2;
    /// What was named is not there.
    pub const NOT_FOUND: i32 = 3;
    /// The job, or a shard of it, failed.
    pub const JOB_FAILED: i32 = 4;
    /// It was not over in the time that was given, or nobody answered in it.
    pub const TIMED_OUT: i32 = 5;
    /// A verification found a difference, or damage.
    pub const DIFFERENCE: i32 = 6;
    /// Refused without `--yes`.
    pub const NEEDS_YES: i32 = 7;
    /// Part of it is done.
    pub const PARTLY: i32 = 9;
    /// ctrl-C while it waited; what it waited for goes on.
    pub const INTERRUPTED: i32 = 130;
}

/// A command line that has not been run yet.
#[derive(Debug)]
pub struct Tailor {
    command: Command,
}

/// `tailor` with the arguments in `words`, which spaces part.
pub fn tailor(words: &str) -> Tailor {
    Tailor::through(binary().as_os_str(), words)
}

impl Tailor {
    fn through(program: &OsStr, words: &str) -> Self {
        let mut command = Command::new(program);
        command.args(words.split_whitespace()).env_remove("TAILOR_LOG");
        Self { command }
    }

    /// The same, run by a shell that says `before` first: limits and mounts that only this process shall have.
    #[must_use]
    pub fn after_shell(self, before: &str) -> Self {
        let mut command = Command::new("bash");
        command.args(["-c", &format!("{before}; exec \"$0\" \"$@\"")]).arg(self.command.get_program());
        command.args(self.command.get_args());
        Self { command }
    }

    /// The same; what the kernel counted of its reading and writing (`rchar: N` and others, each on a line) follows on stdout.
    #[must_use]
    pub fn counting_reads(self) -> Self {
        let mut command = Command::new("bash");
        // A process's account becomes its parent's when it is waited for.
        command.args(["-c", "\"$0\" \"$@\"; code=$?; echo; read -d '' io </proc/$$/io; echo \"$io\"; exit $code"]);
        command.arg(self.command.get_program()).args(self.command.get_args());
        Self { command }
    }

    /// The same, started by the program and arguments in `words`: as another user, for one.
    #[must_use]
    pub fn with_program(self, words: &str) -> Self {
        let mut words = words.split_whitespace();
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).arg(self.command.get_program()).args(self.command.get_args());
        Self { command }
    }

    /// The same, in a mount namespace of its own, where a tmpfs of `size` lies over `folder`. The host does not see it, and
    /// it goes with the process; so `after` is run there once `tailor` has ended, and what it prints follows on stdout.
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

    /// One more argument, which may hold spaces.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// The same, with these variables in its environment.
    #[must_use]
    pub fn envs(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.command.envs(variables);
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn run(self) -> Ended {
        self.spawn().wait()
    }

    /// Starts it.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn spawn(mut self) -> Running {
        let line = format!("{:?}", self.command);
        self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = self.command.spawn().unwrap_or_else(|error| panic!("start {line}: {error}"));
        Running { line, child }
    }
}

/// A process that runs.
#[derive(Debug)]
pub struct Running {
    line: String,
    child: Child,
}

impl Running {
    /// Sends `signal`, such as `TERM` or `KILL`; a process that has ended already hears nothing.
    ///
    /// # Panics
    /// If there is no `kill` on this machine.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-s", signal, &pid]).stderr(Stdio::null()).status().expect("run kill");
    }

    /// Whether it has not ended.
    ///
    /// # Panics
    /// If the system does not know it.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("ask for the process's state").is_none()
    }

    /// Waits until `is_so`, or until the process ends; says whether it became so.
    pub fn wait_until(&mut self, mut is_so: impl FnMut() -> bool) -> bool {
        while self.is_running() {
            if is_so() {
                return true;
            }
            pause(Duration::from_millis(1));
        }
        is_so()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If its output cannot be read, or is no text.
    pub fn wait(self) -> Ended {
        let output = self.child.wait_with_output().unwrap_or_else(|error| panic!("wait for {}: {error}", self.line));
        let text = |bytes| String::from_utf8(bytes).expect("its output is text");
        Ended { line: self.line, code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    line: String,
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Data.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
}

impl Ended {
    /// Takes it only with this exit code.
    ///
    /// # Panics
    /// With the whole output, where it ended otherwise.
    #[must_use]
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        self.expect_one_of(&[code])
    }

    /// Takes it only with one of these exit codes.
    ///
    /// # Panics
    /// With the whole output, where it ended otherwise.
    #[must_use]
    #[track_caller]
    pub fn expect_one_of(self, codes: &[i32]) -> Self {
        let Self { line, code, stdout, stderr } = &self;
        let is_expected = code.is_some_and(|code| codes.contains(&code));
        assert!(is_expected, "{line}\nended with {code:?}, not {codes:?}\nstdout:\n{stdout}\nstderr:\n{stderr}");
        self
    }

    /// Takes it only if it is done.
    ///
    /// # Panics
    /// With the whole output, where it is not.
    #[track_caller]
    pub fn done(self) -> Self {
        self.expect(code::DONE)
    }

    /// Takes it only if stderr says each of `words`.
    ///
    /// # Panics
    /// With stderr, where it does not.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "{}\ndoes not say '{word}':\n{}", self.line, self.stderr);
        }
        self
    }

    /// stdout as one JSON document.
    ///
    /// # Panics
    /// Where it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{}\nstdout is no JSON: {error}\n{}\n{}", self.line, self.stdout, self.stderr)
        })
    }
}

/// Lets time pass for processes that run beside the test.
#[allow(clippy::disallowed_methods, reason = "other processes know only real time")]
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the repository").to_owned()
}

/// Variable that names the binary under test; `scripts/test.sh` sets it.
const BINARY: &str = "TAILOR_TEST_BINARY";

/// Path of the binary under test: the one that `TAILOR_TEST_BINARY` names, else `tailor` in the profile's own folder. No test
/// builds it: a build beside running tests takes minutes, and would unify features that do not ship.
///
/// # Panics
/// If it is missing, or older than a source that cargo lists for it; the message says which command builds it.
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

/// A source that was changed after `binary` was built, by the list that cargo keeps beside it (none for a binary that came
/// out of a test build).
fn newer_source(binary: &Path) -> Option<String> {
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let built = changed(binary)?;
    let list = std::fs::read_to_string(binary.with_extension("d")).ok()?;
    let (_, sources) = list.split_once(':')?;
    sources.split_whitespace().find(|source| changed(Path::new(source)) > Some(built)).map(str::to_owned)
}
