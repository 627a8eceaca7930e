//! Settings: one table per program, in layers: defaults, file, environment, flags.
//!
//! A [`Key`] is declared once, and its three spellings follow from its name:
//!
//! | name and key of the TOML file | environment | flag |
//! |---|---|---|
//! | `etcd.ca-file` (or `ca-file` below `[etcd]`) | `TAILOR_ETCD_CA_FILE` | `--etcd-ca-file VALUE` |
//!
//! [`Layers::load`] lays the flags over the environment over the file over the defaults, and refuses every name that no
//! table has: a misspelt setting that is passed over looks like one that does not work. An empty value takes away what
//! the layers below gave. Everything is text up to here; a program reads its keys with the getters, which know their
//! types and name key, value and source when it does not fit, and keeps the result in a `Settings` of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

mod error; //       errors of settings
mod file; //        parser of the TOML file
mod environment; // parser of environment variables
mod flags; //       command line flags, as a part of a `clap` parser
mod getters; //     conversion of texts to values
mod nearest; //     suggestion for a misspelt name
#[cfg(test)]
mod tests;

pub use environment::environment;
pub use error::SettingsError;
pub use flags::{Flags, Tables};

/// Declaration of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Name: words with dashes, in groups separated by dots.
    pub name: &'static str,
    /// Default value, as text; none if there is none.
    pub default: Option<&'static str>,
    /// Help text: a sentence on what the setting does, and on what happens without it where it has no default.
    pub help: &'static str,
    /// Example of a value.
    pub example: &'static str,
    /// True if the value is never shown.
    pub is_secret: bool,
    /// True for a setting that is true or false, whose flag alone means true.
    pub is_switch: bool,
}

impl Key {
    /// Declares a setting that may be shown.
    pub const fn new(
        name: &'static str,
        default: Option<&'static str>,
        help: &'static str,
        example: &'static str,
    ) -> Self {
        Self { name, default, help, example, is_secret: false, is_switch: false }
    }

    /// Declares a setting that is off by default, and that its flag alone switches on.
    pub const fn switch(name: &'static str, help: &'static str) -> Self {
        Self { name, default: Some("false"), help, example: "true", is_secret: false, is_switch: true }
    }

    /// Environment variable of the setting: `TAILOR_ETCD_CA_FILE`.
    pub fn variable(&self) -> String {
        format!("{}{}", environment::PREFIX, self.name.replace(['.', '-'], "_").to_uppercase())
    }

    /// Flag of the setting, without leading dashes: `etcd-ca-file`.
    pub fn flag(&self) -> String {
        self.name.replace('.', "-")
    }
}

/// Origin of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Default in the table.
    Default,
    /// Settings file.
    File {
        /// Path of the file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
    },
    /// Environment variable; none if a message already names the variable.
    Environment(Option<String>),
    /// Flag of the command line.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "file {}:{line}", path.display()),
            Self::Environment(Some(variable)) => write!(f, "environment {variable}"),
            Self::Environment(None) => f.write_str("the environment"),
            Self::Flag(flag) => write!(f, "flag --{flag}"),
        }
    }
}

/// Name and text that a layer gives.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Given {
    name: String,
    text: String,
    origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Value {
    text: String,
    origin: Origin,
}

/// Every setting of a program, with its text and origin.
#[derive(Debug, Clone)]
pub struct Layers {
    /// Keys in the order of the tables.
    keys: Vec<Key>,
    values: BTreeMap<&'static str, Value>,
}

impl Layers {
    /// Merges the layers: `flags` (names and texts) over `environment` over `file` over the defaults. If several
    /// tables have a key, the last one's default counts.
    ///
    /// # Errors
    /// The file cannot be read, or a layer gives a name that no table has.
    pub fn load(
        tables: &[&[Key]],
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: Vec<(String, String)>,
    ) -> Result<Self, SettingsError> {
        let mut layers = Self { keys: merged(tables), values: BTreeMap::new() };
        for key in layers.keys.clone() {
            if let Some(text) = key.default {
                layers.values.insert(key.name, Value { text: text.to_owned(), origin: Origin::Default });
            }
        }
        if let Some(path) = file {
            layers.lay(file::read(path)?)?;
        }
        layers.lay(environment::given(&layers.keys, environment)?)?;
        let flags = flags.into_iter().map(|(name, text)| {
            let origin = Origin::Flag(name.replace('.', "-"));
            Given { name, text, origin }
        });
        layers.lay(flags.collect())?;
        Ok(layers)
    }

    fn lay(&mut self, layer: Vec<Given>) -> Result<(), SettingsError> {
        for Given { name, text, origin } in layer {
            let Some(key) = self.keys.iter().find(|key| key.name == name) else {
                let known = self.keys.iter().map(|key| key.name.to_owned());
                return Err(SettingsError::unknown(name, origin, known));
            };
            self.values.insert(key.name, Value { text, origin });
        }
        Ok(())
    }

    /// Prints every setting as `key = "value"  # from origin`, which is a valid settings file; secrets are masked.
    pub fn print(&self) -> String {
        let mut lines = String::new();
        for key in &self.keys {
            let line = match self.values.get(key.name) {
                Some(value) => {
                    let text = if key.is_secret && !value.text.is_empty() { "***" } else { &value.text };
                    let quoted = toml::Value::String(text.to_owned());
                    match &value.origin {
                        Origin::Default => format!("{} = {quoted}  # default\n", key.name),
                        origin => format!("{} = {quoted}  # from {origin}\n", key.name),
                    }
                }
                None => format!("# {} is not set\n", key.name),
            };
            lines.push_str(&line);
        }
        lines
    }
}

/// Merges the tables: each key once, in order of its first appearance.
fn merged(tables: &[&[Key]]) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for key in tables.iter().copied().flatten() {
        match keys.iter_mut().find(|known| known.name == key.name) {
            Some(known) => *known = *key,
            None => keys.push(*key),
        }
    }
    keys
}
