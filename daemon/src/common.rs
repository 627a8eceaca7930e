//! Settings that every server has.
//!
//! Each program declares its default HTTP address in a table of its own. The settings of etcd declared here are
//! resolved by [`crate::etcd`].

use crate::settings::Key;

/// Table of these settings; a program's own table comes after it.
pub const KEYS: &[Key] = &[
    Key::new("log.format", Some("text"), "How logs are written to stderr: text or json"),
    Key::new(
        "log.level",
        Some("info"),
        "What is logged: error, warn, info, debug, trace, or by target (info,storage=debug)",
    ),
    Key::new("http.listen", None, "Where probes and metrics are served: host:port"),
    Key::new("etcd.endpoints", Some("http://127.0.0.1:2379"), "The members of etcd, with commas between them"),
    Key::new("etcd.namespace", Some("/tailor/"), "What all keys of this cluster begin with"),
    Key::new("etcd.user", None, "Who to be in etcd"),
    Key::new("etcd.password-file", None, "A file with the password of that user"),
    Key::new("etcd.ca-file", None, "The certificates that etcd's own is checked with (PEM); switches TLS on"),
    Key::new("etcd.cert-file", None, "The certificate to show to etcd (PEM)"),
    Key::new("etcd.key-file", None, "The key of that certificate (PEM)"),
];
