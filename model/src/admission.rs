//! Admission: the rules for a spec, a text or a place, and the error that names a broken one.
//!
//! [`JobSpec::validate`] and [`JobSettings::validate`] are called by every reader of a spec: the command line before
//! it sends one; the leader when one is submitted, taken over or run in this process; and the worker that resolves a
//! grant. All of them must apply the same rules.

use std::collections::BTreeSet;
use std::fmt;

use crate::job::JobSettings;
use crate::limits::{
    NAME_BYTES_MAX, REASON_BYTES_MAX, ROLLUPS_MAX, SHARDS_PER_JOB_MAX, SPEC_BYTES_MAX, SUBMITTER_BYTES_MAX,
    TARGET_BYTES_MAX, URI_BYTES_MAX,
};
use crate::size::ByteSize;
use crate::spec::{JobSpec, SHARD_MAP_BYTES_MAX, WEIGHT_MAX};
use crate::time::Window;

#[cfg(test)]
mod tests;

/// Field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct InvalidField {
    /// Path of the field: `settings.rollups`.
    pub field: String,
    /// Value of the field, and the values that are allowed.
    pub reason: String,
}

impl InvalidField {
    /// Creates the error for `field`, with the reason.
    pub fn new(field: &str, reason: impl fmt::Display) -> Self {
        Self { field: field.to_owned(), reason: reason.to_string() }
    }

    /// Prefixes the field's path with `outer`, the value that holds it.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        Self { field: format!("{outer}.{}", self.field), ..self }
    }
}

/// Checks a text that people write and read: its length in bytes, and that it holds no control characters, which
/// could reach a terminal.
///
/// # Errors
/// The error names `field`.
pub fn check_text(field: &str, text: &str, bytes_max: usize) -> Result<(), InvalidField> {
    if text.len() > bytes_max {
        return Err(InvalidField::new(field, format!("it has {} bytes; at most {bytes_max} are kept", text.len())));
    }
    if let Some(at) = text.char_indices().find(|(_, letter)| is_unprintable(*letter)) {
        let what =
            format!("character {} at byte {} is a control character; give plain text", at.1.escape_unicode(), at.0);
        return Err(InvalidField::new(field, what));
    }
    Ok(())
}

/// Checks a reason that an operator gives: at most [`REASON_BYTES_MAX`], without control characters.
///
/// # Errors
/// The error names `reason`.
pub fn check_reason(reason: &str) -> Result<(), InvalidField> {
    check_text("reason", reason, REASON_BYTES_MAX)
}

/// Checks the name of a process: at most [`NAME_BYTES_MAX`], without control characters and separators of paths and
/// lists, and not empty.
///
/// # Errors
/// The error names `field`.
pub fn check_name(field: &str, name: &str) -> Result<(), InvalidField> {
    if name.is_empty() {
        return Err(InvalidField::new(field, "it is empty"));
    }
    if let Some(separator) = name.chars().find(|letter| ['/', '\\', ','].contains(letter)) {
        return Err(InvalidField::new(
            field,
            format!("it has the separator '{separator}'; give a name without / \\ and ,"),
        ));
    }
    check_text(field, name, NAME_BYTES_MAX)
}

/// Checks the URI of a place: not empty, at most [`URI_BYTES_MAX`], without control characters. Other errors show
/// when the place is opened.
///
/// # Errors
/// The error names `field`.
pub fn check_uri(field: &str, uri: &str) -> Result<(), InvalidField> {
    if uri.trim().is_empty() {
        return Err(InvalidField::new(field, "it is empty; give a path, file:// or s3://bucket/prefix"));
    }
    check_text(field, uri, URI_BYTES_MAX)
}

/// True if a letter would steer a terminal instead of being shown by it: control characters, and those that change
/// the direction of the text.
pub fn is_unprintable(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl JobSettings {
    /// Checks that these settings can shape an output.
    ///
    /// # Errors
    /// The error names the field.
    pub fn validate(&self) -> Result<(), InvalidField> {
        let Window { start_ms, end_ms, .. } = self.window;
        if start_ms >= end_ms {
            let reason = format!("it starts at {start_ms} ms and ends at {end_ms} ms; it has to end after it starts");
            return Err(InvalidField::new("window", reason));
        }
        if self.rollups.len() > ROLLUPS_MAX {
            let reason = format!("{} steps; at most {ROLLUPS_MAX} are written", self.rollups.len());
            return Err(InvalidField::new("rollups", reason));
        }
        if let Some(pair) = self.rollups.windows(2).find(|pair| pair[0] >= pair[1]) {
            let reason = format!("{} before {}; steps ascend, and each stands once", pair[0], pair[1]);
            return Err(InvalidField::new("rollups", reason));
        }
        check_target("split_bytes", self.split_bytes)?;
        check_target("partition_bytes", self.partition_bytes)
    }
}

/// Checks a size that a plan divides by: it must not be 0, nor so huge that sums overflow.
fn check_target(field: &str, size: ByteSize) -> Result<(), InvalidField> {
    if (1..=TARGET_BYTES_MAX).contains(&size.0) {
        return Ok(());
    }
    let reason = format!("{} bytes; give from 1B to {}", size.0, ByteSize(TARGET_BYTES_MAX));
    Err(InvalidField::new(field, reason))
}

impl JobSpec {
    /// Checks that this spec can be run. The shard map's own text is parsed when the job is opened.
    ///
    /// # Errors
    /// The error names the field.
    pub fn validate(&self) -> Result<(), InvalidField> {
        check_uri("input", &self.input)?;
        check_uri("dataset", &self.dataset)?;
        self.check_shards()?;
        self.settings.validate().map_err(|error| error.within("settings"))?;
        if self.shard_map.len() > SHARD_MAP_BYTES_MAX {
            let reason = format!("the shard map has {} bytes, over {SHARD_MAP_BYTES_MAX}", self.shard_map.len());
            return Err(InvalidField::new("shard_map", reason));
        }
        check_reason(&self.reason)?;
        if let Some(reason) = &self.force_replace {
            check_text("force_replace", reason, REASON_BYTES_MAX)?;
        }
        check_text("submitted_by", &self.submitted_by, SUBMITTER_BYTES_MAX)?;
        if !(1..=WEIGHT_MAX).contains(&self.weight) {
            let reason = format!("weight {} is not between 1 and {WEIGHT_MAX}", self.weight);
            return Err(InvalidField::new("weight", reason));
        }
        if self.running_max == Some(0) {
            let reason = "a job that runs 0 attempts at once never ends; give at least 1";
            return Err(InvalidField::new("running_max", reason));
        }
        if self.replay_of.as_ref() == Some(&self.job) {
            return Err(InvalidField::new("replay_of", "a job cannot replay itself"));
        }
        let bytes = self.to_message().len();
        if bytes > SPEC_BYTES_MAX {
            let reason =
                format!("the whole spec has {bytes} bytes, over {SPEC_BYTES_MAX}; name fewer shards, or none for all");
            return Err(InvalidField::new("shards", reason));
        }
        Ok(())
    }

    fn check_shards(&self) -> Result<(), InvalidField> {
        if self.shards.len() > SHARDS_PER_JOB_MAX {
            let reason = format!("{} are named; a job has at most {SHARDS_PER_JOB_MAX}", self.shards.len());
            return Err(InvalidField::new("shards", reason));
        }
        let mut seen = BTreeSet::new();
        match self.shards.iter().find(|shard| !seen.insert(**shard)) {
            Some(twice) => Err(InvalidField::new("shards", format!("{twice} is named twice"))),
            None => Ok(()),
        }
    }
}
