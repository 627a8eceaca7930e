//! `tailor dataset gc`.

use std::time::Duration;

use anyhow::Result;
use dataset::Catalog;
use dataset::gc::{GcOptions, GcReport, MIN_AGE, collect};
use model::{ByteSize, SystemClock};

use crate::args::OutputStyle;
use crate::exit::Code;
use crate::out;

/// Options of `tailor dataset gc`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The dataset: a path, file:// or s3:// URI.
    #[arg(value_name = "URI")]
    dataset: String,
    /// Versions to keep of each window and shard; without it, all.
    #[arg(long, value_name = "N")]
    keep_versions: Option<usize>,
    /// Leave younger objects alone: a job that runs has not committed yet.
    #[arg(long, value_name = "DURATION", value_parser = model::time::parse_duration)]
    min_age: Option<Duration>,
    /// Delete what is found, instead of only listing it.
    #[arg(long)]
    delete: bool,
    /// Do it: --delete alone only says what it would do.
    #[arg(short, long)]
    yes: bool,
    /// How to show the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let catalog = Catalog::open(&args.dataset)?;
    let options = GcOptions {
        keep_versions: args.keep_versions,
        min_age: args.min_age.unwrap_or(MIN_AGE),
        delete: args.delete && args.yes,
    };
    let report = collect(&catalog, &options, &SystemClock).await?;
    out::show(args.output, &report, shown)?;
    if args.delete && !args.yes && !report.garbage.is_empty() {
        crate::out::say(format_args!("tailor: nothing was deleted; say --yes to delete the above"));
        return Ok(Code::NeedsYes);
    }
    Ok(Code::Done)
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
        "{done} {} objects, {}; {} manifests retained, {} unnamed objects too young to judge or in use\n",
        report.garbage.len(),
        ByteSize(report.bytes),
        report.manifests_retained,
        report.objects_young,
    ));
    text
}
