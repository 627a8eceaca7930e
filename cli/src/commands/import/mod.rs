//! `tailor import`: other formats to segments.

mod csv; //    the options of CSV
mod otlp; //   and of OTLP
mod report; // what an import came to

use std::path::PathBuf;

use anyhow::Result;
use ingest::import::target::PAYLOAD_POINTS;
use ingest::import::{FoundFiles, ImportError, Notice, Rerun, Target, find_files};
use ingest::segment::Output;
use model::OrgId;
use storage::Root;

use self::report::Progress;
use super::runtime;
use super::shard::route::read_map;
use crate::args::OutputStyle;
use crate::exit::{Code, Exit};
use crate::out;

/// Formats.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Import {
    /// Rows of text: a timestamp and one or more values each; gzip and zstd too. docs/import.md shows each dialect.
    Csv(Box<csv::Args>),
    /// OpenTelemetry metrics as collectors write them: protobuf or JSON, plain or packed. docs/import.md has the forms.
    Otlp(otlp::Args),
}

/// Where imported points go.
#[derive(Debug, clap::Args)]
struct TargetArgs {
    /// Files, in source order; folders to search; - for standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Where the segments go: a path, file:// or s3:// URI.
    #[arg(long, value_name = "URI", required_unless_present = "preview")]
    out: Option<String>,
    /// The organisation whose points they become.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    org: Option<u64>,
    /// The shard map; without one, 64 shared shards.
    #[arg(long, value_name = "FILE")]
    shard_config: Option<PathBuf>,
    /// Points of a payload at the most.
    #[arg(long, value_name = "N", default_value_t = PAYLOAD_POINTS as u32, value_parser = clap::value_parser!(u32).range(1..=65536))]
    payload_points: u32,
    /// Import files again that were imported to the same place before, in the place of what is there.
    #[arg(long, conflicts_with = "resume")]
    replace: bool,
    /// Remove what a killed import left of a file, and import the file again.
    #[arg(long)]
    resume: bool,
    /// Points that share series and time with an earlier one of another value are fine: exit 0 and not 9.
    #[arg(long)]
    allow_collisions: bool,
    /// Show what the first file looks like, and the options to type; writes nothing.
    #[arg(long)]
    preview: bool,
    /// How to show the summary.
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

    /// Finds the files; those of folders that are left out are told.
    fn files(&self, extensions: &[&str]) -> Result<FoundFiles> {
        /// Names that are told.
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

/// Runs an import.
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

/// Runs `import` into the target of `args`, and says what is left where it stops.
fn with_target<T>(
    args: &TargetArgs,
    import: impl FnOnce(&Target<'_>, &mut dyn FnMut(Notice<'_>)) -> Result<T, ImportError>,
) -> Result<T> {
    let (map, _) = read_map(args.shard_config.as_deref())?;
    let runtime = runtime()?;
    let uri = args.out.as_deref().ok_or_else(|| Exit::error(Code::Usage, "give --out, where the segments go"))?;
    let output = Output::new(Root::create(uri)?, runtime.handle().clone());
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

/// Options that contradict themselves have the exit code of usage, input that is not there its own.
fn coded(error: ImportError) -> anyhow::Error {
    match &error {
        ImportError::Options { .. } | ImportError::NamedTwice { .. } => Exit::error(Code::Usage, error.to_string()),
        ImportError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Exit::error(Code::NotFound, format!("{error}: {source}"))
        }
        _ => error.into(),
    }
}
