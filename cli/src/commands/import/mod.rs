//! `tailor import`: segments from other formats.

mod csv; //    the options of CSV
mod otlp; //   and of OTLP
mod report; // what an import came to

use std::path::PathBuf;

use anyhow::Result;
use ingest::import::target::PAYLOAD_POINTS;
use ingest::import::{FoundFiles, ImportError, Notice, Rerun, Target, find_files};
use ingest::segment::SegmentOutput;
use model::OrgId;
use storage::Root;

use self::report::Progress;
use super::runtime;
use super::shard::route::read_map;
use crate::args::OutputStyle;
use crate::exit::{Code, Exit};
use crate::out;

/// Formats that can be imported.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Import {
    /// Import CSV: rows with a timestamp and values, also as gzip or zstd. docs/import.md has each dialect
    Csv(Box<csv::Args>),
    /// Import OTLP: protobuf or JSON as OpenTelemetry collectors write it. docs/import.md has the forms
    Otlp(otlp::Args),
}

/// Options of every import: files, and the target of their points.
#[derive(Debug, clap::Args)]
struct TargetArgs {
    /// Files, in source order; folders to search; - for standard input.
    ///
    /// For example `tailor import csv --org 7 --out segments january.csv february.csv`.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Place of the segments: a path, file:// or s3:// URI. Needed unless --preview is given.
    ///
    /// For example `--out segments`.
    #[arg(long, value_name = "URI", required_unless_present = "preview")]
    out: Option<String>,
    /// Organisation that the points are imported for. Without it, only `--dialect tailor` works, whose rows name
    /// their organisation.
    ///
    /// For example `--org 7`.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    org: Option<u64>,
    /// Shard map, as TOML. Without it, 64 shared shards.
    ///
    /// For example `--shard-config shards.toml`.
    #[arg(long, value_name = "FILE")]
    shard_config: Option<PathBuf>,
    /// Most points in a payload.
    ///
    /// For example `--payload-points 1000`.
    #[arg(long, value_name = "N", default_value_t = PAYLOAD_POINTS as u32, value_parser = clap::value_parser!(u32).range(1..=65536))]
    payload_points: u32,
    /// Import files again that were imported to the same place before, and replace their segments.
    ///
    /// For example `tailor import csv --org 7 --out segments january.csv --replace`.
    #[arg(long, conflicts_with = "resume")]
    replace: bool,
    /// Remove what a killed import left of a file, and import the file again.
    ///
    /// For example `tailor import csv --org 7 --out segments january.csv --resume`.
    #[arg(long)]
    resume: bool,
    /// Accept points that share series and time with an earlier point of another value: exit 0 instead of 9.
    ///
    /// For example `tailor import csv --org 7 --out segments january.csv --allow-collisions`.
    #[arg(long)]
    allow_collisions: bool,
    /// Show the layout of the first file and the options to type; writes nothing.
    ///
    /// For example `tailor import csv --preview january.csv`.
    #[arg(long)]
    preview: bool,
    /// Style of the summary.
    ///
    /// For example `-o json`.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
}

impl TargetArgs {
    fn rerun(&self) -> Rerun {
        match (self.replace, self.resume) {
            (true, _) => Rerun::Replace,
            (_, true) => Rerun::Resume,
            _ => Rerun::Refuse,
        }
    }

    /// Finds the files; reports files of folders that are left out.
    fn files(&self, extensions: &[&str]) -> Result<FoundFiles> {
        /// Number of names that are reported.
        const LEFT_OUT_SHOWN: usize = 10;
        let found = find_files(&self.paths, extensions).map_err(coded)?;
        for path in found.left_out.iter().take(LEFT_OUT_SHOWN) {
            crate::out::say(format_args!(
                "tailor: left out {}: it does not end in {}",
                path.display(),
                extensions.join(" or ")
            ));
        }
        if found.left_out.len() > LEFT_OUT_SHOWN {
            crate::out::say(format_args!("tailor: left out {} more files", found.left_out.len() - LEFT_OUT_SHOWN));
        }
        Ok(found)
    }
}

/// Runs an import of a format.
pub(crate) fn run(import: &Import) -> Result<Code> {
    let (args, report, next_step) = match import {
        Import::Csv(args) if args.target.preview => return csv::preview(args),
        Import::Csv(args) => (&args.target, csv::run(args)?, "give --labels, or --duplicates to the job"),
        Import::Otlp(args) => (&args.target, otlp::run(args)?, "give --duplicates to the job"),
    };
    out::show(args.output, &report, report::shown)?;
    if report.collisions.points > 0 && !args.allow_collisions {
        crate::out::say(format_args!("tailor: {}", report::collisions(&report, next_step)));
        return Ok(Code::Partly);
    }
    Ok(if report.books.rows.lost() > 0 { Code::Partly } else { Code::Done })
}

/// Runs `import` into the target of `args`; if it fails, reports which files are imported.
fn with_target<T>(
    args: &TargetArgs,
    import: impl FnOnce(&Target<'_>, &mut dyn FnMut(Notice<'_>)) -> Result<T, ImportError>,
) -> Result<T> {
    let (map, _) = read_map(args.shard_config.as_deref())?;
    let runtime = runtime()?;
    let uri = args.out.as_deref().ok_or_else(|| Exit::error(Code::Usage, "give --out, where the segments go"))?;
    let output = SegmentOutput::new(Root::create(uri)?, runtime.handle().clone());
    let route = |org| map.shard(org);
    let org = OrgId(args.org.unwrap_or_default());
    let target = Target { route: &route, payload_points: args.payload_points as usize, ..Target::new(&output, org) };
    let mut progress = Progress::default();
    let outcome = import(&target, &mut |notice| progress.hear(&notice));
    if outcome.is_err() {
        progress.tell_what_is_left();
    }
    outcome.map_err(coded)
}

/// Gives contradicting options the exit code of usage, and missing input a code of its own.
fn coded(error: ImportError) -> anyhow::Error {
    match &error {
        ImportError::Options { .. } | ImportError::NamedTwice { .. } => Exit::error(Code::Usage, error.to_string()),
        ImportError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Exit::error(Code::NotFound, format!("{error}: {source}"))
        }
        _ => error.into(),
    }
}
