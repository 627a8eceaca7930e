//! `tailor completions SHELL`.

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::Tailor;
use crate::exit::Code;

/// Options of `tailor completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell.
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Result<Code> {
    clap_complete::generate(args.shell, &mut Tailor::command(), "tailor", &mut std::io::stdout());
    Ok(Code::Done)
}
