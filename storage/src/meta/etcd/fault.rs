//! Faults of etcd, classified by the outcome of the requested change.
//!
//! Only what etcd itself refused *before* it proposed a change is certainly not done; those answers are listed here. All
//! else (a broken connection, a timeout, a leader that stepped down) leaves it open.

use std::time::Duration;

use etcd_client::Error;
use tonic::{Code, Status};

use crate::meta::etcd::endpoints::Call;
use crate::meta::{EtcdSettings, MetaError};

/// Fault of a call, by its outcome.
#[derive(Debug)]
pub(super) enum Fault {
    /// The change was certainly not made.
    NotDone(MetaError),
    /// The change may have been made, may not, or may be made later.
    Open(MetaError),
    /// The change was not made: the lease has ended.
    LeaseMissing(MetaError),
    /// The call was not made: the requested revision is compacted.
    Compacted(MetaError),
    /// The call was not made: the requested revision belongs to another history, or is still to come.
    Elsewhere(MetaError),
    /// The call was not made: the token of authentication must be renewed.
    TokenExpired(MetaError),
}

impl Fault {
    pub(super) fn of(operation: &'static str, object: &str, error: Error) -> Self {
        match error {
            Error::GRpcStatus(status) => Self::of_status(operation, object, status),
            Error::LeaseKeepAliveError(reason) if reason.contains("lease not found") => {
                Self::LeaseMissing(unavailable(operation, object, Error::LeaseKeepAliveError(reason)))
            }
            Error::InvalidArgs(reason) => Self::NotDone(MetaError::Invalid { reason }),
            error => Self::Open(unavailable(operation, object, error)),
        }
    }

    /// Classifies a status by its code, and by its words where etcd uses one code for several faults, as its own
    /// clients do.
    fn of_status(operation: &'static str, object: &str, status: Status) -> Self {
        let says = |words: &str| status.message().contains(words);
        let reason = status.message().to_owned();
        let not_allowed = |reason| MetaError::NotAllowed { operation, object: object.to_owned(), reason };
        match status.code() {
            Code::ResourceExhausted if says("database space exceeded") => Self::NotDone(MetaError::OutOfSpace),
            Code::ResourceExhausted if says("too many requests") => {
                Self::NotDone(unavailable(operation, object, status))
            }
            Code::NotFound if says("lease not found") => Self::LeaseMissing(unavailable(operation, object, status)),
            Code::OutOfRange if says("has been compacted") => Self::Compacted(unavailable(operation, object, status)),
            Code::OutOfRange if says("is a future revision") => Self::Elsewhere(unavailable(operation, object, status)),
            Code::Unauthenticated => Self::TokenExpired(not_allowed(reason)),
            Code::InvalidArgument if says("revision of auth store is old") => Self::TokenExpired(not_allowed(reason)),
            Code::PermissionDenied => Self::NotDone(not_allowed(reason)),
            Code::InvalidArgument | Code::FailedPrecondition if says("user") || says("auth") => {
                Self::NotDone(not_allowed(reason))
            }
            Code::InvalidArgument => Self::NotDone(MetaError::Invalid { reason }),
            _ => Self::Open(unavailable(operation, object, status)),
        }
    }

    /// Converts the fault, for calls that change nothing or whose caller asks again anyway.
    pub(super) fn into_error(self) -> MetaError {
        match self {
            Self::NotDone(error)
            | Self::Open(error)
            | Self::LeaseMissing(error)
            | Self::Compacted(error)
            | Self::Elsewhere(error)
            | Self::TokenExpired(error) => error,
        }
    }
}

pub(super) fn unavailable(
    operation: &'static str,
    object: &str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> MetaError {
    MetaError::Unavailable { operation, object: object.to_owned(), source: Box::new(source) }
}

/// Creates the fault of a call without an answer in time.
pub(super) fn silence(operation: &'static str, object: &str, waited: Duration) -> MetaError {
    let source = format!("no answer from etcd within {waited:?}").into();
    MetaError::Unavailable { operation, object: object.to_owned(), source }
}

/// Creates the fault of an endpoint that did not answer while another one did.
pub(super) fn hang(call: Call<'_>) -> MetaError {
    let source = "the endpoint of etcd hangs: another one answered meanwhile".into();
    MetaError::Unavailable { operation: call.operation, object: call.object.to_owned(), source }
}

/// Classifies an error that prevented a connection.
pub(super) fn on_connect(settings: &EtcdSettings, error: Error) -> Fault {
    let endpoints = settings.endpoints.join(",");
    match error {
        Error::InvalidUri(_) | Error::InvalidArgs(_) | Error::TransportError(_) | Error::EndpointError(_) => {
            let reason = format!("{error}; give http://HOST:PORT or https://HOST:PORT");
            Fault::NotDone(MetaError::Settings { endpoints, reason })
        }
        error => Fault::of("log in to", &endpoints, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(code: Code, message: &str) -> &'static str {
        match Fault::of("change", "leader", Error::GRpcStatus(Status::new(code, message))) {
            Fault::NotDone(MetaError::OutOfSpace) => "not done: out of space",
            Fault::NotDone(MetaError::NotAllowed { .. }) => "not done: not allowed",
            Fault::NotDone(MetaError::Invalid { .. }) => "not done: invalid",
            Fault::NotDone(_) => "not done: later",
            Fault::Open(error) if error.is_transient() => "open",
            Fault::Open(_) => "open, and not transient",
            Fault::LeaseMissing(_) => "lease",
            Fault::Compacted(_) => "compacted",
            Fault::Elsewhere(_) => "elsewhere",
            Fault::TokenExpired(_) => "token",
        }
    }

    #[test]
    fn only_what_etcd_refused_before_proposing_it_is_certainly_not_done() {
        let cases = [
            (Code::ResourceExhausted, "etcdserver: mvcc: database space exceeded", "not done: out of space"),
            (Code::ResourceExhausted, "etcdserver: too many requests", "not done: later"),
            (Code::NotFound, "etcdserver: requested lease not found", "lease"),
            (Code::OutOfRange, "etcdserver: mvcc: required revision has been compacted", "compacted"),
            (Code::OutOfRange, "etcdserver: mvcc: required revision is a future revision", "elsewhere"),
            (Code::Unauthenticated, "etcdserver: invalid auth token", "token"),
            (Code::PermissionDenied, "etcdserver: permission denied", "not done: not allowed"),
            (Code::InvalidArgument, "etcdserver: user name is empty", "not done: not allowed"),
            (Code::InvalidArgument, "etcdserver: request is too large", "not done: invalid"),
            (Code::Unavailable, "etcdserver: leader changed", "open"),
            (Code::Unavailable, "etcdserver: request timed out", "open"),
            (Code::DeadlineExceeded, "context deadline exceeded", "open"),
            (Code::Cancelled, "Timeout expired", "open"),
            (Code::Unknown, "transport error", "open"),
            (Code::OutOfRange, "decoded message length too large", "open"),
        ];
        for (code, message, expected) in cases {
            assert_eq!(sorted(code, message), expected, "{message}");
        }
    }
}
