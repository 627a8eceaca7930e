//! `tailor run`: a job in this process.

use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::ValueEnum;
use coordinator::{JobReport, ShardState};
use dataset::gc::SCRATCH_LOCK;
use local::Resources;
use model::limits::MEMORY_BYTES_MIN;
use model::{ByteSize, Clock as _, SystemClock};
use storage::Root;
use storage::segment::SegmentAccess;

use super::job_options::JobOptions;
use crate::args::OutputStyle;
use crate::exit::Code;
use crate::progress::Progress;
use crate::{out, tables};

/// Options of `tailor run` and `tailor plan`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(super) job: JobOptions,
    /// Attempts at once; without it, as many as there are cores.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
    /// Memory of all workers together. What does not fit is spilled.
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    memory: ByteSize,
    /// Folder for spilled data; without it, `scratch/` in a local dataset.
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// How segments are read: mapped from local files, or in ranges through the object store's interface.
    #[arg(long, value_enum, default_value_t)]
    read: ReadStyle,
    /// How to show the result.
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: OutputStyle,
}

/// How segments are read.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ReadStyle {
    /// Mapped where they are local.
    #[default]
    Auto,
    /// Always in ranges.
    Ranged,
}

pub(crate) async fn run(args: Args) -> Result<Code> {
    // Before there is anything to clean: a signal that nobody listens for would leave it behind.
    let interrupted = interrupted()?;
    let (spec, _) = args.job.spec()?;
    let scratch = Scratch::make(args.scratch.as_deref(), &Root::create(&spec.dataset)?)?;
    let resources = Resources {
        workers: args.workers.map_or_else(|| default_workers(args.memory), usize::from),
        memory: args.memory,
        scratch: scratch.root()?,
        access: match args.read {
            ReadStyle::Auto => SegmentAccess::Auto,
            ReadStyle::Ranged => SegmentAccess::Ranged,
        },
        seed: super::worker::random_bits(),
    };
    if let Some(shortage) = worker::open_files::shortage(resources.workers) {
        crate::out::say(format_args!("tailor: warning: {shortage}"));
    }
    let progress = Progress::start();
    let report = local::run(spec, &resources, Arc::new(SystemClock), &progress, interrupted).await;
    progress.finish();
    let report = report?;
    out::show(args.output, &report, tables::job)?;
    explain(&report);
    Ok(code(&report))
}

/// As many as there are cores, and memory for.
fn default_workers(memory: ByteSize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let fitting = usize::try_from(memory.0 / MEMORY_BYTES_MIN).unwrap_or(usize::MAX);
    cores.min(fitting).max(1)
}

/// Listens for the operator's wish to stop, from now on; what it gives resolves with that wish.
fn interrupted() -> Result<impl Future<Output = String> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "interrupted (SIGINT)".to_owned(),
            _ = terminate.recv() => "interrupted (SIGTERM)".to_owned(),
        }
    })
}

fn explain(report: &JobReport) {
    for warning in &report.warnings {
        crate::out::say(format_args!("tailor: warning: {warning}"));
    }
    for shard in &report.shards {
        for warning in &shard.warnings {
            crate::out::say(format_args!("tailor: warning: shard {}: {warning}", shard.shard));
        }
        if let Some(cause) = &shard.cause {
            crate::out::say(format_args!("tailor: shard {} {}: {cause}", shard.shard, shard.state));
        }
    }
}

fn code(report: &JobReport) -> Code {
    if report.is_done() {
        Code::Done
    } else if report.shards.iter().any(|shard| shard.state == ShardState::Failed) {
        Code::JobFailed
    } else {
        Code::Partly
    }
}

/// A folder for spilled data, of this process alone, removed with it.
struct Scratch {
    path: PathBuf,
    /// Locked for as long as this process lives, however it ends: `dataset gc` leaves the folder alone until then.
    _lock: File,
}

impl Scratch {
    /// Scratch lies beside the data by default: that is where an operator planned for room.
    fn make(folder: Option<&std::path::Path>, dataset: &Root) -> Result<Self> {
        let parent = match (folder, dataset.local_folder()) {
            (Some(folder), _) => folder.to_owned(),
            (None, Some(dataset)) => dataset.join(format::keys::SCRATCH),
            (None, None) => std::env::temp_dir(),
        };
        // Processes of two containers may share a folder and have one number: the time keeps them apart, and a folder
        // that is there already is somebody's.
        let path = parent.join(format!("tailor-{}-{}", std::process::id(), SystemClock.now_ms()));
        let make_parent = || match dataset.local_folder() {
            // Who may write to a dataset is for its owner to say; what is spilled there is still ours alone.
            Some(_) if folder.is_none() => std::fs::create_dir_all(&parent),
            _ => storage::private::make_parent(&parent),
        };
        let make = || make_parent().and_then(|()| storage::private::make_folder(&path));
        // A job that ends takes the parent along if it is empty: perhaps between the two steps, but hardly twice.
        let made = make().or_else(|error| if error.kind() == ErrorKind::NotFound { make() } else { Err(error) });
        made.with_context(|| format!("make scratch folder {}", path.display()))?;
        let lock = lock(&path.join(SCRATCH_LOCK)).with_context(|| format!("lock scratch folder {}", path.display()))?;
        Ok(Self { path, _lock: lock })
    }

    fn root(&self) -> Result<Root> {
        let path = self.path.to_str().context("the scratch folder's path is not UTF-8; give another with --scratch")?;
        Ok(Root::open(path)?)
    }
}

/// Makes a file and locks it. A collector that asks whether it is locked holds it for a moment, which is waited for.
fn lock(path: &std::path::Path) -> std::io::Result<File> {
    let file = File::create_new(path)?;
    match file.lock() {
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
            tracing::warn!(path = %path.display(), "this file system has no locks; `dataset gc` goes by age alone");
        }
        locked => locked?,
    }
    Ok(file)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "remove scratch folder; `dataset gc` finds it");
        }
        // The parent, if this was the last: a folder with others in it stays.
        if let Some(parent) = self.path.parent().filter(|parent| parent.ends_with(format::keys::SCRATCH)) {
            let _ = std::fs::remove_dir(parent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scratch_is_for_this_user_alone_wherever_it_lies() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a temporary folder");
        let dataset = Root::create(&dir.path().join("dataset").display().to_string()).expect("a folder");
        let elsewhere = dir.path().join("scratch");
        for folder in [None, Some(elsewhere.as_path())] {
            let scratch = Scratch::make(folder, &dataset).expect("the folder is ours");
            let mode = std::fs::metadata(&scratch.path).expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", scratch.path.display());
        }
        std::fs::create_dir_all(&elsewhere).expect("it went with the last scratch in it");
        std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o777)).expect("it is ours");
        let refused = Scratch::make(Some(&elsewhere), &dataset).err().expect("others may write there");
        assert!(format!("{refused:#}").contains("others may write to it"), "{refused:#}");
    }

    #[test]
    fn scratch_is_locked_for_as_long_as_it_is_used_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let dataset = Root::create(&dir.path().join("dataset").display().to_string()).expect("a folder");
        let scratch = Scratch::make(None, &dataset).expect("the folder is ours");
        let lock = File::open(scratch.path.join(SCRATCH_LOCK)).expect("it is there");
        assert!(matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock)));
        drop(scratch);
        lock.try_lock().expect("nobody holds it any more");
        assert!(!dir.path().join("dataset/scratch").exists());
    }
}
