//! Choice of the cluster that a command asks.
//!
//! The cluster is the first of these: `--coordinators`, `--context`, `TAILOR_COORDINATORS`, `TAILOR_CONTEXT`,
//! `current` of the client's file, and [`DEFAULT_COORDINATOR`]. The file is `~/.config/tailor/config.toml`, or the
//! one that `TAILOR_CLIENT_CONFIG` names:
//!
//! ```toml
//! current = "local"
//!
//! [contexts.local]
//! coordinators = ["http://127.0.0.1:7070"]
//!
//! [contexts.production]
//! coordinators = ["https://c0:7070", "https://c1:7070"]
//! tls-ca = "/home/alice/.config/tailor/ca.crt"
//! token-file = "/home/alice/.config/tailor/token"      # or tls-cert and tls-key
//! ```
//!
//! The identity that goes with it is resolved file by file: flag, then variable, then the context that was chosen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde::Deserialize;

use crate::cluster::Cluster;
use crate::exit::{Code, Exit};
use crate::files::read_text;
use crate::identity::{IdentityArgs, ProfileFiles};
use daemon::client::ClientIdentity;

/// Address of the coordinator if nothing names another.
const DEFAULT_COORDINATOR: &str = "http://127.0.0.1:7070";

/// Options that choose the cluster, shared by every verb that asks one.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ContextArgs {
    /// Cluster to ask, by its name in the client's file [env: TAILOR_CONTEXT]. Without it, the file's `current`.
    ///
    /// For example `--context production`.
    #[arg(long, value_name = "NAME", conflicts_with = "coordinators")]
    context: Option<String>,
    /// Cluster to ask, by URLs of its coordinators, with commas; the leader is found [env: TAILOR_COORDINATORS].
    /// Without a context either, http://127.0.0.1:7070.
    ///
    /// For example `--coordinators http://c0:7070,http://c1:7070`.
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    coordinators: Vec<String>,
    /// Longest time for one request, including the search for the leader.
    ///
    /// For example `--request-timeout 30s`.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = model::time::parse_duration)]
    request_timeout: Duration,
    #[command(flatten)]
    identity: IdentityArgs,
}

/// Cluster that was chosen: its coordinators, and the files of the context if one was.
#[derive(Debug, Default)]
struct Chosen {
    coordinators: Vec<String>,
    files: ProfileFiles,
}

impl From<Vec<String>> for Chosen {
    fn from(coordinators: Vec<String>) -> Self {
        Self { coordinators, files: ProfileFiles::default() }
    }
}

impl ContextArgs {
    /// Returns a client of the chosen cluster. Nothing is sent before the first request.
    pub(crate) fn cluster(&self) -> Result<Cluster> {
        let chosen = self.resolve(variable)?;
        let identity = self.identity.load(&chosen.files, variable)?;
        Cluster::new(chosen.coordinators, identity.security(), self.request_timeout)
    }

    /// Returns a client of the cluster that a flag, a variable or the client's file names; none if nothing names one.
    pub(crate) fn named_cluster(&self) -> Result<Option<Cluster>> {
        let Some(chosen) = self.resolve_named(variable)? else { return Ok(None) };
        let identity = self.identity.load(&chosen.files, variable)?;
        Cluster::new(chosen.coordinators, identity.security(), self.request_timeout).map(Some)
    }

    /// Returns the coordinators of the chosen cluster, and the files by which they are called.
    pub(crate) fn connection(&self) -> Result<(Vec<String>, ClientIdentity)> {
        let chosen = self.resolve(variable)?;
        let identity = self.identity.load(&chosen.files, variable)?;
        Ok((chosen.coordinators, identity))
    }

    fn resolve(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Chosen> {
        let named = self.resolve_named(variable)?;
        Ok(named.unwrap_or_else(|| vec![DEFAULT_COORDINATOR.to_owned()].into()))
    }

    fn resolve_named(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Chosen>> {
        if !self.coordinators.is_empty() {
            return Ok(Some(self.coordinators.clone().into()));
        }
        if let Some(name) = &self.context {
            return Profiles::read(&variable)?.chosen(name).map(Some);
        }
        if let Some(coordinators) = variable("TAILOR_COORDINATORS") {
            let coordinators: Vec<_> = coordinators.split(',').map(|url| url.trim().to_owned()).collect();
            return Ok(Some(coordinators.into()));
        }
        let profiles = Profiles::read(&variable)?;
        let name = variable("TAILOR_CONTEXT").or_else(|| profiles.raw.current.clone());
        name.map(|name| profiles.chosen(&name)).transpose()
    }
}

/// Returns a variable of the environment that is not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Content of the client's file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfiles {
    /// Context to use if none is named.
    current: Option<String>,
    #[serde(default)]
    contexts: BTreeMap<String, RawProfile>,
}

/// Cluster in the client's file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProfile {
    coordinators: Vec<String>,
    #[serde(rename = "tls-ca")]
    tls_ca: Option<PathBuf>,
    #[serde(rename = "tls-cert")]
    tls_cert: Option<PathBuf>,
    #[serde(rename = "tls-key")]
    tls_key: Option<PathBuf>,
    #[serde(rename = "token-file")]
    token_file: Option<PathBuf>,
}

