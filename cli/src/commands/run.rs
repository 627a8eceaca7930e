//! `tailor run`: runs a job in this process.

use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;

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
    /// Attempts at once. Without it, one for each core that there is memory for.
    ///
    /// For example `--workers 2`.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
    /// Memory of all workers together; the rest is spilled.
    ///
    /// For example `--memory 4GiB`.
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    memory: ByteSize,
    /// Folder for spilled data. Without it, `scratch/` in a local dataset, else the system's folder for temporary
    /// files.
    ///
    /// For example `--scratch /mnt/nvme/tailor`.
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Way to read segments: mapped from local files, or in ranges through the object store's interface.
    ///
    /// For example `--read ranged`.
    #[arg(long, value_enum, default_value_t)]
    read: ReadStyle,
    /// Style of the result.
    ///
    /// For example `-o json`.
    #[arg(short, long, value_enum, default_value_t)]
    pub(super) output: OutputStyle,
}

/// Way to read segments.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum ReadStyle {
    /// Mapped if they are local, else in ranges.
    #[default]
    Auto,
    /// In ranges, also if they are local.
    Ranged,
}

pub(crate) async fn run(args: Args) -> Result<Code> {
    // Signals are caught before scratch is created; otherwise a signal would leave it behind.
    let interrupted = interrupted()?;
    let (spec, _) = args.job.spec()?;
    let scratch = Scratch::make(args.scratch.as_deref(), &Root::create(&spec.dataset)?)?;
    let resources = Resources {
        limits: None,
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
    let report = local::run(spec, &resources, coordinator::Env::real(), &progress, interrupted).await;
    progress.finish();
    let report = report?;
    out::show(args.output, &report, tables::job)?;
    explain(&report);
    Ok(code(&report))
}

/// Returns one worker for each core that there is memory for.
fn default_workers(memory: ByteSize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let fitting = usize::try_from(memory.0 / MEMORY_BYTES_MIN).unwrap_or(usize::MAX);
    cores.min(fitting).max(1)
}

/// Listens for SIGINT and SIGTERM from now on; the future resolves with the name of the signal.
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

/// Scratch folder of this process, removed when it is dropped.
struct Scratch {
    path: PathBuf,
    /// Lock held as long as the process lives, however it ends: `dataset gc` leaves the folder alone until then.
    _lock: File,
}

impl Scratch {
    /// Creates the folder, by default beside the data, where an operator planned for space.
    fn make(folder: Option<&std::path::Path>, dataset: &Root) -> Result<Self> {
        let parent = match (folder, dataset.local_folder()) {
            (Some(folder), _) => folder.to_owned(),
            (None, Some(dataset)) => dataset.join(format::keys::SCRATCH),
            (None, None) => std::env::temp_dir(),
        };
        // Processes in two containers may share a folder and have the same pid. The time tells them apart, and an
        // existing folder is an error because it belongs to another process.
        let path = parent.join(format!("tailor-{}-{}", std::process::id(), SystemClock.now_ms()));
        let make_parent = || match dataset.local_folder() {
            // Permissions of a dataset are up to its owner; the spilled data below it stay private to this user.
            Some(_) if folder.is_none() => std::fs::create_dir_all(&parent),
            _ => storage::private::make_parent(&parent),
        };
        let make = || make_parent().and_then(|()| storage::private::make_folder(&path));
        // A job that ends removes the parent if it is empty. That may happen between the two steps once, but hardly
        // twice.
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

/// Creates a file and locks it. A collector that tests the lock holds it for a moment; the call waits for that.
fn lock(path: &std::path::Path) -> std::io::Result<File> {
    let file = File::create_new(path)?;
    match file.lock() {
        Err(error) if error.kind() == std::io::ErrorKind::Unsupported => {
            tracing::warn!(path = %path.display(), "the scratch folder was not locked because its file system has no locks; `dataset gc` judges it by age alone");
        }
        locked => locked?,
    }
    Ok(file)
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "failed to remove the scratch folder; `dataset gc` removes it");
        }
        // Remove the parent if it is empty, too.
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
