//! `tailor dataset verify`.

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
    /// How to show the result.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
    /// How deep: manifest, objects, rows or oracle (the input is read again, plainly, and compared).
    #[arg(long, value_name = "LEVEL", default_value_t)]
    level: Level,
    /// Where the segments lie; needed by the oracle.
    #[arg(long, value_name = "URI", required_if_eq("level", "oracle"))]
    input: Option<String>,
    /// Memory for the oracle; larger inputs are read in several passes.
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