/// Client's file with its path.
struct Profiles {
    path: PathBuf,
    raw: RawProfiles,
}

impl Profiles {
    /// Reads the file. A file that the environment names must exist; the default one need not.
    fn read(variable: &impl Fn(&str) -> Option<String>) -> Result<Self> {
        let named = variable("TAILOR_CLIENT_CONFIG").map(PathBuf::from);
        let is_named = named.is_some();
        let folder = || {
            let config = variable("XDG_CONFIG_HOME").map(PathBuf::from);
            config.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".config")))
        };
        let Some(path) = named.or_else(|| folder().map(|folder| folder.join("tailor/config.toml"))) else {
            return Ok(Self { path: PathBuf::from("~/.config/tailor/config.toml"), raw: RawProfiles::default() });
        };
        let is_read = is_named || path.exists();
        let text = if is_read { read_text("client settings", &path)? } else { String::new() };
        Self::parse(path, &text)
    }

    fn parse(path: PathBuf, text: &str) -> Result<Self> {
        let raw = toml::from_str(text).map_err(|error| {
            Exit::error(Code::Usage, format!("client settings {}: {}", path.display(), error.to_string().trim_end()))
        })?;
        Ok(Self { path, raw })
    }

    fn chosen(&self, name: &str) -> Result<Chosen> {
        let path = self.path.display();
        let Some(profile) = self.raw.contexts.get(name) else {
            let known: Vec<_> = self.raw.contexts.keys().map(String::as_str).collect();
            let known =
                if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
            return Err(Exit::error(Code::NotFound, format!("there is no context '{name}' in {path}; {known}")));
        };
        if profile.coordinators.is_empty() {
            return Err(Exit::error(Code::Usage, format!("context '{name}' in {path} names no coordinators")));
        }
        let files = ProfileFiles {
            tls_ca: profile.tls_ca.clone(),
            tls_cert: profile.tls_cert.clone(),
            tls_key: profile.tls_key.clone(),
            token_file: profile.token_file.clone(),
        };
        Ok(Chosen { coordinators: profile.coordinators.clone(), files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        current = "local"
        [contexts.local]
        coordinators = ["http://127.0.0.1:7070"]
        [contexts.production]
        coordinators = ["http://a:7070", "http://b:7070"]
    "#;

    /// Resolves flags, variables and a file together.
    fn resolve(flags: &[&str], variables: &[(&str, &str)], file: &str) -> Result<String> {
        #[derive(Debug, clap::Parser)]
        struct Line {
            #[command(flatten)]
            context: ContextArgs,
        }
        let line = <Line as clap::Parser>::try_parse_from([&["tailor"], flags].concat())?;
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("config.toml");
        std::fs::write(&path, file)?;
        let variable = |name: &str| match name {
            "TAILOR_CLIENT_CONFIG" => Some(path.display().to_string()),
            _ => variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
        };
        Ok(line.context.resolve(variable)?.coordinators.join(" "))
    }

    #[test]
    fn flags_win_over_variables_and_these_over_the_file() {
        let means = |flags: &[&str], variables: &[(&str, &str)], file: &str| {
            resolve(flags, variables, file).expect("it names a cluster")
        };
        let variables = [("TAILOR_COORDINATORS", "http://e:1, http://f:1"), ("TAILOR_CONTEXT", "production")];
        assert_eq!(means(&[], &[], ""), DEFAULT_COORDINATOR);
        assert_eq!(means(&[], &[], FILE), "http://127.0.0.1:7070");
        assert_eq!(means(&[], &variables[1..], FILE), "http://a:7070 http://b:7070");
        assert_eq!(means(&[], &variables, FILE), "http://e:1 http://f:1");
        assert_eq!(means(&["--context", "local"], &variables, FILE), "http://127.0.0.1:7070");
        assert_eq!(means(&["--coordinators", "http://c:1,http://d:1"], &variables, FILE), "http://c:1 http://d:1");
    }

    #[test]
    fn a_context_that_is_not_there_tells_those_that_are() {
        let error = resolve(&["--context", "prodction"], &[], FILE).expect_err("it is misspelt");
        assert!(error.to_string().contains("local, production"), "{error}");
        assert_eq!(Code::of(&error), Code::NotFound);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_name_and_the_file() {
        let error = resolve(&[], &[], "[contexts.local]\ncoordinatrs = []\n").expect_err("it is misspelt");
        let text = error.to_string();
        assert!(text.contains("coordinatrs") && text.contains("config.toml"), "{text}");
    }
}
