//! Errors of settings.

use std::path::PathBuf;

use super::nearest::nearest;
use super::{Key, Origin};

/// Error of settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The settings file, or a file that a setting names, cannot be read.
    #[error("cannot read {what} from {}", path.display())]
    Read {
        /// Content that the file should have.
        what: String,
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The file is not TOML, or has a value of a type that no setting has.
    #[error("{}:{line}: {reason}", path.display())]
    Malformed {
        /// Path of the file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// Message of the parser.
        reason: String,
    },
    /// No setting has the name.
    #[error("there is no setting {name} (from {origin}){hint}")]
    Unknown {
        /// The name that was given.
        name: String,
        /// Layer that gave it.
        origin: Origin,
        /// Suggestion of a similar name.
        hint: String,
    },
    /// A required setting is missing.
    #[error("{name} is not set; give --{flag}, {variable}, or {name} in the file")]
    Missing {
        /// Name of the setting.
        name: &'static str,
        /// Flag of the setting.
        flag: String,
        /// Environment variable of the setting.
        variable: String,
    },
    /// A value is not acceptable.
    #[error("{name} is '{text}' (from {origin}); it should be {expected}")]
    Invalid {
        /// Name of the setting.
        name: &'static str,
        /// Value as text.
        text: String,
        /// Layer that gave it.
        origin: Origin,
        /// Expected form, with its article.
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
