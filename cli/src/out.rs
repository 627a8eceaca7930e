//! stdout: the one way out for results. A reader that has gone, as `head` does, has what it wanted: that is no failure.

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

/// Prints text, with what a terminal would obey spelt out.
pub(crate) fn text(text: impl Display) -> Result<()> {
    let text = text.to_string();
    let mut out = io::stdout();
    settle(out.write_all(printable(&text).as_bytes()).and_then(|()| out.flush()))
}

/// Says something on stderr, in a line of its own. Whoever closed stderr does not want to hear it: that is no failure.
pub(crate) fn say(text: impl Display) {
    let line = format!("{}\n", printable(&text.to_string()));
    let _ = io::stderr().write_all(line.as_bytes());
}

/// What a write to stdout came to: the end of the reader is an end like any other.
pub(crate) fn settle(written: io::Result<()>) -> Result<()> {
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
        settle(Err(io::ErrorKind::BrokenPipe.into())).expect("it has what it wanted");
        let error = settle(Err(io::ErrorKind::StorageFull.into())).expect_err("the result is lost");
        assert!(error.to_string().contains("stdout"), "{error}");
    }
}
