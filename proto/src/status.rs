//! What went wrong, by what the caller does next; to a gRPC status and back.
//!
//! The one mapping. A status carries an `ErrorInfo` of domain `tailor` whose reason tells the variant and whose metadata
//! are its fields, so that nothing is parsed out of a sentence. A status without one (a proxy's, another server's) is
//! read by its code, and one that our own side made (no connection, no answer) is [`ApiError::Away`].
//!
//! | variant | code | reason | the caller |
//! |---|---|---|---|
//! | `NotLeader` | FAILED_PRECONDITION | `NOT_LEADER` | asks the leader that is named |
//! | `Away` | UNAVAILABLE | `AWAY` | asks again, or another |
//! | `NotFound` | NOT_FOUND | `NOT_FOUND` | looks at the name |
//! | `Invalid` | INVALID_ARGUMENT | `INVALID`, with a `BadRequest` | mends the field |
//! | `AlreadyExists` | ALREADY_EXISTS | `ALREADY_EXISTS` | takes another name |
//! | `Refused` | FAILED_PRECONDITION | `REFUSED` | changes what is in the way |
//! | `UnknownWorker` | FAILED_PRECONDITION | `UNKNOWN_WORKER` | registers again |
//! | `Incompatible` | FAILED_PRECONDITION | `INCOMPATIBLE` | is upgraded |
//! | `TooMany` | RESOURCE_EXHAUSTED | `TOO_MANY`, with a `RetryInfo` | waits so long |
//! | `Bug` | INTERNAL | `BUG` | reports it |

use std::error::Error;
use std::time::Duration;

use model::limits::STATUS_TEXT_BYTES_MAX;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::convert::FieldError;

#[cfg(test)]
mod tests;

impl From<FieldError> for Status {
    fn from(error: FieldError) -> Self {
        ApiError::from(error).into()
    }
}

/// The domain of our `ErrorInfo`.
const DOMAIN: &str = "tailor";
/// How long to wait where a server says that it is too much, but not for how long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a call was not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// This coordinator does not lead.
    #[error("coordinator {replica} does not lead; {}", next_leader(.leader))]
    NotLeader {
        /// Where the leader is; empty while there is none.
        leader: String,
        /// The name of the coordinator that answered.
        replica: String,
    },
    /// Nobody is there who can decide right now.
    #[error("no coordinator can answer right now: {reason}")]
    Away {
        /// What is missing: a connection, a quorum, a store.
        reason: String,
    },
    /// There is no such thing.
    #[error("there is no {what}")]
    NotFound {
        /// What was looked for: `job nightly`.
        what: String,
    },
    /// A field does not hold what it should.
    #[error("{field}: {reason}")]
    Invalid {
        /// Path of the field in the request.
        field: String,
        /// What it holds, and what it should.
        reason: String,
    },
    /// Something else has that name.
    #[error("{reason}")]
    AlreadyExists {
        /// What has it, and how it differs.
        reason: String,
    },
    /// The state of things does not allow it.
    #[error("{reason}")]
    Refused {
        /// What is in the way, and what to do.
        reason: String,
    },
    /// The leader does not know this worker (yet): its registration has not reached it, or its lease has ended.
    #[error("the leader does not know worker {worker}; register it again")]
    UnknownWorker {
        /// The worker's id.
        worker: String,
    },
    /// The two cannot work together, and will not by asking again.
    #[error("{reason}")]
    Incompatible {
        /// Which versions there are.
        reason: String,
    },
    /// More than is served at once.
    #[error("{reason}; ask again in {retry_after:?}")]
    TooMany {
        /// What is too many.
        reason: String,
        /// When to ask again.
        retry_after: Duration,
    },
    /// An invariant does not hold.
    #[error("{reason}; this is a bug, please report it")]
    Bug {
        /// Which one.
        reason: String,
    },
}

fn next_leader(leader: &str) -> String {
    if leader.is_empty() { "there is no leader right now".to_owned() } else { format!("ask the leader at {leader}") }
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        Self::Invalid { field: error.field, reason: error.reason }
    }
}

