//! Reader of files that a command line names.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

use crate::exit::{Code, Exit};

/// Reads the text of the file at `path`; `what` names its content in errors.
pub(crate) fn read_text(what: &str, path: &Path) -> Result<String> {
    let refused = |code, why: &str| Err(Exit::error(code, format!("{what} {} {why}", path.display())));
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => refused(Code::NotFound, "does not exist"),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            refused(Code::NotAllowed, "may not be read by this user")
        }
        text => text.with_context(|| format!("read {what} {}", path.display())),
    }
}

/// Makes a path absolute, so that it means the same folder to every process.
pub(crate) fn everywhere(uri: String) -> Result<String> {
    if uri.contains("://") || uri.is_empty() {
        return Ok(uri);
    }
    Ok(std::path::absolute(&uri)?.display().to_string())
}
