//! Conversions between messages of the wire and values of the model.
//!
//! To the wire is `From` and always works. From the wire is `TryFrom`: the sender may run another version, or not be
//! one of our workers, so each field is parsed. The error names the first bad field by its path
//! (`attempts.task.shard`) with its value.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use model::{AttemptId, Effort, FailureClass, FencingToken, Grant, HeldAttempt, Invariant, Requests, TaskPath};

use crate::v1;

#[cfg(test)]
mod tests;

/// Field of a request with an unacceptable value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct FieldError {
    /// Path of the field in the message.
    pub field: String,
    /// Value of the field, and the values that are allowed.
    pub reason: String,
}

impl FieldError {
    /// Creates the error of `field`, with the reason.
    pub fn new(field: &str, reason: impl fmt::Display) -> Self {
        Self { field: field.to_owned(), reason: reason.to_string() }
    }

    /// Prefixes the field's path with `outer`, the message that holds it.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        Self { field: format!("{outer}.{}", self.field), ..self }
    }
}

impl From<model::InvalidField> for FieldError {
    fn from(invalid: model::InvalidField) -> Self {
        Self { field: invalid.field, reason: invalid.reason }
    }
}

/// Converts a message that must be present to a value of the model.
///
/// # Errors
/// The message is missing, or a field has an unacceptable value.
pub fn required<W, T>(field: &str, message: Option<W>) -> Result<T, FieldError>
where
    T: TryFrom<W, Error = FieldError>,
{
    let message = message.ok_or_else(|| FieldError::new(field, "is missing"))?;
    T::try_from(message).map_err(|error| error.within(field))
}

/// Parses a text field: an id, a digest or the like.
///
/// # Errors
/// The error names `field` and what it holds.
pub fn parsed<T>(field: &str, text: &str) -> Result<T, FieldError>
where
    T: FromStr<Err: fmt::Display>,
{
    text.parse().map_err(|error| FieldError::new(field, error))
}

impl From<&TaskPath> for v1::TaskPath {
    fn from(path: &TaskPath) -> Self {
        Self { job: path.job.to_string(), shard: path.shard.to_string(), task: path.task.to_string() }
    }
}

impl TryFrom<v1::TaskPath> for TaskPath {
    type Error = FieldError;

    fn try_from(wire: v1::TaskPath) -> Result<Self, FieldError> {
        Ok(Self {
            job: parsed("job", &wire.job)?,
            shard: parsed("shard", &wire.shard)?,
            task: parsed("task", &wire.task)?,
        })
    }
}

impl From<AttemptId> for v1::Attempt {
    fn from(attempt: AttemptId) -> Self {
        Self { number: attempt.number, token: attempt.token.0 }
    }
}

impl TryFrom<v1::Attempt> for AttemptId {
    type Error = FieldError;

    fn try_from(wire: v1::Attempt) -> Result<Self, FieldError> {
        if wire.number == 0 {
            return Err(FieldError::new("number", "is 0; attempts are counted from 1"));
        }
        Ok(Self { number: wire.number, token: FencingToken(wire.token) })
    }
}

impl From<&HeldAttempt> for v1::HeldAttempt {
    fn from(held: &HeldAttempt) -> Self {
        Self { task: Some((&held.task).into()), attempt: Some(held.attempt.into()) }
    }
}

impl TryFrom<v1::HeldAttempt> for HeldAttempt {
    type Error = FieldError;

    fn try_from(wire: v1::HeldAttempt) -> Result<Self, FieldError> {
        Ok(Self { task: required("task", wire.task)?, attempt: required("attempt", wire.attempt)? })
    }
}

impl From<&Grant> for v1::Grant {
    fn from(grant: &Grant) -> Self {
        Self {
            task: Some((&grant.task).into()),
            attempt: Some(grant.attempt.into()),
            dataset: grant.dataset.to_string(),
            scratch: grant.scratch.to_string(),
            spec: grant.spec.to_string(),
            plan: grant.plan.to_string(),
            exact_start: grant.exact_start,
            runs: grant.runs.map(|digest| digest.to_string()).unwrap_or_default(),
            traceparent: grant.trace.map(|trace| trace.to_string()).unwrap_or_default(),
        }
    }
}

