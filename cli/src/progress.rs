//! How far a job is: one bar on a terminal, plain lines elsewhere. Always on stderr.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use coordinator::{ShardReport, Watcher};
use indicatif::{ProgressBar, ProgressStyle};
use model::{ByteSize, ShardId, ShardPlan, TaskId, TaskKind};

/// Time between two looks on a terminal.
const BAR_INTERVAL: Duration = Duration::from_millis(150);

/// Time between two plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Watches a job and shows how far it is.
pub(crate) struct Progress {
    board: Arc<Board>,
    stop: mpsc::Sender<()>,
    shower: Option<JoinHandle<()>>,
}

/// What is known.
#[derive(Debug, Default)]
struct Board {
    is_planned: AtomicBool,
    bytes: AtomicU64,
    shards: AtomicUsize,
    ended: AtomicUsize,
    failed: AtomicUsize,
    attempts: Mutex<Attempts>,
}

#[derive(Debug, Default)]
struct Attempts {
    running: Vec<(TaskKind, Arc<worker::task::Progress>)>,
    bytes_read: u64,
    points_read: u64,
    points_written: u64,
}

impl Attempts {
    /// Bytes and points read, points written. Attempts that only this list still knows have ended, and are added up.
    fn totals(&mut self) -> (u64, u64, u64) {
        let (ended, running): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.running).into_iter().partition(|(_, progress)| Arc::strong_count(progress) == 1);
        for (kind, progress) in ended {
            let (bytes, points) = progress.so_far();
            match kind {
                TaskKind::Map => {
                    self.bytes_read += bytes;
                    self.points_read += points;
                }
                TaskKind::Reduce => self.points_written += points,
            }
        }
        self.running = running;
        let mut totals = (self.bytes_read, self.points_read, self.points_written);
        for (kind, progress) in &self.running {
            let (bytes, points) = progress.so_far();
            match kind {
                TaskKind::Map => {
                    totals.0 += bytes;
                    totals.1 += points;
                }
                TaskKind::Reduce => totals.2 += points,
            }
        }
        totals
    }
}

impl Progress {
    /// Starts to show.
    pub(crate) fn start() -> Self {
        let board = Arc::new(Board::default());
        let (stop, stopped) = mpsc::channel();
        let shower = std::thread::Builder::new().name("progress".to_owned()).spawn({
            let board = Arc::clone(&board);
            move || show(&board, &stopped)
        });
        // Without the thread there is no progress shown, and nothing else is lost.
        Self { board, stop, shower: shower.ok() }
    }

    /// Stops to show.
    pub(crate) fn finish(mut self) {
        // The thread may be gone already.
        let _ = self.stop.send(());
        if let Some(shower) = self.shower.take() {
            let _ = shower.join();
        }
    }
}

impl Watcher for Progress {
    fn planned(&self, plans: &[ShardPlan]) {
        self.board.bytes.store(plans.iter().map(ShardPlan::bytes).sum(), Ordering::Relaxed);
        self.board.shards.store(plans.len(), Ordering::Relaxed);
        self.board.is_planned.store(true, Ordering::Relaxed);
    }

    fn attempt_begins(&self, _shard: ShardId, task: TaskId) -> Arc<worker::task::Progress> {
        let progress = Arc::<worker::task::Progress>::default();
        if let Ok(mut attempts) = self.board.attempts.lock() {
            attempts.running.push((task.kind, Arc::clone(&progress)));
        }
        progress
    }

    fn shard_ends(&self, report: &ShardReport) {
        self.board.ended.fetch_add(1, Ordering::Relaxed);
        if !report.is_done() {
            self.board.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Board {
    fn line(&self, elapsed: Duration) -> (u64, String) {
        let (bytes, points, written) = self.attempts.lock().map(|mut attempts| attempts.totals()).unwrap_or_default();
        let total = self.bytes.load(Ordering::Relaxed);
        let seconds = elapsed.as_secs_f64().max(1e-3);
        let failed = match self.failed.load(Ordering::Relaxed) {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        let line = format!(
            "shards {}/{}{failed}, {}/{}, {:.1} M points/s read, {:.1} M written, ETA {}",
            self.ended.load(Ordering::Relaxed),
            self.shards.load(Ordering::Relaxed),
            ByteSize(bytes),
            ByteSize(total),
            points as f64 / seconds / 1e6,
            written as f64 / 1e6,
            eta(bytes, total, elapsed),
        );
        (bytes.min(total), line)
    }
}

fn eta(bytes: u64, total: u64, elapsed: Duration) -> String {
    if bytes == 0 || total == 0 {
        return "-".to_owned();
    }
    let left = elapsed.as_secs_f64() * (total.saturating_sub(bytes)) as f64 / bytes as f64;
    format!("{left:.0}s")
}

fn show(board: &Board, stopped: &mpsc::Receiver<()>) {
    let started = Instant::now();
    let bar = std::io::stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template("{bar:30} {percent}% {msg}");
        ProgressBar::new(1).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    });
    let interval = if bar.is_some() { BAR_INTERVAL } else { LINE_INTERVAL };
    while stopped.recv_timeout(interval) == Err(mpsc::RecvTimeoutError::Timeout) {
        if !board.is_planned.load(Ordering::Relaxed) {
            continue;
        }
        let (position, line) = board.line(started.elapsed());
        match &bar {
            Some(bar) => {
                bar.set_length(board.bytes.load(Ordering::Relaxed));
                bar.set_position(position);
                bar.set_message(line);
            }
            None => eprintln!("{line}"),
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}
