//! Confirmation of changes that cannot be undone: on a terminal by typing the name of the thing, elsewhere by
//! `--yes`.

use std::io::{IsTerminal, Write};

use anyhow::{Context, Result};

use crate::exit::{Code, Exit};
use crate::text::printable;

/// The option `--yes`, shared by every verb that asks.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Confirmation {
    /// Do it without asking. Needed where stdin is not a terminal.
    ///
    /// For example `tailor job cancel nightly --reason wrong --yes`.
    #[arg(short, long)]
    yes: bool,
}

impl Confirmation {
    /// Shows `what` will be changed, and continues only after confirmation: a person types `name`.
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
