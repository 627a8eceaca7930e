//! Settings that every server has.
//!
//! Each program declares its default HTTP address in a table of its own. The settings of etcd declared here are
//! resolved by [`crate::etcd`].

use storage::AllowedRoots;

use crate::settings::Key;
use crate::{Layers, SettingsError};

/// Table of these settings; a program's own table comes after it.
pub const KEYS: &[Key] = &[
    Key::new("log.format", Some("text"), "Form of the log lines on stderr: text or json", "json"),
    Key::new(
        "log.level",
        Some("info"),
        "Lowest level that is logged: error, warn, info, debug or trace, also by target",
        "info,storage=debug",
    ),
    Key::new(
        "http.listen",
        None,
        "Address of probes and metrics, host:port. Without it, the default of the program",
        "127.0.0.1:7080",
    ),
    Key::new(
        "tls.cert",
        None,
        "Certificate (PEM) to show to peers; read again when it changes. Without it, no TLS",
        "/etc/tailor/tls.crt",
    ),
    Key::new(
        "tls.key",
        None,
        "Key (PEM) of that certificate; read again when it changes. Without it, no TLS",
        "/etc/tailor/tls.key",
    ),
    Key::new(
        "tls.ca",
        None,
        "Authority (PEM) by which peers are checked: clients by a server, servers by a client; read again when it changes. \
         Without it, no peer is checked",
        "/etc/tailor/ca.crt",
    ),
    Key::new(
        "roots.allowed",
        None,
        "Places that jobs may touch: URI prefixes, with commas. Without it, any place; but only buckets where TLS or tokens are set",
        "s3://metrics/landing,s3://metrics/series",
    ),
    Key::switch(
        "insecure",
        "Listen beyond this machine also without TLS and roles: whoever reaches the port may use it",
    ),
    Key::new(
        "etcd.endpoints",
        Some("http://127.0.0.1:2379"),
        "Members of etcd, with commas",
        "http://e0:2379,http://e1:2379,http://e2:2379",
    ),
    Key::new("etcd.namespace", Some("/tailor/"), "Beginning of all keys of this cluster", "/tailor-staging/"),
    Key::new("etcd.user", None, "User of etcd; needs a password. Without it, no user", "tailor"),
    Key::new(
        "etcd.password-file",
        None,
        "File with the password of that user. Without it, no user",
        "/etc/tailor/etcd-password",
    ),
    Key::new(
        "etcd.ca-file",
        None,
        "Certificates (PEM) by which etcd is trusted; switches TLS on. Without it, no TLS",
        "/etc/tailor/etcd-ca.pem",
    ),
    Key::new("etcd.cert-file", None, "Certificate (PEM) to show to etcd. Without it, none", "/etc/tailor/etcd.pem"),
    Key::new("etcd.key-file", None, "Key (PEM) of that certificate. Without it, none", "/etc/tailor/etcd-key.pem"),
];

/// Resolves the places that jobs may touch; `is_protected` says that the server has TLS or asks for identities.
///
/// # Errors
/// An entry of `roots.allowed` is not a plain place.
pub fn allowed(layers: &Layers, is_protected: bool) -> Result<AllowedRoots, SettingsError> {
    let prefixes = layers.list("roots.allowed");
    match (prefixes.is_empty(), is_protected) {
        (true, false) => Ok(AllowedRoots::Any),
        (true, true) => Ok(AllowedRoots::Buckets),
        (false, _) => AllowedRoots::listed(&prefixes).map_err(|error| {
            layers.refuse(
                "roots.allowed",
                &format!("places such as s3://metrics/landing or /data, with commas ({error})"),
            )
        }),
    }
}
