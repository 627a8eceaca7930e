//! `tailor`: the one binary. stdout carries data, stderr everything else; exit codes are those of `exit`.
#![allow(clippy::print_stderr, reason = "the CLI's messages; its data goes through `out`")]

// Options that commands share: output format, times, windows.
mod args;
// Choice of the cluster that a command asks.
mod context;
// Certificate or token of this client.
mod identity;
// Client of the cluster.
mod cluster;
// Commands, one file a verb.
mod commands;
// First screen of help: the commands by groups.
mod help;
// Confirmation of changes that cannot be undone.
mod confirm;
// Documents: answers of the cluster, for people and for programs.
mod documents;
// Display of a running job until its end.
mod watch;
// Reader of files that a command line names.
mod files;
// Exit codes, and the failures that have each code.
mod exit;
// JSON for readers that hold numbers as doubles.
mod json;
// stdout, including readers that leave early.
mod out;
// Text that is safe on a terminal.
mod text;
// Progress of a job of this process.
mod progress;
// Limit of open files.
mod open_files;
// Tables of reports.
mod tables;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

use commands::Command;

/// Allocator that returns freed arenas promptly and keeps page faults off the hot path (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Turns windows of metric payloads into per-series, time-ordered, compressed files and their rollups.
#[derive(Debug, Parser)]
#[command(name = "tailor", version, infer_subcommands = true, propagate_version = true)]
#[command(help_template = help::template())]
struct Tailor {
    /// Log more: -v each step, -vv every attempt. Without it, warnings and errors.
    ///
    /// For example `tailor -v run --input segments --dataset dataset`.
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,

    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let tailor = match Tailor::try_parse() {
        Ok(tailor) => tailor,
        Err(error) => return refuse(&error),
    };
    if !tailor.command.is_server() {
        log_to_stderr(tailor.verbose);
    }
    show_broken_invariants();
    open_files::raise_limit();
    match commands::run(tailor.command) {
        Ok(code) => code.into(),
        Err(error) => {
            crate::out::say(format_args!("tailor: {}", model::error::chain(error.as_ref())));
            exit::Code::of(&error).into()
        }
    }
}

/// Shows the invariant that a panic carries as its value; the standard hook shows texts alone.
fn show_broken_invariants() {
    let standard = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if let Some(broken) = panic.payload().downcast_ref::<model::Broken>() {
            out::say(format_args!("tailor: {broken}; please report this"));
        }
        standard(panic);
    }));
}

/// Prints help or version as they are. Prints errors of the command line with control characters escaped.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A failure to print means that the reader has gone, which is not an error.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    out::say(error.render().to_string().trim_end());
    exit::Code::Usage.into()
}

fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("TAILOR_LOG").unwrap_or_else(|_| level.into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .without_time()
        .with_target(false)
        .init();
}
