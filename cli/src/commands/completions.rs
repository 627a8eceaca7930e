//! `tailor completions`: scripts that complete command lines.

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::Tailor;
use crate::exit::Code;
use crate::out;

/// Options of `tailor completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Shell to print completions for.
    ///
    /// For example `tailor completions bash > /etc/bash_completion.d/tailor`.
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Result<Code> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Tailor::command(), "tailor", &mut script);
    out::text(String::from_utf8_lossy(&script))?;
    Ok(Code::Done)
}
