//! Progress of a job of this process, on stderr: one bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use local::Watcher;
use model::ByteSize;
use proto::v1;

/// Time between two plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Display of a job's progress.
pub(crate) struct Progress {
    started: Instant,
    bar: Option<ProgressBar>,
    next_line: Mutex<Instant>,
}

impl Progress {
    /// Starts the display: a bar on a terminal, plain lines elsewhere.
    pub(crate) fn start() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {percent}% {msg}");
            ProgressBar::new(1).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        let started = Instant::now();
        Self { started, bar, next_line: Mutex::new(started + LINE_INTERVAL) }
    }

    /// Ends the display; removes the bar.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Watcher for Progress {
    fn show(&self, job: &v1::GetJobResponse) {
        let Some(summary) = job.job.as_ref().filter(|summary| summary.shards > 0) else { return };
        match &self.bar {
            Some(bar) => {
                bar.set_length(summary.bytes);
                bar.set_position(summary.bytes_read);
                bar.set_message(line(job, summary, self.started.elapsed()));
            }
            None => {
                let mut next_line = self.next_line.lock().unwrap_or_else(PoisonError::into_inner);
                if *next_line <= Instant::now() {
                    *next_line = Instant::now() + LINE_INTERVAL;
                    crate::out::say(line(job, summary, self.started.elapsed()));
                }
            }
        }
    }
}

fn line(job: &v1::GetJobResponse, summary: &v1::JobSummary, elapsed: Duration) -> String {
    let failed = match summary.shards_failed {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    let read: u64 = job.shards.iter().map(|shard| shard.points_read).sum();
    let written: u64 = job.shards.iter().map(|shard| shard.points_written).sum();
    format!(
        "shards {}/{}{failed}, {}/{}, {:.1} M points/s read, {:.1} M written, ETA {}",
        summary.shards_done + summary.shards_failed,
        summary.shards,
        ByteSize(summary.bytes_read),
        ByteSize(summary.bytes),
        read as f64 / elapsed.as_secs_f64().max(1e-3) / 1e6,
        written as f64 / 1e6,
        eta(summary.bytes_read, summary.bytes, elapsed),
    )
}

fn eta(bytes: u64, total: u64, elapsed: Duration) -> String {
    if bytes == 0 || total == 0 {
        return "-".to_owned();
    }
    let left = elapsed.as_secs_f64() * (total.saturating_sub(bytes)) as f64 / bytes as f64;
    format!("{left:.0}s")
}
