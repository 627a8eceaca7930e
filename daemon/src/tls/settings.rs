//! Settings of TLS, and the rule for sockets without it.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::TlsFiles;
use crate::reread::NamedFile;
use crate::{Layers, SettingsError};

/// Resolves the files of TLS.
///
/// # Errors
/// A certificate without its key, or the reverse.
pub fn files(layers: &Layers) -> Result<TlsFiles, SettingsError> {
    for (given, needed, wanted) in
        [("tls.cert", "tls.key", "a certificate with its key"), ("tls.key", "tls.cert", "the key of a certificate")]
    {
        if layers.optional(given).is_some() && layers.optional(needed).is_none() {
            return Err(layers.refuse(given, &format!("{wanted}; set {needed}, too, or leave {given} out")));
        }
    }
    let file = |setting| layers.optional(setting).map(|path| NamedFile { setting, path: PathBuf::from(path) });
    Ok(TlsFiles { own: file("tls.cert").zip(file("tls.key")), authority: file("tls.ca") })
}

/// Protection of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// TLS, and the other settings of the listener.
    Protected,
    /// No protection, on an address of this machine alone.
    Loopback,
    /// No protection, on an address that others reach, as `insecure` allows.
    Insecure,
}

/// Judges the listener at `address`, which is set as `setting`.
///
/// # Errors
/// Others reach the listener, it is not protected, and `insecure` is not set.
pub fn exposure(
    layers: &Layers,
    setting: &'static str,
    address: SocketAddr,
    is_protected: bool,
    protection: &str,
) -> Result<Exposure, SettingsError> {
    let is_insecure = layers.bool("insecure")?;
    if is_protected {
        return Ok(Exposure::Protected);
    }
    if address.ip().is_loopback() {
        return Ok(Exposure::Loopback);
    }
    if is_insecure {
        return Ok(Exposure::Insecure);
    }
    let wanted = format!(
        "an address of this machine alone, such as 127.0.0.1:{}, because there is no protection by {protection}; set those, or \
         say insecure if whoever reaches this port may use it",
        address.port()
    );
    Err(layers.refuse(setting, &wanted))
}

impl Exposure {
    /// Says at the start that a listener has no protection.
    pub fn log(self, setting: &str, address: SocketAddr) {
        match self {
            Self::Protected => {}
            Self::Loopback => {
                tracing::info!(setting, %address, "listening without TLS or roles, on this machine alone");
            }
            Self::Insecure => {
                tracing::warn!(setting, %address, "listening WITHOUT TLS OR ROLES: whoever reaches this address may use it (insecure)");
            }
        }
    }
}
