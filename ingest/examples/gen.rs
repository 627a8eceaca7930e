//! Makes the measured workload: `gen OUT [POINTS] [THREADS]`.

use anyhow::Context;
use ingest::segment::SegmentOutput;
use ingest::synthetic::{GenSettings, generate};
use storage::Root;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().context("name the output")?;
    let mut settings = GenSettings::default();
    if let Some(points) = arguments.next() {
        settings.points = points.parse().context("read POINTS")?;
    }
    if let Some(threads) = arguments.next() {
        settings.threads = threads.parse().context("read THREADS")?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let output = SegmentOutput::new(Root::create(&out)?, runtime.handle().clone());
    let summary = generate(&settings, &output, &|_| ())?;
    let totals = summary.totals;
    let bits = totals.bytes as f64 * 8.0 / totals.points_emitted as f64;
    #[allow(clippy::print_stdout, reason = "its data")]
    {
        println!("{totals:#?}\nbits per point {bits:.2}");
    }
    Ok(())
}
