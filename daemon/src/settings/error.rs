//! What is wrong with a setting.

use std::path::PathBuf;

use super::nearest::nearest;
use super::{Key, Origin};

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file, or one that a setting names, cannot be read.
    #[error("read {what} from {}", path.display())]
    Read {
        /// What should be in it.
        what: String,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML, or has a value of a kind that no setting has.
    #[error("{}:{line}: {reason}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is there.
        reason: String,
    },
    /// There is no such setting.
    #[error("there is no setting {name} (from {origin}){hint}")]
    Unknown {
        /// The name that was given.
        name: String,
        /// By whom.
        origin: Origin,
        /// Which one was probably meant.
        hint: String,
    },
    /// A setting that must be given is not.
    #[error("{name} is not set; give --{flag}, {variable}, or {name} in the file")]
    Missing {
        /// The setting.
        name: &'static str,
        /// Its flag.
        flag: String,
        /// Its variable.
        variable: String,
    },
    /// A value is not what it should be.
    #[error("{name} is '{text}' (from {origin}); it should be {expected}")]
    Invalid {
        /// The setting.
        name: &'static str,
        /// Its value.
        text: String,
        /// Who gave it.
        origin: Origin,
        /// What it should be, with its article.
        expected: String,
    },
}

impl SettingsError {
    pub(super) fn unknown(name: String, origin: Origin, known: impl Iterator<Item = String>) -> Self {
        let hint = nearest(&name, known).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        Self::Unknown { name, origin, hint }
    }

    pub(super) fn missing(key: &Key) -> Self {
        Self::Missing { name: key.name, flag: key.flag(), variable: key.variable() }
    }
}
