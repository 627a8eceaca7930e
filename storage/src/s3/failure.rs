//! Failed request to S3: its outcome as far as known, the chance of a repetition, and the message for the operator.

use std::fmt;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use model::error::chain;

use crate::requests::RequestEnd;
use crate::retry::Retriability;

/// Failed request, with its kind and class.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{operation}: {message}")]
pub(super) struct Failure {
    operation: &'static str,
    pub(super) kind: Kind,
    pub(super) retriability: Retriability,
    message: String,
}

/// Kind of a failure, by the caller's next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// No such object or upload exists.
    NotFound,
    /// A create-only write found an object of somebody else.
    Exists,
    /// Status 412: a condition does not hold.
    Refused,
    /// Status 409: another conditional write was in progress.
    Conflict,
    /// Status 304: the object was not modified.
    NotModified,
    /// No credentials were found to sign a request with.
    NoCredentials,
    /// The store does not know our credentials, or no longer.
    Unauthenticated,
    /// The store denies the request.
    Denied,
    /// The store does not support the request.
    Unsupported,
    /// The store failed and said so: nothing was done.
    Failed,
    /// No answer came, or one that cannot be trusted: the request may have been done.
    Unknown,
}

const CREDENTIALS_HINT: &str = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE for a profile of \
                                ~/.aws/config, or give this machine or pod a role";

const EXPIRED_HINT: &str = "renew what the credentials come from (the session, the token's file, the role); it is read \
                            again by itself, so nothing has to be started anew unless they stand in the environment";

impl Failure {
    /// True if the store refuses the sender of a request that it knows: other credentials, or another policy, may
    /// help.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.kind, Kind::Unauthenticated | Kind::Denied)
    }

    /// Returns the end of the request, as it is counted.
    pub(super) const fn end(&self) -> RequestEnd {
        if matches!(self.retriability, Retriability::Throttled { .. }) {
            return RequestEnd::Throttled;
        }
        match self.kind {
            Kind::NotFound => RequestEnd::NotFound,
            Kind::Exists | Kind::Refused | Kind::Conflict | Kind::NotModified => RequestEnd::Conflict,
            Kind::NoCredentials | Kind::Unauthenticated | Kind::Denied => RequestEnd::Denied,
            Kind::Unsupported | Kind::Failed | Kind::Unknown => RequestEnd::Error,
        }
    }

    /// Classifies an error of the SDK; `endpoint` names the server for messages.
    pub(super) fn of<E>(operation: &'static str, endpoint: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        match &error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                let code = match answer.err().code() {
                    // The answer to a HEAD has no body with a reason; of the reasons that S3 refuses with 400, only
                    // this one concerns us.
                    None if status == 400 && operation == "HeadObject" => "ExpiredToken",
                    code => code.unwrap_or_default(),
                };
                let text = answer.err().message().unwrap_or_default();
                Self::of_answer(operation, status, code, text, answer.raw())
            }
            SdkError::ConstructionFailure(_) => Self::permanent(operation, Kind::Failed, chain(&error)),
            SdkError::DispatchFailure(failure) if failure.is_user() => {
                Self::permanent(operation, Kind::Failed, chain(&error))
            }
            SdkError::DispatchFailure(failure) if !failure.is_io() && !failure.is_timeout() => {
                let words = chain(&error);
                if words.contains("no credentials found in chain") {
                    let message = format!("no AWS credentials were found; {CREDENTIALS_HINT}");
                    return Self::permanent(operation, Kind::NoCredentials, message);
                }
                if words.contains("credential") {
                    // A role's credentials come from another service, which may be away for a moment.
                    let failure = Self::unknown(operation, format!("AWS credentials could not be had: {words}"));
                    return Self { kind: Kind::Unauthenticated, ..failure };
                }
                Self::unknown(operation, format!("{words} at {endpoint}"))
            }
            SdkError::DispatchFailure(_) => {
                let hint = "check AWS_ENDPOINT_URL and AWS_REGION if it stays so";
                Self::unknown(operation, format!("cannot reach {endpoint}: {}; {hint}", chain(&error)))
            }
            _ => Self::unknown(operation, format!("{} from {endpoint}", chain(&error))),
        }
    }

    fn of_answer(operation: &'static str, status: u16, code: &str, text: &str, raw: &HttpResponse) -> Self {
        let (kind, retriability) = sort(status, code, retry_after(raw));
        let mut message = format!("HTTP {status} {code}: {text}");
        let hint = match kind {
            _ if code == "NoSuchBucket" => Some("create the bucket or correct the URI".to_owned()),
            _ if status == 301 || code == "AuthorizationHeaderMalformed" => {
                let region = raw.headers().get("x-amz-bucket-region").unwrap_or("the bucket's region");
                Some(format!("the bucket lies in another region; set AWS_REGION to {region}"))
            }
            _ if code == "RequestTimeTooSkewed" => {
                Some("the clock of this machine is more than 15 minutes off; see that it is set by NTP".to_owned())
            }
            Kind::Unauthenticated if is_expired(code) => Some(EXPIRED_HINT.to_owned()),
            Kind::Unauthenticated => Some(CREDENTIALS_HINT.to_owned()),
            Kind::Denied => {
                Some("this identity may not; look at its policies, or choose another by AWS_PROFILE".to_owned())
            }
            _ => None,
        };
        if let Some(hint) = hint {
            message = format!("{}; ", message.trim_end_matches(['.', ' ']));
            message.push_str(&hint);
        }
        Self { operation, kind, retriability, message }
    }

    /// Changes the kind, for a caller with another next step; the failure becomes permanent.
    pub(super) fn into_kind(self, kind: Kind) -> Self {
        Self { kind, retriability: Retriability::Permanent, ..self }
    }

    /// True if the store refuses the form of the request: it does not know the operation, or wants it in another
    /// form. Credentials, permissions and load play no part.
    pub(super) fn is_refused_as_such(&self) -> bool {
        self.retriability == Retriability::Permanent && matches!(self.kind, Kind::Unsupported | Kind::Failed)
    }

    /// Creates a failure with an unknown outcome; a repetition may help.
    pub(super) fn unknown(operation: &'static str, message: impl fmt::Display) -> Self {
        Self { operation, kind: Kind::Unknown, retriability: Retriability::Transient, message: message.to_string() }
    }

    /// Creates a failure that would happen again with the same request.
    pub(super) fn permanent(operation: &'static str, kind: Kind, message: impl fmt::Display) -> Self {
        Self { operation, kind, retriability: Retriability::Permanent, message: message.to_string() }
    }

    /// Converts the failure to an error of the `object_store` crate.
    pub(super) fn at(self, location: &object_store::path::Path) -> object_store::Error {
        use object_store::Error;
        let (path, kind) = (location.to_string(), self.kind);
        let source = Box::new(self);
        match kind {
            Kind::NotFound => Error::NotFound { path, source },
            Kind::Exists => Error::AlreadyExists { path, source },
            Kind::Refused | Kind::Conflict => Error::Precondition { path, source },
            Kind::NotModified => Error::NotModified { path, source },
            Kind::Unauthenticated | Kind::NoCredentials => Error::Unauthenticated { path, source },
            Kind::Denied => Error::PermissionDenied { path, source },
            Kind::Unsupported => Error::NotSupported { source },
            Kind::Failed | Kind::Unknown => Error::Generic { store: "S3", source },
        }
    }
}

