//! `tailor dataset verify`: a check of committed data.

use anyhow::Result;
use dataset::oracle::OracleOptions;
use dataset::verify::{Level, Verification, VerifyOptions, verify};
use model::ByteSize;
use storage::Root;

use super::Scope;
use crate::args::OutputStyle;
use crate::exit::Code;
use crate::out;

/// Options of `tailor dataset verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    scope: Scope,
    /// Style of the result.
    ///
    /// For example `-o json`.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
    /// Depth of the check: manifest, objects, rows, or oracle (a second computation from the input, compared point by
    /// point).
    ///
    /// For example `--level rows`.
    #[arg(long, value_name = "LEVEL", default_value_t)]
    level: Level,
    /// Segments of the job, for `--level oracle` only: a path, file:// or s3:// URI.
    ///
    /// Without it, only the committed data is read. For example `--level oracle --input s3://metrics/segments`.
    #[arg(long, value_name = "URI", required_if_eq("level", "oracle"))]
    input: Option<String>,
    /// Memory for the oracle; larger inputs are read in several passes.
    ///
    /// For example `--memory 4GiB`.
    #[arg(long, value_name = "SIZE", default_value = "1GiB")]
    memory: ByteSize,
}

pub(super) async fn run(args: Args) -> Result<Code> {
    let oracle = match &args.input {
        Some(input) => Some(OracleOptions { input: Root::open(input)?, memory_bytes: args.memory.0 }),
        None => None,
    };
    let options = VerifyOptions { level: args.level, selection: args.scope.selection(), oracle };
    let verification = verify(&args.scope.catalog()?, &options).await?;
    out::show(args.output, &verification, shown)?;
    for warning in &verification.warnings {
        crate::out::say(format_args!("tailor: warning: {warning}"));
    }
    Ok(if verification.is_clean() { Code::Done } else { Code::Difference })
}

fn shown(verification: &Verification) -> String {
    let checked = &verification.checked;
    let mut text = String::new();
    for difference in &verification.differences.listed {
        text.push_str(&format!("{difference}\n"));
    }
    text.push_str(&format!(
        "verified {} at level {}: {} manifests, {} objects ({}), {} series, {} points, {} rollup rows: {}\n",
        verification.dataset,
        verification.level,
        checked.manifests,
        checked.objects,
        ByteSize(checked.bytes),
        checked.series,
        checked.points,
        checked.rollup_rows,
        match verification.differences.total {
            0 => "no difference".to_owned(),
            total => format!("{total} differences"),
        },
    ));
    text
}
