//! stdout, through which all results go. A reader that leaves early, as `head` does, is not an error.

use std::fmt::Display;
use std::io::{self, Write as _};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::args::OutputStyle;
use crate::json;
use crate::text::printable;

/// Shows a result, as a table for people or as one JSON object.
pub(crate) fn show<T: Serialize, D: Display>(
    style: OutputStyle,
    result: &T,
    table: impl FnOnce(&T) -> D,
) -> Result<()> {
    match style {
        OutputStyle::Table => text(table(result)),
        OutputStyle::Json => text(format_args!("{}\n", json::pretty(result).context("write JSON")?)),
    }
}

/// Prints text, with control characters escaped.
pub(crate) fn text(text: impl Display) -> Result<()> {
    let text = text.to_string();
    let mut out = io::stdout();
    ignore_broken_pipe(out.write_all(printable(&text).as_bytes()).and_then(|()| out.flush()))
}

/// Prints a line on stderr. A closed stderr is not an error.
pub(crate) fn say(text: impl Display) {
    let line = format!("{}\n", printable(&text.to_string()));
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Turns a failed write to stdout into an error, unless the reader has gone.
pub(crate) fn ignore_broken_pipe(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("write to stdout"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_no_failure_and_a_full_disk_is() {
        ignore_broken_pipe(Err(io::ErrorKind::BrokenPipe.into())).expect("it has what it wanted");
        let error = ignore_broken_pipe(Err(io::ErrorKind::StorageFull.into())).expect_err("the result is lost");
        assert!(error.to_string().contains("stdout"), "{error}");
    }
}