fn sort(status: u16, code: &str, retry_after: Option<Duration>) -> (Kind, Retriability) {
    use Retriability::{Permanent, Throttled, Transient};
    match (status, code) {
        (_, "SlowDown" | "TooManyRequests" | "RequestLimitExceeded" | "Throttling" | "ThrottlingException")
        | (429 | 503, _) => (Kind::Failed, Throttled { retry_after }),
        (_, "InternalError" | "RequestTimeout" | "ServiceUnavailable") => (Kind::Unknown, Transient),
        (501 | 405, _) | (_, "NotImplemented" | "MethodNotAllowed") => (Kind::Unsupported, Permanent),
        (500..=599 | 408, _) => (Kind::Unknown, Transient),
        (409, "ConditionalRequestConflict" | "OperationAborted") => (Kind::Conflict, Transient),
        // The received bytes differ from those that we sent: they were damaged on the way.
        (400, "BadDigest" | "XAmzContentChecksumMismatch" | "IncompleteBody") => (Kind::Failed, Transient),
        // This machine's clock is wrong, and may be set right later.
        (_, "RequestTimeTooSkewed") => (Kind::Denied, Transient),
        (_, "NoSuchBucket") => (Kind::Failed, Permanent),
        (404, _) => (Kind::NotFound, Permanent),
        (412, _) => (Kind::Refused, Permanent),
        (304, _) => (Kind::NotModified, Permanent),
        // Expired credentials are loaded anew before the next attempt.
        (_, code) if is_expired(code) => (Kind::Unauthenticated, Transient),
        (401, _) | (_, "InvalidAccessKeyId" | "SignatureDoesNotMatch") => (Kind::Unauthenticated, Permanent),
        (403, _) => (Kind::Denied, Permanent),
        _ => (Kind::Failed, Permanent),
    }
}

