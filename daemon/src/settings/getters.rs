//! From text to values. An error names the key, its value, where that comes from, and what it should be.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use model::ByteSize;
use model::time::parse_duration;

use super::{Key, Layers, SettingsError, Value};

impl Layers {
    /// Text that must be given.
    ///
    /// # Errors
    /// If it is not.
    pub fn string(&self, name: &str) -> Result<String, SettingsError> {
        self.optional(name).ok_or_else(|| SettingsError::missing(self.key(name)))
    }

    /// Text that may be given.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.given(name).map(|value| value.text.clone())
    }

    /// What stands between commas; nothing if it is not given.
    pub fn list(&self, name: &str) -> Vec<String> {
        let items = self.given(name).map(|value| value.text.split(','));
        items.into_iter().flatten().map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    /// A value that must be given: `layers.parse("slots", "a number from 1 to 256")`.
    ///
    /// # Errors
    /// If it is not given, or not as `expected`.
    pub fn parse<T: FromStr>(&self, name: &str, expected: &str) -> Result<T, SettingsError> {
        self.read(name, expected, |text| text.parse().ok())
    }

    /// A value that may be given.
    ///
    /// # Errors
    /// If it is given, and not as `expected`.
    pub fn parse_optional<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, SettingsError> {
        self.given(name).map(|_| self.parse(name, expected)).transpose()
    }

    /// A duration in words: `10s`.
    ///
    /// # Errors
    /// If it is not given, or no duration.
    pub fn duration(&self, name: &str) -> Result<Duration, SettingsError> {
        self.read(name, "a whole number with ms, s, m, h or d, such as 10s", |text| parse_duration(text).ok())
    }

    /// A size in words: `512MiB`.
    ///
    /// # Errors
    /// If it is not given, or no size.
    pub fn size(&self, name: &str) -> Result<ByteSize, SettingsError> {
        self.parse(name, "a number with B, KB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 512MiB")
    }

    /// Yes or no.
    ///
    /// # Errors
    /// If it is not given, or neither `true` nor `false`.
    pub fn bool(&self, name: &str) -> Result<bool, SettingsError> {
        self.parse(name, "true or false")
    }

    /// The content of the file that the setting names, without the end of its line; nothing if it names none.
    ///
    /// # Errors
    /// If the file cannot be read, or is empty.
    pub fn secret_file(&self, name: &str) -> Result<Option<String>, SettingsError> {
        let Some(value) = self.given(name) else { return Ok(None) };
        let path = Path::new(&value.text);
        let secret = std::fs::read_to_string(path).map_err(|source| {
            let what = format!("the secret of {name} (from {})", value.origin);
            SettingsError::Read { what, path: path.to_owned(), source }
        })?;
        match secret.trim_end_matches(['\r', '\n']) {
            "" => Err(self.refuse(name, "a file that is not empty")),
            secret => Ok(Some(secret.to_owned())),
        }
    }

    /// The error for a value that is well-formed and does not fit all the same, for a program's own checks.
    pub fn refuse(&self, name: &str, expected: &str) -> SettingsError {
        let key = self.key(name);
        let Some(value) = self.given(name) else { return SettingsError::missing(key) };
        SettingsError::Invalid {
            name: key.name,
            text: if key.is_secret { "***".to_owned() } else { value.text.clone() },
            origin: value.origin.clone(),
            expected: expected.to_owned(),
        }
    }

    fn read<T>(&self, name: &str, expected: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, SettingsError> {
        parse(self.string(name)?.trim()).ok_or_else(|| self.refuse(name, expected))
    }

    /// The value, unless the topmost layer has it empty.
    fn given(&self, name: &str) -> Option<&Value> {
        self.values.get(self.key(name).name).filter(|value| !value.text.is_empty())
    }

    fn key(&self, name: &str) -> &Key {
        let known = self.keys.iter().find(|key| key.name == name);
        known.unwrap_or_else(|| panic!("setting {name} is read, and no table of this program declares it"))
    }
}
