//! `tailor`: the one binary. stdout carries data, stderr everything else; exit codes are those of `exit`.
#![allow(clippy::print_stderr, reason = "the CLI's messages; its data goes through `out`")]

// What commands share: output format, times, windows.
mod args;
// Which cluster a command talks to.
mod context;
// The cluster, as its verbs ask it.
mod cluster;
// One file a verb.
mod commands;
// What is asked before something is changed that cannot be undone.
mod confirm;
// What the cluster answers, as people and programs get it.
mod documents;
// A job that runs, followed to its end.
mod watch;
// Files that a command line names.
mod files;
// Exit codes, and which failure has which.
mod exit;
// JSON as readers of doubles understand it.
mod json;
// stdout: results, and readers that go early.
mod out;
// Text on its way to a terminal.
mod text;
// How far a job is, on a terminal or in plain lines.
mod progress;
// How many files may be open.
mod open_files;
// Reports as tables.
mod tables;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

use commands::Command;

/// Freed arenas go back to the system promptly, and page faults stay off the hot path (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Turns windows of metric payloads into per-series, time-ordered, compressed files and their rollups.
#[derive(Debug, Parser)]
#[command(name = "tailor", version, infer_subcommands = true, propagate_version = true)]
struct Tailor {
    /// Log more: -v what is done, -vv every attempt.
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

/// Tells help and version as they are, and what is wrong with a command line without what a terminal would obey in it.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // A reader that has gone has what it wanted.
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