/// True if the code says that the credentials have expired or were revoked.
fn is_expired(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "InvalidToken" | "TokenRefreshRequired"
    )
}

/// Parses the seconds of `Retry-After`; S3 sends no dates here.
fn retry_after(raw: &HttpResponse) -> Option<Duration> {
    raw.headers().get("retry-after")?.trim().parse().ok().map(Duration::from_secs)
}

/// True if an error comes from a store that throttled us, could not be reached, or refused our credentials until we
/// gave up: credentials may be renewed and policies mended while a job waits. False for a missing bucket, and for
/// settings without region or credentials, because those do not change by themselves.
pub(crate) fn is_away(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut chain = std::iter::successors(Some(error), |error| error.source());
    let failure = chain.find_map(|error| error.downcast_ref::<Failure>());
    failure.is_some_and(|failure| failure.retriability != Retriability::Permanent || failure.is_refusal())
}

/// True if an error comes from a store's answer, or from missing settings, that a repetition does not change.
pub(crate) fn is_lasting(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut chain = std::iter::successors(Some(error), |error| error.source());
    let failure = chain.find_map(|error| error.downcast_ref::<Failure>());
    failure.is_some_and(|failure| failure.retriability == Retriability::Permanent)
}

/// Error of a bucket that asks for time through all tries, for simulated stores.
#[cfg(feature = "testing")]
pub fn slow_down(location: &object_store::path::Path) -> object_store::Error {
    let retriability = Retriability::Throttled { retry_after: None };
    Failure { operation: "AnyRequest", kind: Kind::Failed, retriability, message: "HTTP 503 SlowDown".to_owned() }
        .at(location)
}

/// Error of a bucket that cannot be reached through all tries, for simulated stores: the request may have been done.
#[cfg(feature = "testing")]
pub fn unanswered(location: &object_store::path::Path) -> object_store::Error {
    Failure::unknown("AnyRequest", "no answer").at(location)
}

#[cfg(test)]
mod tests {
    use object_store::path::Path;

    use super::*;
    use crate::StorageError;

    fn as_seen(failure: Failure) -> StorageError {
        let path = Path::from("part");
        StorageError::of("read", "s3://b", &path, failure.at(&path))
    }

    fn answered(status: u16, code: &str) -> StorageError {
        let (kind, retriability) = sort(status, code, None);
        as_seen(Failure { operation: "GetObject", kind, retriability, message: code.to_owned() })
    }

    #[test]
    fn a_store_is_away_when_it_throttles_or_fails_and_not_when_it_refuses() {
        for (status, code) in [(503, "SlowDown"), (429, ""), (500, "InternalError"), (504, "")] {
            assert!(answered(status, code).is_store_away(), "{status} {code}");
        }
        assert!(as_seen(Failure::unknown("GetObject", "cannot reach it")).is_store_away());
        for (status, code) in [(404, "NoSuchBucket"), (404, "NoSuchKey"), (400, "")] {
            assert!(!answered(status, code).is_store_away(), "{status} {code}");
        }
        for (status, code) in [(404, "NoSuchBucket"), (403, "AccessDenied"), (301, "PermanentRedirect")] {
            assert!(answered(status, code).is_lasting(), "{status} {code}");
        }
        for (status, code) in [(503, "SlowDown"), (500, "InternalError"), (404, "NoSuchKey")] {
            assert!(!answered(status, code).is_lasting(), "{status} {code}");
        }
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let local = StorageError::Failed { operation: "write", object: "/d/part".into(), source: Box::new(full) };
        assert!(!local.is_store_away());
    }

    #[test]
    fn a_refused_identity_is_waited_for_and_a_missing_configuration_is_not() {
        let refused = [
            (400, "ExpiredToken"),
            (403, "RequestExpired"),
            (400, "InvalidToken"),
            (403, "InvalidAccessKeyId"),
            (403, "SignatureDoesNotMatch"),
            (403, "AccessDenied"),
            (401, ""),
        ];
        for (status, code) in refused {
            assert!(answered(status, code).is_store_away(), "{status} {code}");
        }
        let nowhere = Failure::permanent("PutObject", Kind::NoCredentials, "no AWS credentials were found");
        assert!(!as_seen(nowhere).is_store_away());
        assert!(!as_seen(Failure::permanent("configure S3", Kind::Failed, "no AWS region")).is_store_away());
    }

    #[test]
    fn a_clock_that_is_wrong_is_not_the_attempts_fault() {
        assert!(answered(403, "RequestTimeTooSkewed").is_store_away());
    }
}