impl TryFrom<v1::Grant> for Grant {
    type Error = FieldError;

    fn try_from(wire: v1::Grant) -> Result<Self, FieldError> {
        Ok(Self {
            task: required("task", wire.task)?,
            attempt: required("attempt", wire.attempt)?,
            dataset: wire.dataset.into(),
            scratch: wire.scratch.into(),
            spec: parsed("spec", &wire.spec)?,
            plan: parsed("plan", &wire.plan)?,
            exact_start: wire.exact_start,
            runs: if wire.runs.is_empty() { None } else { Some(parsed("runs", &wire.runs)?) },
            // A trace is never a reason to refuse work.
            trace: wire.traceparent.parse().ok(),
        })
    }
}

impl From<&Effort> for v1::Effort {
    fn from(effort: &Effort) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let Requests { get, head, list, put, multipart, copy, delete, other } = effort.requests;
        let requests = v1::Requests { get, head, list, put, multipart, copy, delete, other };
        Self { wall_ms: millis(effort.wall), requests: Some(requests), throttled_ms: millis(effort.throttled) }
    }
}

impl From<v1::Effort> for Effort {
    fn from(wire: v1::Effort) -> Self {
        let v1::Requests { get, head, list, put, multipart, copy, delete, other } = wire.requests.unwrap_or_default();
        let requests = Requests { get, head, list, put, multipart, copy, delete, other };
        let (wall, throttled) = (Duration::from_millis(wire.wall_ms), Duration::from_millis(wire.throttled_ms));
        Self { wall, requests, throttled }
    }
}

impl From<&model::Failure> for v1::Failure {
    fn from(failure: &model::Failure) -> Self {
        let (guessed, map_task) = match failure.class {
            FailureClass::Input { guessed } => (guessed, None),
            FailureClass::RunLost { map_task } => (None, Some(map_task)),
            _ => (None, None),
        };
        let class = v1::FailureClass::from(failure.class).into();
        let violates = failure.violates.map(|invariant| invariant.id().to_owned());
        Self { class, message: failure.message.clone(), guessed, map_task, violates }
    }
}

impl From<FailureClass> for v1::FailureClass {
    fn from(class: FailureClass) -> Self {
        match class {
            FailureClass::Transient => Self::Transient,
            FailureClass::Throttled => Self::Throttled,
            FailureClass::Resource => Self::Resource,
            FailureClass::Input { .. } => Self::Input,
            FailureClass::RunLost { .. } => Self::RunLost,
            FailureClass::Cancelled => Self::Cancelled,
            FailureClass::Bug => Self::Bug,
        }
    }
}

impl TryFrom<v1::Failure> for model::Failure {
    type Error = FieldError;

    fn try_from(wire: v1::Failure) -> Result<Self, FieldError> {
        let unknown =
            || FieldError::new("class", format!("{} is not a class of failure that is known here", wire.class));
        let class = match v1::FailureClass::try_from(wire.class).map_err(|_| unknown())? {
            v1::FailureClass::Unspecified => return Err(unknown()),
            v1::FailureClass::Transient => FailureClass::Transient,
            v1::FailureClass::Throttled => FailureClass::Throttled,
            v1::FailureClass::Resource => FailureClass::Resource,
            v1::FailureClass::Input => FailureClass::Input { guessed: wire.guessed },
            v1::FailureClass::RunLost => {
                let missing = || FieldError::new("map_task", "is missing; a lost run needs the map task that wrote it");
                FailureClass::RunLost { map_task: wire.map_task.ok_or_else(missing)? }
            }
            v1::FailureClass::Cancelled => FailureClass::Cancelled,
            v1::FailureClass::Bug => FailureClass::Bug,
        };
        let violates = wire.violates.as_deref().and_then(Invariant::of_id);
        Ok(Self { class, message: wire.message, violates })
    }
}
