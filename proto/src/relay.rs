//! Relay: a coordinator's pages make a call on behalf of somebody whom it has identified.
//!
//! The header counts only in a call that shows the certificate of a coordinator, or that never leaves the process;
//! anybody else's is ignored. It never carries the role of a worker.

use model::ClientRole;
use model::identity::is_plain;
use tonic::metadata::AsciiMetadataValue;

use crate::ApiError;

/// Header with `ROLE/NAME` of whom a call is made for.
pub const ON_BEHALF_OF: &str = "tailor-on-behalf-of";

/// Writes the header.
///
/// # Errors
/// The text is not `ROLE/NAME` of a person.
pub fn metadata(text: &str) -> Result<AsciiMetadataValue, ApiError> {
    let malformed = || ApiError::Unauthenticated { reason: "the viewer has no name that a call can carry".to_owned() };
    parse(text).ok_or_else(malformed)?;
    AsciiMetadataValue::try_from(text).map_err(|_| malformed())
}

/// Reads the header: role and name; none if it is malformed.
pub fn parse(text: &str) -> Option<(ClientRole, String)> {
    let (role, name) = text.split_once('/')?;
    let role: ClientRole = role.parse().ok().filter(|role: &ClientRole| role.may(ClientRole::Viewer))?;
    is_plain(name).then(|| (role, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_travels_and_nobody_else_does() {
        assert_eq!(parse("operator/alice"), Some((ClientRole::Operator, "alice".to_owned())));
        assert!(metadata("viewer/victor").is_ok());
        for text in ["worker/w0", "alice", "root/alice", "operator/", "operator/a b", "operator/a/b", ""] {
            assert_eq!(parse(text), None, "{text}");
            assert!(metadata(text).is_err(), "{text}");
        }
    }
}
