//! Errors of calls, grouped by the caller's next step, and their mapping to gRPC statuses.
//!
//! The one mapping. A status carries an `ErrorInfo` of domain `tailor` whose reason tells the variant and whose
//! metadata are its fields, so that nothing is parsed out of a sentence. A status without one (a proxy's, another
//! server's) is read by its code, and one that our own side made (no connection, no answer) is [`ApiError::Away`].
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
//! | `Denied` | PERMISSION_DENIED | `DENIED` | asks somebody whose role allows it, or names another place |
//! | `Unauthenticated` | UNAUTHENTICATED | `UNAUTHENTICATED` | shows a certificate or a token that the server accepts |
//! | `Incompatible` | FAILED_PRECONDITION | `INCOMPATIBLE` | is upgraded |
//! | `TooMany` | RESOURCE_EXHAUSTED | `TOO_MANY`, with a `RetryInfo` | waits so long |
//! | `Bug` | INTERNAL | `BUG` | reports it |

use std::error::Error as _;
use std::time::Duration;

use model::error::chain;
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

/// Domain of our `ErrorInfo`.
const DOMAIN: &str = "tailor";
/// Pause if a server has too many requests but names no pause.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Error of a call to a coordinator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// The coordinator that answered does not lead.
    #[error("coordinator {replica} does not lead; {}", next_leader(.leader))]
    NotLeader {
        /// Address of the leader; empty if there is none.
        leader: String,
        /// Name of the coordinator that answered.
        replica: String,
    },
    /// No coordinator can decide right now.
    #[error("no coordinator can answer right now: {reason}")]
    Away {
        /// Missing resource: a connection, a quorum, a store.
        reason: String,
    },
    /// The requested object does not exist.
    #[error("there is no {what}")]
    NotFound {
        /// Kind and name of the object, such as `job nightly`.
        what: String,
    },
    /// A field has an unacceptable value.
    #[error("{field}: {reason}")]
    Invalid {
        /// Path of the field in the request.
        field: String,
        /// Value of the field, and the values that are allowed.
        reason: String,
    },
    /// Another object has the same name.
    #[error("{reason}")]
    AlreadyExists {
        /// Object with that name, and its difference.
        reason: String,
    },
    /// The current state does not allow the request.
    #[error("{reason}")]
    Refused {
        /// Obstacle, and the next step.
        reason: String,
    },
    /// The leader does not know this worker (yet): its registration has not reached it, or its lease has ended.
    #[error("the leader does not know worker {worker}; register it again")]
    UnknownWorker {
        /// Lease id of the worker.
        worker: String,
    },
    /// The caller's role does not allow the call, or the server does not allow its object.
    #[error("{reason}")]
    Denied {
        /// Role of the caller and the one that is needed, or the object.
        reason: String,
    },
    /// The caller has shown no identity that the server accepts.
    #[error("{reason}")]
    Unauthenticated {
        /// Missing proof, and how to give it.
        reason: String,
    },
    /// Client and server cannot work together, also if the call is repeated.
    #[error("{reason}")]
    Incompatible {
        /// Versions of both sides.
        reason: String,
    },
    /// The server has too many requests.
    #[error("{reason}; ask again in {retry_after:?}")]
    TooMany {
        /// Kind of request that is too frequent.
        reason: String,
        /// Pause before another try.
        retry_after: Duration,
    },
    /// An invariant is broken.
    #[error("{reason}; this is a bug, please report it")]
    Bug {
        /// Broken invariant, with its evidence.
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
            ApiError::Denied { reason } => (Code::PermissionDenied, "DENIED", vec![("reason", reason)]),
            ApiError::Unauthenticated { reason } => {
                (Code::Unauthenticated, "UNAUTHENTICATED", vec![("reason", reason)])
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
        // Only a status that was made on our side has a source: a failed connection, or a timeout.
        if let Some(cause) = status.source() {
            return Self::Away { reason: chain(cause) };
        }
        let details = status.get_error_details();
        error_in(&details).unwrap_or_else(|| by_code(&status, &details))
    }
}

/// Reads the error from the details; none if they are not ours, or come from a version with more reasons.
fn error_in(details: &ErrorDetails) -> Option<ApiError> {
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
        "DENIED" => ApiError::Denied { reason: reason() },
        "UNAUTHENTICATED" => ApiError::Unauthenticated { reason: reason() },
        "INCOMPATIBLE" => ApiError::Incompatible { reason: reason() },
        "TOO_MANY" => ApiError::TooMany { reason: reason(), retry_after: retry_after(details) },
        "BUG" => ApiError::Bug { reason: reason() },
        _ => return None,
    })
}

/// Reads the error from the status code alone.
fn by_code(status: &Status, details: &ErrorDetails) -> ApiError {
    let reason = status.message().to_owned();
    match status.code() {
        Code::NotFound => ApiError::NotFound { what: reason },
        Code::InvalidArgument | Code::OutOfRange => ApiError::Invalid { field: "request".to_owned(), reason },
        Code::AlreadyExists => ApiError::AlreadyExists { reason },
        Code::FailedPrecondition | Code::Aborted => ApiError::Refused { reason },
        Code::PermissionDenied => ApiError::Denied { reason },
        Code::Unauthenticated => ApiError::Unauthenticated { reason },
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

/// Cuts the text to the length that fits a status.
fn bounded(mut text: String) -> String {
    if text.len() > STATUS_TEXT_BYTES_MAX {
        const CUT: &str = "...";
        text.truncate(text.floor_char_boundary(STATUS_TEXT_BYTES_MAX - CUT.len()));
        text.push_str(CUT);
    }
    text
}