impl From<model::InvalidField> for ApiError {
    fn from(invalid: model::InvalidField) -> Self {
        FieldError::from(invalid).into()
    }
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let message = bounded(error.to_string());
        let mut details = ErrorDetails::new();
        let (code, reason, fields) = match error {
            ApiError::NotLeader { leader, replica } => {
                (Code::FailedPrecondition, "NOT_LEADER", vec![("leader", leader), ("replica", replica)])
            }
            ApiError::Away { reason } => (Code::Unavailable, "AWAY", vec![("reason", reason)]),
            ApiError::NotFound { what } => (Code::NotFound, "NOT_FOUND", vec![("what", what)]),
            ApiError::Invalid { field, reason } => {
                details.add_bad_request_violation(field, bounded(reason));
                (Code::InvalidArgument, "INVALID", vec![])
            }
            ApiError::AlreadyExists { reason } => (Code::AlreadyExists, "ALREADY_EXISTS", vec![("reason", reason)]),
            ApiError::Refused { reason } => (Code::FailedPrecondition, "REFUSED", vec![("reason", reason)]),
            ApiError::UnknownWorker { worker } => {
                (Code::FailedPrecondition, "UNKNOWN_WORKER", vec![("worker", worker)])
            }
            ApiError::Incompatible { reason } => (Code::FailedPrecondition, "INCOMPATIBLE", vec![("reason", reason)]),
            ApiError::TooMany { reason, retry_after } => {
                details.set_retry_info(Some(retry_after));
                (Code::ResourceExhausted, "TOO_MANY", vec![("reason", reason)])
            }
            ApiError::Bug { reason } => (Code::Internal, "BUG", vec![("reason", reason)]),
        };
        let fields = fields.into_iter().map(|(name, text)| (name.to_owned(), bounded(text)));
        details.set_error_info(reason, DOMAIN, fields.collect::<std::collections::HashMap<_, _>>());
        Status::with_error_details(code, message, details)
    }
}

impl From<Status> for ApiError {
    fn from(status: Status) -> Self {
        // Only a status that was made on our side has a source: the connection, or the time that we gave it.
        if let Some(cause) = status.source() {
            return Self::Away { reason: chain(cause) };
        }
        let details = status.get_error_details();
        told(&details).unwrap_or_else(|| by_code(&status, &details))
    }
}

/// The error that the details tell; none if they are not ours, or of a version that knows more reasons.
fn told(details: &ErrorDetails) -> Option<ApiError> {
    let info = details.error_info().filter(|info| info.domain == DOMAIN)?;
    let field = |name: &str| info.metadata.get(name).cloned().unwrap_or_default();
    let reason = || field("reason");
    Some(match info.reason.as_str() {
        "NOT_LEADER" => ApiError::NotLeader { leader: field("leader"), replica: field("replica") },
        "AWAY" => ApiError::Away { reason: reason() },
        "NOT_FOUND" => ApiError::NotFound { what: field("what") },
        "INVALID" => {
            let violation = details.bad_request()?.field_violations.first()?;
            ApiError::Invalid { field: violation.field.clone(), reason: violation.description.clone() }
        }
        "ALREADY_EXISTS" => ApiError::AlreadyExists { reason: reason() },
        "REFUSED" => ApiError::Refused { reason: reason() },
        "UNKNOWN_WORKER" => ApiError::UnknownWorker { worker: field("worker") },
        "INCOMPATIBLE" => ApiError::Incompatible { reason: reason() },
        "TOO_MANY" => ApiError::TooMany { reason: reason(), retry_after: retry_after(details) },
        "BUG" => ApiError::Bug { reason: reason() },
        _ => return None,
    })
}

/// The error as far as its code tells it.
fn by_code(status: &Status, details: &ErrorDetails) -> ApiError {
    let reason = status.message().to_owned();
    match status.code() {
        Code::NotFound => ApiError::NotFound { what: reason },
        Code::InvalidArgument | Code::OutOfRange => ApiError::Invalid { field: "request".to_owned(), reason },
        Code::AlreadyExists => ApiError::AlreadyExists { reason },
        Code::FailedPrecondition | Code::Aborted | Code::PermissionDenied | Code::Unauthenticated => {
            ApiError::Refused { reason }
        }
        Code::Unimplemented => ApiError::Incompatible {
            reason: format!("the coordinator does not offer this call ({reason}); it may be of an older version"),
        },
        Code::ResourceExhausted => ApiError::TooMany { reason, retry_after: retry_after(details) },
        Code::Internal | Code::DataLoss => ApiError::Bug { reason },
        Code::Ok | Code::Cancelled | Code::Unknown | Code::DeadlineExceeded | Code::Unavailable => {
            ApiError::Away { reason: format!("{} ({reason})", status.code().description()) }
        }
    }
}

fn retry_after(details: &ErrorDetails) -> Duration {
    details.retry_info().and_then(|info| info.retry_delay).unwrap_or(RETRY_AFTER)
}

/// An error and its causes in one line, each said once.
fn chain(error: &dyn Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    texts.join(": ")
}

/// The text, cut where it would not fit a status.
fn bounded(mut text: String) -> String {
    if text.len() > STATUS_TEXT_BYTES_MAX {
        const CUT: &str = "...";
        text.truncate(text.floor_char_boundary(STATUS_TEXT_BYTES_MAX - CUT.len()));
        text.push_str(CUT);
    }
    text
}
