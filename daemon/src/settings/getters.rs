//! Conversion of texts to values. An error names the key, its value, its origin, and the values that are allowed.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use model::ByteSize;
use model::time::parse_duration;

use super::{Key, Layers, SettingsError, Value};

impl Layers {
    /// Returns the text of a required setting.
    ///
    /// # Errors
    /// The setting is missing.
    pub fn string(&self, name: &str) -> Result<String, SettingsError> {
        self.optional(name).ok_or_else(|| SettingsError::missing(self.key(name)))
    }

    /// Returns the text of an optional setting.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.given(name).map(|value| value.text.clone())
    }

    /// Returns the items between commas; empty if the setting is not given.
    pub fn list(&self, name: &str) -> Vec<String> {
        let items = self.given(name).map(|value| value.text.split(','));
        items.into_iter().flatten().map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    /// Parses a required setting: `layers.parse("slots", "a number from 1 to 256")`.
    ///
    /// # Errors
    /// The setting is missing, or its value is not as `expected`.
    pub fn parse<T: FromStr>(&self, name: &str, expected: &str) -> Result<T, SettingsError> {
        self.read(name, expected, |text| text.parse().ok())
    }

    /// Parses an optional setting.
    ///
    /// # Errors
    /// The value is not as `expected`.
    pub fn parse_optional<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>, SettingsError> {
        self.given(name).map(|_| self.parse(name, expected)).transpose()
    }

    /// Parses a duration with a unit, such as `10s`.
    ///
    /// # Errors
    /// The setting is missing, or not a duration.
    pub fn duration(&self, name: &str) -> Result<Duration, SettingsError> {
        self.read(name, "a whole number with ms, s, m, h or d, such as 10s", |text| parse_duration(text).ok())
    }

    /// Parses a size with a unit, such as `512MiB`.
    ///
    /// # Errors
    /// The setting is missing, or not a size.
    pub fn size(&self, name: &str) -> Result<ByteSize, SettingsError> {
        self.parse(name, "a number with B, KB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 512MiB")
    }

    /// Parses `true` or `false`.
    ///
    /// # Errors
    /// The setting is missing, or neither `true` nor `false`.
    pub fn bool(&self, name: &str) -> Result<bool, SettingsError> {
        self.parse(name, "true or false")
    }

    /// Reads the file that the setting names, without the final line end; none if the setting is not given.
    ///
    /// # Errors
    /// The file cannot be read, or is empty.
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

    /// Creates the error for a value that is well-formed but fails a program's own check.
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

    /// Returns the value, unless the topmost layer sets it to an empty text.
    fn given(&self, name: &str) -> Option<&Value> {
        self.values.get(self.key(name).name).filter(|value| !value.text.is_empty())
    }

    fn key(&self, name: &str) -> &Key {
        let known = self.keys.iter().find(|key| key.name == name);
        known.unwrap_or_else(|| panic!("setting {name} is read, and no table of this program declares it"))
    }
}
