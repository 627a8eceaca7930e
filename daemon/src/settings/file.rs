//! The TOML file: tables are groups of keys; values are strings, numbers, booleans, and arrays of them, which are
//! joined by commas.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::{Given, Origin, SettingsError};

/// Reads every key of the file, in file order.
pub(super) fn read(path: &Path) -> Result<Vec<Given>, SettingsError> {
    let text = std::fs::read_to_string(path).map_err(|source| SettingsError::Read {
        what: "settings".to_owned(),
        path: path.to_owned(),
        source,
    })?;
    let file = File { path, text: &text };
    let table = DeTable::parse(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        file.malformed(at, error.message())
    })?;
    let mut given = Vec::new();
    file.flatten("", table.get_ref(), &mut given)?;
    Ok(given)
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn flatten(&self, group: &str, table: &DeTable<'_>, given: &mut Vec<Given>) -> Result<(), SettingsError> {
        for (key, value) in table {
            let name = format!("{group}{}", key.get_ref());
            if let DeValue::Table(table) = value.get_ref() {
                self.flatten(&format!("{name}."), table, given)?;
                continue;
            }
            let text = text_of(value.get_ref()).ok_or_else(|| {
                let reason =
                    format!("{name} is of a kind that no setting has; give a string, a number, a boolean or an array");
                self.malformed(value.span().start, &reason)
            })?;
            let origin = Origin::File { path: self.path.to_owned(), line: self.line(key.span().start) };
            given.push(Given { name, text, origin });
        }
        Ok(())
    }

    fn malformed(&self, at: usize, reason: &str) -> SettingsError {
        SettingsError::Malformed { path: self.path.to_owned(), line: self.line(at), reason: reason.to_owned() }
    }

    fn line(&self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|byte| *byte == b'\n').count()
    }
}

/// Formats a value as an environment variable would give it.
fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(is_so) => Some(is_so.to_string()),
        DeValue::Array(items) => {
            let texts: Option<Vec<_>> = items.iter().map(|item| text_of(item.get_ref())).collect();
            texts.map(|texts| texts.join(","))
        }
        DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}
