//! Measures what people who watch cost the leader: changes a second while pages are open, over those without, in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::Options;
use super::cluster::{self, Cluster};
use super::workers::Workers;

/// Smallest ratio of changes per second with viewers to those without.
const RATIO_MIN: f64 = 0.97;
/// Time in which every page is sent for the first time, before changes are counted.
const SETTLED_IN: Duration = Duration::from_secs(2);

/// Measures pairs, and prints each of them.
pub(super) async fn measure(options: &Options) -> Result<()> {
    let cluster = Cluster::start(&options.tailor).await?;
    cluster.submit(options.tasks).await?;
    let workers = Workers::join(&cluster).await?;
    let span = Duration::from_secs(options.seconds);
    // Work that fills etcd and the caches counts for neither side.
    let mut changes = workers.work(span).await? * span.as_secs_f64();
    let (mut ratios, count) = (Vec::new(), options.viewers);
    for pair in 0..options.viewer_pairs {
        // The sides take turns to be the first of a pair, because etcd becomes slower as its history grows.
        let sides = if pair % 2 == 0 { [0, count] } else { [count, 0] };
        let mut rates = [0.0; 2];
        let mut sent = 0;
        for viewers in sides {
            let watching = Viewers::open(cluster.pages(), viewers);
            tokio::time::sleep(SETTLED_IN).await;
            let rate = workers.work(span).await?;
            sent += watching.close().await?;
            rates[usize::from(viewers > 0)] = rate;
            changes += rate * span.as_secs_f64();
        }
        // A task is claimed and completed; without open ones, workers would wait.
        ensure!(changes / 2.0 < options.tasks as f64 * 0.9, "the tasks are used up: name more `--tasks`");
        let ratio = rates[1] / rates[0];
        println!(
            "viewers, pair {pair}: {:.0} changes/s without, {:.0} with {count}, which got {:.1} MB; ratio {ratio:.3}",
            rates[0],
            rates[1],
            sent as f64 / 1e6
        );
        ratios.push(ratio);
    }
    ratios.sort_by(f64::total_cmp);
    let (least, most) = ratios.first().zip(ratios.last()).context("at least one pair")?;
    let median = ratios[ratios.len() / 2];
    println!("viewers, median of {}: {median:.3}, from {least:.3} to {most:.3} (at least {RATIO_MIN})", ratios.len());
    ensure!(median >= RATIO_MIN, "viewers cost the leader too much");
    Ok(())
}

/// Open pages, read to their end.
struct Viewers {
    watching: Vec<JoinHandle<Result<()>>>,
    /// Bytes that the pages were sent.
    sent: Arc<AtomicU64>,
}

impl Viewers {
    /// Opens so many pages, each view by its share.
    fn open(port: u16, count: usize) -> Self {
        let job = cluster::job();
        let pages = [
            String::new(),
            format!("jobs/{job}"),
            format!("jobs/{job}/shards/org-mod-00"),
            "workers".to_owned(),
            "trouble".to_owned(),
        ];
        let sent = Arc::<AtomicU64>::default();
        let open = |at: usize| {
            let (page, sent) = (pages[at % pages.len()].clone(), Arc::clone(&sent));
            tokio::spawn(async move { watch(port, &page, &sent).await })
        };
        Self { watching: (0..count).map(open).collect(), sent }
    }

    /// Closes the pages; returns the bytes that they were sent.
    ///
    /// # Errors
    /// A page was refused, or ended while it was watched.
    async fn close(self) -> Result<u64> {
        for watching in self.watching {
            if watching.is_finished() {
                watching.await??;
            } else {
                watching.abort();
            }
        }
        Ok(self.sent.load(Ordering::Relaxed))
    }
}

/// Watches a page until the server ends it, which is an error.
async fn watch(port: u16, page: &str, sent: &AtomicU64) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request =
        format!("GET /ui/{page}?format=live HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = vec![0; 64 << 10];
    let mut is_first = true;
    loop {
        let read = stream.read(&mut buffer).await?;
        ensure!(read > 0, "the stream of /ui/{page} has ended");
        ensure!(
            !is_first || buffer.starts_with(b"HTTP/1.1 200"),
            "/ui/{page}: {}",
            String::from_utf8_lossy(&buffer[..read])
        );
        is_first = false;
        sent.fetch_add(read as u64, Ordering::Relaxed);
    }
}
