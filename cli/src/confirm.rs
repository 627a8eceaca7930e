//! What is asked before something is changed that cannot be undone: on a terminal the name of the thing, elsewhere `--yes`.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result};

use crate::exit::{Code, Exit};
use crate::text::printable;

/// `--yes`, for every verb that asks.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Confirmation {
    /// Do it, without being asked.
    #[arg(short, long)]
    yes: bool,
}

impl Confirmation {
    /// Tells `what` will be changed, and goes on only if that is wanted: `name` is what a person types to say so.
    pub(crate) fn ask(self, what: &str, name: &str) -> Result<()> {
        if self.yes {
            crate::out::say(format_args!("tailor: {what}"));
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(Exit::error(Code::NeedsYes, format!("{what}; say --yes to do it")));
        }
        let question = format!("tailor: {}\ntype {} to do it: ", printable(what), printable(name));
        std::io::stderr().write_all(question.as_bytes()).context("write to stderr")?;
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).context("read the answer")?;
        if answer.trim() == name {
            return Ok(());
        }
        Err(Exit::error(Code::NeedsYes, "nothing was changed"))
    }
}
