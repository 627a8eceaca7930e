//! `tailor doctor`: a checklist. Each problem has a hint; the exit code is 1 if there is a problem.

mod certificates;
mod cluster;
mod store;

use std::fmt::Write;

use anyhow::Result;
use format::manifest::API_VERSION;
use serde::Serialize;

use crate::args::OutputStyle;
use crate::context::ContextArgs;
use crate::exit::Code;
use crate::out;

/// Options of `tailor doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Dataset to check: small objects are written below its `doctor/`, read and removed. Without it, no dataset is
    /// checked.
    ///
    /// For example `--dataset s3://metrics/dataset`.
    #[arg(long, value_name = "URI")]
    dataset: Option<String>,
    /// Input to check, by a listing and a read. Without it, no input is checked.
    ///
    /// For example `--input s3://metrics/segments`.
    #[arg(long, value_name = "URI")]
    input: Option<String>,
    #[command(flatten)]
    context: ContextArgs,
    /// Style of the result.
    ///
    /// For example `-o json`.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
}

/// Line of the checklist.
#[derive(Debug, Serialize)]
struct Check {
    check: String,
    is_ok: bool,
    /// Result of the check.
    found: String,
    /// Advice; empty if all is well.
    hint: &'static str,
}

impl Check {
    /// Creates a line from a result or a problem; `hint` is shown only with a problem.
    fn of(check: impl Into<String>, outcome: Result<String, String>, hint: &'static str) -> Self {
        let check = check.into();
        match outcome {
            Ok(found) => Self { check, is_ok: true, found, hint: "" },
            Err(found) => Self { check, is_ok: false, found, hint },
        }
    }
}

/// Document behind `-o json`.
#[derive(Debug, Serialize)]
struct Checklist {
    api_version: &'static str,
    kind: &'static str,
    checks: Vec<Check>,
}

pub(crate) async fn run(args: Args) -> Result<Code> {
    let (coordinators, identity) = args.context.connection()?;
    let mut checks = cluster::checks(&args.context.cluster()?).await;
    checks.extend(certificates::checks(&coordinators, &identity).await);
    if let Some(uri) = &args.dataset {
        checks.extend(store::checks_of_dataset(uri).await);
    }
    if let Some(uri) = &args.input {
        checks.extend(store::checks_of_input(uri).await);
    }
    let is_well = checks.iter().all(|check| check.is_ok);
    let checklist = Checklist { api_version: API_VERSION, kind: "Checklist", checks };
    out::show(args.output, &checklist, |checklist| lines(&checklist.checks))?;
    Ok(if is_well { Code::Done } else { Code::Failed })
}

fn lines(checks: &[Check]) -> String {
    let mut text = String::new();
    for Check { check, is_ok, found, hint } in checks {
        let mark = if *is_ok { '✔' } else { '✖' };
        let hint = if hint.is_empty() { String::new() } else { format!("\n    {hint}") };
        writeln!(text, "{mark} {check}: {found}{hint}").expect("a string takes any text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_has_a_hint() {
        let checks = [
            Check::of("workers", Ok("3 with 12 slots".to_owned()), "start one"),
            Check::of("workers", Err("none".to_owned()), "start one"),
        ];
        assert_eq!(lines(&checks), "✔ workers: 3 with 12 slots\n✖ workers: none\n    start one\n");
    }
}
