//! Settings of etcd: endpoints, credentials, timeouts.

use std::fmt;
use std::time::Duration;

use etcd_client::{Certificate, Client, ConnectOptions, Error, Identity, TlsOptions};

/// Settings of the connection to etcd.
#[derive(Debug, Clone)]
pub struct EtcdSettings {
    /// Endpoints, `http://host:port` or `https://host:port`, one for each member.
    pub endpoints: Vec<String>,
    /// Index, modulo their number, of the endpoint that is asked first; it differs from process to process, so that
    /// the load spreads.
    pub first: usize,
    /// Prefix of every key; ends in `/`. Two clusters of Tailor in one etcd have different ones.
    pub namespace: String,
    /// User and password, if the server asks for them.
    pub user: Option<EtcdUser>,
    /// Certificates, for `https` endpoints; without them no server is trusted.
    pub tls: Option<EtcdTls>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for the answer to one call.
    pub call_timeout: Duration,
}

/// User of etcd. The password is not shown.
#[derive(Clone)]
pub struct EtcdUser {
    /// Name of the user.
    pub name: String,
    /// Password of the user.
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
    /// Certificates of the authorities that are trusted.
    pub ca_pem: Vec<u8>,
    /// Certificate and key that we show, if the server asks for them.
    pub identity_pem: Option<(Vec<u8>, Vec<u8>)>,
    /// Name in the server's certificate, if it differs from the endpoint's.
    pub server_name: Option<String>,
}

impl fmt::Debug for EtcdTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shows_identity = self.identity_pem.is_some();
        f.debug_struct("EtcdTls").field("shows_identity", &shows_identity).finish_non_exhaustive()
    }
}

impl EtcdSettings {
    /// Default prefix of all keys.
    pub const NAMESPACE: &str = "/tailor/";

    /// Interval between probes of a connection with open streams, short enough for a watch on an endpoint that hangs.
    /// etcd closes a connection that is probed more often than every 5 s, or at all while it is idle.
    const PROBE_EVERY: Duration = Duration::from_secs(6);

    /// Longest wait for the answer to a probe.
    const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

    /// Creates settings for these endpoints, without credentials and with the default timeouts.
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

    /// Checks that each endpoint can have a client; sends nothing.
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
