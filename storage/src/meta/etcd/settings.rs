//! Endpoints, credentials, timeouts.

use std::fmt;
use std::time::Duration;

use etcd_client::{Certificate, Client, ConnectOptions, Error, Identity, TlsOptions};

/// Where etcd is, and how to talk to it.
#[derive(Debug, Clone)]
pub struct EtcdSettings {
    /// `http://host:port` or `https://host:port`, each a member.
    pub endpoints: Vec<String>,
    /// Place of the endpoint that is asked first, counted round: another one for each process, so that they spread.
    pub first: usize,
    /// What every key starts with; ends in `/`. Two clusters of Tailor in one etcd have different ones.
    pub namespace: String,
    /// User and password, where the server asks for them.
    pub user: Option<EtcdUser>,
    /// Certificates, for `https` endpoints; none trusts nobody.
    pub tls: Option<EtcdTls>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for the answer to one call.
    pub call_timeout: Duration,
}

/// A user of etcd. The password is not shown.
#[derive(Clone)]
pub struct EtcdUser {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for EtcdUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EtcdUser").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Certificates, as PEM. The key is not shown.
#[derive(Clone)]
pub struct EtcdTls {
    /// Whom to trust.
    pub ca_pem: Vec<u8>,
    /// Certificate and key that we show, where the server asks for them.
    pub identity_pem: Option<(Vec<u8>, Vec<u8>)>,
    /// The name in the server's certificate, where it is not the endpoint's.
    pub server_name: Option<String>,
}

impl fmt::Debug for EtcdTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shows_identity = self.identity_pem.is_some();
        f.debug_struct("EtcdTls").field("shows_identity", &shows_identity).finish_non_exhaustive()
    }
}

impl EtcdSettings {
    /// What keys start with unless it is said otherwise.
    pub const NAMESPACE: &str = "/tailor/";

    /// How often a connection with open streams is probed: soon enough for a watch on an endpoint that hangs. etcd closes a
    /// connection that is probed more often than every 5 s, or at all while it is idle.
    const PROBE_EVERY: Duration = Duration::from_secs(6);

    /// How long a probe may take.
    const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

    /// These endpoints, without credentials, with the usual timeouts.
    pub fn of<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            first: 0,
            namespace: Self::NAMESPACE.to_owned(),
            user: None,
            tls: None,
            connect_timeout: Duration::from_secs(2),
            call_timeout: Duration::from_secs(5),
        }
    }

    /// Tells whether a client can be made of each endpoint; sends nothing.
    pub(super) async fn check(&self) -> Result<(), Error> {
        let anonymous = Self { user: None, ..self.clone() };
        Client::connect(&self.endpoints, Some(anonymous.options())).await.map(drop)
    }

    pub(super) fn options(&self) -> ConnectOptions {
        let mut options = ConnectOptions::new()
            .with_connect_timeout(self.connect_timeout)
            .with_timeout(self.call_timeout)
            .with_keep_alive(Self::PROBE_EVERY, Self::PROBE_TIMEOUT)
            .with_keep_alive_while_idle(false)
            .with_require_leader(true);
        if let Some(user) = &self.user {
            options = options.with_user(&user.name, &user.password);
        }
        if let Some(tls) = &self.tls {
            options = options.with_tls(tls.options());
        }
        options
    }
}

impl EtcdTls {
    fn options(&self) -> TlsOptions {
        let mut options = TlsOptions::new().ca_certificate(Certificate::from_pem(&self.ca_pem));
        if let Some((certificate, key)) = &self.identity_pem {
            options = options.identity(Identity::from_pem(certificate, key));
        }
        if let Some(name) = &self.server_name {
            options = options.domain_name(name);
        }
        options
    }
}
