//! `tailor dataset gc`: one collection, or a collector that repeats it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use dataset::Catalog;
use dataset::gc::{GcOptions, GcReport, MIN_AGE, Scope, abort_uploads, collect};
use model::{ByteSize, SystemClock};

use crate::args::OutputStyle;
use crate::exit::Code;
use crate::{json, out};

/// Age at which unfinished uploads are aborted: no attempt needs so long for one object.
const UPLOADS_MIN_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Options of `tailor dataset gc`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Dataset: a path, file:// or s3:// URI.
    ///
    /// For example `tailor dataset gc s3://metrics/dataset`.
    #[arg(value_name = "URI")]
    dataset: String,
    /// Number of versions to keep of each window and shard. Without it, all.
    ///
    /// For example `--keep-versions 3`.
    #[arg(long, value_name = "N")]
    keep_versions: Option<usize>,
    /// Least age of objects to collect, by the store's clock. Without it, 1h.
    ///
    /// For example `--min-age 6h`.
    #[arg(long, value_name = "DURATION", value_parser = model::time::parse_duration)]
    min_age: Option<Duration>,
    /// Look only at jobs that ran since they were swept last. Without it, at all jobs that the dataset knows.
    ///
    /// For example `tailor dataset gc dataset --changed`.
    #[arg(long)]
    changed: bool,
    /// Time between two collections, repeated until a signal ends the command: a collector apart from the
    /// coordinators. Needs --delete --yes, and also aborts uploads that stayed unfinished for a day. Without it, one
    /// collection.
    ///
    /// For example `--watch 1h --delete --yes`.
    #[arg(long, value_name = "INTERVAL", value_parser = model::time::parse_duration)]
    watch: Option<Duration>,
    /// Delete what is found. Without it, the objects are only listed.
    ///
    /// For example `--delete --yes`.
    #[arg(long)]
    delete: bool,
    /// Confirm --delete, which without it only shows what would be deleted.
    ///
    /// For example `--delete --yes`.
    #[arg(short, long)]
    yes: bool,
    /// Style of the result. With --watch, `json` prints one object on a line for each collection.
    ///
    /// For example `-o json`.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let catalog = Catalog::open(&args.dataset)?;
    let options = GcOptions {
        keep_versions: args.keep_versions,
        min_age: args.min_age.unwrap_or(MIN_AGE),
        delete: args.delete && args.yes,
        scope: if args.changed { Scope::Changed } else { Scope::All },
    };
    if let Some(interval) = args.watch {
        return watch(&catalog, options, interval, args.output).await;
    }
    let report = collect(&catalog, &options, &SystemClock).await?;
    out::show(args.output, &report, shown)?;
    warn(&report);
    if args.delete && !args.yes && report.objects > 0 {
        crate::out::say(format_args!("tailor: nothing was deleted; say --yes to delete the above"));
        return Ok(Code::NeedsYes);
    }
    Ok(Code::Done)
}

/// Collects repeatedly. A failed collection is reported, and the next one tries again.
async fn watch(catalog: &Catalog, mut options: GcOptions, interval: Duration, style: OutputStyle) -> Result<Code> {
    use tokio::signal::unix::{SignalKind, signal};
    if !options.delete {
        bail!("--watch deletes what it finds: say --delete --yes, or look once without --watch");
    }
    if interval.is_zero() {
        bail!("--watch 0s would collect without a pause; give the time between two collections, such as 1h");
    }
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    // The number of versions to keep may differ from that of an earlier process.
    options.scope = options.scope.max(Scope::Versions);
    loop {
        let ended = tokio::select! {
            collected = collect_once(catalog, &options, style) => collected,
            _ = interrupt.recv() => return Ok(Code::Done),
            _ = terminate.recv() => return Ok(Code::Done),
        };
        if let Err(error) = ended {
            crate::out::say(format_args!("tailor: a collection failed, the next one tries again: {error:#}"));
        } else {
            options.scope = Scope::Changed;
        }
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            _ = interrupt.recv() => return Ok(Code::Done),
            _ = terminate.recv() => return Ok(Code::Done),
        }
    }
}

async fn collect_once(catalog: &Catalog, options: &GcOptions, style: OutputStyle) -> Result<()> {
    let report = collect(catalog, options, &SystemClock).await?;
    match style {
        // Each collection prints a document on a line of its own, so that a reader can tell them apart.
        OutputStyle::Json => out::text(json::line(&report).context("write JSON")? + "\n")?,
        OutputStyle::Table if report.objects > 0 => out::text(shown(&report))?,
        OutputStyle::Table => {}
    }
    warn(&report);
    for upload in abort_uploads(catalog.root(), UPLOADS_MIN_AGE).await? {
        crate::out::say(format_args!("tailor: aborted the abandoned upload of {}", catalog.root().object(&upload.key)));
    }
    Ok(())
}

fn warn(report: &GcReport) {
    for warning in &report.warnings {
        crate::out::say(format_args!("tailor: warning: {warning}"));
    }
}

fn shown(report: &GcReport) -> String {
    let mut text = String::new();
    for garbage in &report.garbage {
        let reason = serde_json::to_value(garbage.reason).unwrap_or_default();
        let reason = reason.as_str().unwrap_or("garbage").to_owned();
        text.push_str(&format!("{reason}\t{}\t{}\n", ByteSize(garbage.size), garbage.key));
    }
    let done = if report.deleted { "deleted" } else { "found" };
    text.push_str(&format!(
        "{done} {} objects, {}; {} manifests retained, {} unnamed objects too young to judge or in use, {} jobs open, {} \
         ended lately\n",
        report.objects,
        ByteSize(report.bytes),
        report.manifests_retained,
        report.objects_young,
        report.jobs_open,
        report.jobs_young,
    ));
    text
}
