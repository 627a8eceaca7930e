//! Folders, binaries, and the processes made from them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use model::{Books, StageTimes};
use serde::Deserialize;

use super::Options;
use crate::child::{self, Finished, Usage};
use crate::workload::Workload;

/// Shard map in which the big organisation has its own shard, as in the generated data.
const SHARD_MAP: &str =
    "version = 1\nshared_shards = 64\n[[dedicated]]\norg = 1000000\nreason = \"a seventh of all\"\n";

/// Folders and binaries of a run.
pub(super) struct Bench {
    dir: PathBuf,
    tailor: PathBuf,
    ourselves: PathBuf,
    shard_map: PathBuf,
    /// Number of rounds.
    pub(super) rounds: u16,
}

/// Finished `tailor run`.
#[derive(Debug)]
pub(super) struct Job {
    /// Resources that its process used.
    pub(super) usage: Usage,
    /// Totals that it reports.
    pub(super) totals: Totals,
    /// Dataset that it wrote.
    pub(super) dataset: PathBuf,
}

/// Part of a job's report that is needed here.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Totals {
    pub(super) books: Books,
    pub(super) bits_per_point: Option<f64>,
    pub(super) bits_per_rollup_row: Option<f64>,
    pub(super) stages: StageTimes,
}

#[derive(Deserialize)]
struct JobReport {
    totals: Totals,
}

impl Bench {
    pub(super) fn new(options: &Options) -> Result<Self> {
        let dir = options.dir.clone();
        std::fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
        ensure!(options.tailor.exists(), "{} is not there: cargo build --release", options.tailor.display());
        let shard_map = dir.join("shards.toml");
        std::fs::write(&shard_map, SHARD_MAP)?;
        let ourselves = std::env::current_exe()?;
        Ok(Self { dir, tailor: options.tailor.clone(), ourselves, shard_map, rounds: options.rounds })
    }

    /// Returns the folder with the segments of `workload`; makes them if they are missing.
    pub(super) fn segments(&self, workload: Workload) -> Result<PathBuf> {
        let folder = workload.folder(&self.dir);
        if !workload.is_made(&folder)? {
            eprintln!("bench: making the segments of {}", workload.name());
            self.probe(&["make-segments", workload.name()], &[&folder])?;
        }
        Ok(folder)
    }

    /// Removes segments that are too large to keep.
    pub(super) fn discard_segments(&self, workload: Workload) -> Result<()> {
        Ok(std::fs::remove_dir_all(workload.folder(&self.dir))?)
    }

    /// Runs a job over `segments`, with a 5-minute rollup, into a dataset of that name, which is removed first.
    pub(super) fn run(&self, segments: &Path, name: &str, options: &[&str]) -> Result<Job> {
        let dataset = self.dir.join("datasets").join(name);
        self.discard(&dataset)?;
        eprintln!("bench: tailor run {} {}", segments.display(), options.join(" "));
        let mut tailor = Command::new(&self.tailor);
        tailor.arg("run").arg("--input").arg(segments).arg("--dataset").arg(&dataset);
        tailor.arg("--shard-config").arg(&self.shard_map).args(["--rollup", "5m", "-o", "json"]).args(options);
        let Finished { usage, stdout } = child::run(&mut tailor)?;
        let JobReport { totals } = serde_json::from_str(&stdout).context("read the job's report")?;
        Ok(Job { usage, totals, dataset })
    }

    /// Removes a dataset, if it exists.
    pub(super) fn discard(&self, dataset: &Path) -> Result<()> {
        if dataset.exists() { Ok(std::fs::remove_dir_all(dataset)?) } else { Ok(()) }
    }

    /// Runs a probe in a process of its own.
    pub(super) fn probe(&self, command: &[&str], paths: &[&Path]) -> Result<Finished> {
        child::run(Command::new(&self.ourselves).args(command).args(paths))
    }
}
