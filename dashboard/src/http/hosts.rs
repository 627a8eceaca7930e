//! Hosts by which the dashboard may be asked.
//!
//! A page of a stranger may point a name of its own at this machine and then read what answers there, as if it were its
//! own. So only names that a stranger cannot have are served: addresses, `localhost`, names without a dot, and those
//! that the settings list.

use std::net::{IpAddr, Ipv6Addr};

/// Names of a dashboard.
#[derive(Debug, Clone)]
pub(super) struct Hosts {
    listed: Vec<String>,
}

impl Hosts {
    pub(super) fn new(listed: &[String]) -> Self {
        Self { listed: listed.iter().map(|name| name.trim_end_matches('.').to_ascii_lowercase()).collect() }
    }

    /// True if the value of a `Host` header names this dashboard.
    pub(super) fn has(&self, host: &str) -> bool {
        if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            return address.0.parse::<Ipv6Addr>().is_ok() && is_port(address.1);
        }
        let (name, port) = host.find(':').map_or((host, ""), |at| host.split_at(at));
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let is_plain =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        let is_ours = !name.contains('.') || name.parse::<IpAddr>().is_ok() || self.listed.contains(&name);
        is_plain && is_ours && is_port(port)
    }
}

/// True if the text is empty, or a colon with a number.
fn is_port(port: &str) -> bool {
    port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_stranger_could_have_are_not_ours() {
        let hosts = Hosts::new(&["Tailor.Example.com".to_owned()]);
        for ours in
            ["127.0.0.1:7080", "localhost", "[::1]:7080", "tailor-coordinator:7080", "tailor.example.com.", "10.0.0.7"]
        {
            assert!(hosts.has(ours), "{ours}");
        }
        for foreign in [
            "evil.example",
            "evil.example:7080",
            "127.0.0.1.evil.example",
            "[::1",
            "[::1]x",
            "a@b",
            "",
            "tailor.example.com:x",
        ] {
            assert!(!hosts.has(foreign), "{foreign}");
        }
    }
}
