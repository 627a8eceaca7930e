//! Identities: roles, and the names that certificates carry.
//!
//! ```text
//!   viewer < operator < admin        people and scripts
//!   worker                           apart: it may call what workers call, and nothing else
//!   coordinator                      servers alone; no client has this part
//! ```
//!
//! A certificate names its owner by one URI among its subject alternative names:
//! `tailor://<cluster>/<part>/<name>`, for example `tailor://production/operator/alice`.

use std::fmt;
use std::str::FromStr;

use crate::limits::NAME_BYTES_MAX;

/// Scheme of the URIs by which certificates name their owners.
const SCHEME: &str = "tailor://";

/// Role of a client: the set of calls that it may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClientRole {
    /// Claims and reports attempts.
    Worker,
    /// Reads the state of jobs, workers and the cluster.
    Viewer,
    /// Submits, cancels, retries, replays and drains; reads as a viewer.
    Operator,
    /// Does what an operator does. Reserved for calls that operators may not make; there is none yet.
    Admin,
}

impl ClientRole {
    /// Roles in ascending order; the worker's stands apart.
    pub const ALL: [Self; 4] = [Self::Worker, Self::Viewer, Self::Operator, Self::Admin];

    /// Returns the name of the role, as URIs and token files have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// True if this role may make a call that needs at least the role `least`.
    pub fn may(self, least: Self) -> bool {
        match (self, least) {
            (Self::Worker, _) | (_, Self::Worker) => self == least,
            _ => self >= least,
        }
    }
}

impl fmt::Display for ClientRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ClientRole {
    type Err = ParseIdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|role| role.name() == text);
        found.ok_or_else(|| ParseIdentityError { text: text.to_owned(), expected: "worker, viewer, operator or admin" })
    }
}

/// Text that names no identity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{}' is not {expected}", text.escape_debug())]
pub struct ParseIdentityError {
    text: String,
    expected: &'static str,
}

/// Part that the owner of a certificate plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerPart {
    /// Server that workers and operators call.
    Coordinator,
    /// Client with a role.
    Client(ClientRole),
}

impl fmt::Display for PeerPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Coordinator => f.write_str("coordinator"),
            Self::Client(role) => role.fmt(f),
        }
    }
}

/// Owner of a certificate: `tailor://<cluster>/<part>/<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PeerName {
    /// Cluster to which the owner belongs.
    pub cluster: String,
    /// Part that the owner plays there.
    pub part: PeerPart,
    /// Name of the owner among those of its part.
    pub name: String,
}

impl PeerName {
    /// True if the URI has our scheme, so that it must be such a name.
    pub fn is_ours(uri: &str) -> bool {
        uri.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
    }

    /// True if the URI names a coordinator.
    pub fn is_coordinator(uri: &str) -> bool {
        uri.parse().is_ok_and(|peer: Self| peer.part == PeerPart::Coordinator)
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}/{}", self.cluster, self.part, self.name)
    }
}

impl FromStr for PeerName {
    type Err = ParseIdentityError;

    fn from_str(uri: &str) -> Result<Self, Self::Err> {
        let invalid =
            || ParseIdentityError { text: uri.to_owned(), expected: "a URI tailor://CLUSTER/ROLE/NAME of plain names" };
        let mut components = uri.strip_prefix(SCHEME).ok_or_else(invalid)?.split('/');
        let (Some(cluster), Some(part), Some(name), None) =
            (components.next(), components.next(), components.next(), components.next())
        else {
            return Err(invalid());
        };
        if !is_plain(cluster) || !is_plain(name) {
            return Err(invalid());
        }
        let part = match part {
            "coordinator" => PeerPart::Coordinator,
            role => PeerPart::Client(role.parse().map_err(|_| invalid())?),
        };
        Ok(Self { cluster: cluster.to_owned(), part, name: name.to_owned() })
    }
}

/// True for the names that identities may have: letters, digits and `-_.@`, at most [`NAME_BYTES_MAX`]. Separators,
/// escapes and look-alikes of other scripts are none.
pub fn is_plain(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_worker_may_only_what_workers_may_and_the_others_ascend() {
        use ClientRole::{Admin, Operator, Viewer, Worker};
        let allowed = |role: ClientRole| ClientRole::ALL.map(|least| role.may(least));
        assert_eq!(ClientRole::ALL, [Worker, Viewer, Operator, Admin]);
        assert_eq!(allowed(Worker), [true, false, false, false]);
        assert_eq!(allowed(Viewer), [false, true, false, false]);
        assert_eq!(allowed(Operator), [false, true, true, false]);
        assert_eq!(allowed(Admin), [false, true, true, true]);
    }

    #[test]
    fn a_uri_with_another_spelling_names_nobody() {
        let alice: PeerName = "tailor://production/operator/alice".parse().expect("a name");
        assert_eq!((alice.part, alice.name.as_str()), (PeerPart::Client(ClientRole::Operator), "alice"));
        for other in [
            "TAILOR://production/admin/alice",
            "tailor://production/Admin/alice",
            "tailor://production/admin/alice/",
            "tailor://production/admin/",
            "tailor:///admin/alice",
            "tailor://production/viewer/x/../../admin/alice",
            "tailor://production/admin/al%69ce",
            "tailor://production/admin/ali\u{441}e",
            "tailor://production/admin/alice\n",
            "spiffe://production/admin/alice",
            "https://tailor://production/admin/alice",
        ] {
            assert!(other.parse::<PeerName>().is_err(), "{other}");
        }
        assert!(PeerName::is_ours("TAILOR://x") && !PeerName::is_ours("spiffe://production/admin/alice"));
        assert!(
            PeerName::is_coordinator("tailor://p/coordinator/c0") && !PeerName::is_coordinator("tailor://p/worker/c0")
        );
    }

    proptest! {
        #[test]
        fn a_name_parses_back_and_has_one_spelling(
            cluster in "[a-zA-Z0-9._@-]{1,20}", role in 0usize..4, name in "[a-zA-Z0-9._@-]{1,20}", noise in "\\PC{0,40}",
        ) {
            let peer = PeerName { cluster, part: PeerPart::Client(ClientRole::ALL[role]), name };
            prop_assert_eq!(peer.to_string().parse::<PeerName>(), Ok(peer));
            for text in [noise.clone(), format!("tailor://{noise}")] {
                if let Ok(parsed) = text.parse::<PeerName>() {
                    prop_assert_eq!(parsed.to_string(), text);
                }
            }
        }
    }
}
