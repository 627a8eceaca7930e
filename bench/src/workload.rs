//! Segments, made once: a workload is reused if its sidecar names the same settings.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use format::keys::SEGMENT_EXTENSION;
use ingest::segment::SegmentOutput;
use ingest::synthetic::{GenSettings, SIDECAR, generate};
use storage::Root;

use crate::probe::segments::files;

/// Set of segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Workload {
    /// Two million points: runs in a second.
    Small,
    /// Hundred million points: the base of all ratios.
    Medium,
    /// Billion points.
    Large,
    /// Four hundred million points, most of them in one segment of more than 2 GiB.
    LongSegment,
    /// Hundred million points, three tenths of them in one series.
    HotSeries,
    /// Five million series of one to three points, beside ten million points in longer ones.
    TinySeries,
    /// Sixteen series of two thousand points each, sent again and again in five hundred segments: 16 million points.
    SentAgain,
    /// Small variant of the hot series.
    SmallHotSeries,
    /// Small variant of the tiny series.
    SmallTinySeries,
}

impl Workload {
    /// Returns the name, which is also that of its folder.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
            Self::LongSegment => "long-segment",
            Self::HotSeries => "hot-series",
            Self::TinySeries => "tiny-series",
            Self::SentAgain => "sent-again",
            Self::SmallHotSeries => "small-hot-series",
            Self::SmallTinySeries => "small-tiny-series",
        }
    }

    fn settings(self) -> GenSettings {
        let medium = GenSettings::default();
        let points = |points| GenSettings { points, ..GenSettings::default() };
        match self {
            Self::Small => points(2_000_000),
            Self::Medium => medium,
            Self::Large => points(1_000_000_000),
            Self::LongSegment => GenSettings { big_share: 0.7, big_partitions: 1, ..points(400_000_000) },
            Self::HotSeries => GenSettings { hot_series_share: 0.3, ..medium },
            Self::TinySeries => GenSettings { tiny_series: 5_000_000, ..points(10_000_000) },
            Self::SentAgain => GenSettings { series: Some(16), partitions: 1, ..points(32_000) },
            Self::SmallHotSeries => GenSettings { hot_series_share: 0.3, ..points(2_000_000) },
            Self::SmallTinySeries => GenSettings { tiny_series: 50_000, ..points(1_000_000) },
        }
    }

    /// Returns how often each segment is there, under other names.
    fn copies(self) -> u32 {
        if self == Self::SentAgain { 500 } else { 1 }
    }

    /// Returns the folder of its segments under the bench's folder.
    pub(crate) fn folder(self, dir: &Path) -> PathBuf {
        dir.join("segments").join(self.name())
    }

    /// True if its segments are complete. The sidecar counts them without the copies, which are made after it.
    pub(crate) fn is_made(self, folder: &Path) -> Result<bool> {
        let Ok(sidecar) = std::fs::read(folder.join(SIDECAR)) else { return Ok(false) };
        let made: serde_json::Value = serde_json::from_slice(&sidecar).context("read the sidecar of segments")?;
        let segments = made["totals"]["segments"].as_u64().unwrap_or_default() * u64::from(self.copies());
        let are_there = files(folder, SEGMENT_EXTENSION)?.len() as u64 == segments;
        Ok(are_there && made["settings"] == serde_json::to_value(self.settings())?)
    }

    /// Makes the segments, and removes those of other settings.
    pub(crate) fn make(self, folder: &Path) -> Result<()> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let root = Root::create(folder.to_str().context("the folder's path is UTF-8")?)?;
        generate(&self.settings(), &SegmentOutput::new(root, runtime.handle().clone()), &|_| ())?;
        self.copy(folder)
    }

    /// Copies each segment, beside itself.
    fn copy(self, folder: &Path) -> Result<()> {
        for segment in files(folder, SEGMENT_EXTENSION)? {
            let name = segment.file_name().context("a segment has a name")?.display();
            for copy in 1..self.copies() {
                std::fs::copy(&segment, segment.with_file_name(format!("again-{copy:03}-{name}")))?;
            }
        }
        Ok(())
    }
}
