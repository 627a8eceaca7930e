//! Caller of a request, as the guard has identified it.

use std::net::SocketAddr;

use model::ClientRole;
use tonic::Extensions;

/// Proof of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Client certificate of the connection.
    Certificate,
    /// Bearer token of the request.
    Token,
    /// Word of another coordinator, or of this one's pages, which have seen the proof.
    Relayed,
    /// Nothing: the coordinator asks for no identity.
    Nothing,
}

impl Proof {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Token => "token",
            Self::Relayed => "coordinator",
            Self::Nothing => "nothing",
        }
    }
}

/// Caller of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Name in the certificate or of the token; `anybody` without an identity.
    pub(crate) name: String,
    /// Role; none if the coordinator asks for no identity.
    pub(crate) role: Option<ClientRole>,
    /// Address of the connection; none in a process that has no sockets.
    pub(crate) from: Option<SocketAddr>,
    /// Proof of the name and the role.
    pub(crate) proof: Proof,
}

impl Caller {
    /// Caller of a coordinator that asks for no identity.
    pub(crate) fn anybody(from: Option<SocketAddr>) -> Self {
        Self { name: "anybody".to_owned(), role: None, from, proof: Proof::Nothing }
    }

    /// Caller for all who look at the pages of this coordinator: they were identified before.
    pub(crate) fn pages() -> Self {
        Self { name: "dashboard".to_owned(), role: None, from: None, proof: Proof::Nothing }
    }

    /// Returns the caller of a request that the guard has let in.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_else(|| Self::anybody(None))
    }

    /// Returns the name to keep with what the caller submits; none if there is no proof of it.
    pub(crate) fn proven(&self) -> Option<String> {
        self.role.map(|role| format!("{role}/{}", self.name))
    }

    /// Address for the log.
    pub(crate) fn address(&self) -> String {
        self.from.map_or_else(|| "unknown".to_owned(), |from| from.to_string())
    }

    /// Name of the role for the log.
    pub(crate) fn role_name(&self) -> &'static str {
        self.role.map_or("any", ClientRole::name)
    }
}
