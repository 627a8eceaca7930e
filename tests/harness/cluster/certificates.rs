//! Certificates of a cluster with TLS and roles, made by `scripts/certificates.sh`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use daemon::TlsFiles;
use daemon::client::{ClientFiles, ClientIdentity};
use daemon::reread::NamedFile;
use tempfile::TempDir;

use crate::tailor::repository;

/// Owners of certificates, by part and name.
pub const OWNERS: [&str; 6] =
    ["coordinator/coordinator", "worker/worker", "worker/other", "operator/alice", "viewer/victor", "admin/root"];

/// Authority with a certificate for each of [`OWNERS`]. Clones share the folder.
#[derive(Debug, Clone)]
pub struct Certificates {
    folder: Arc<TempDir>,
}

impl Certificates {
    /// Makes certificates that hold for days.
    pub fn new() -> Self {
        let made = Self { folder: Arc::new(tempfile::tempdir().expect("a temporary folder")) };
        made.make(&OWNERS, "");
        made
    }

    /// Makes certificates that hold for so long from now on.
    pub fn holding(duration: Duration) -> Self {
        let made = Self { folder: Arc::new(tempfile::tempdir().expect("a temporary folder")) };
        made.make(&OWNERS, &from_now(duration));
        made
    }

    /// Replaces all certificates by others that hold for days, of the same authority.
    pub fn rotate(&self) {
        self.make(&OWNERS, "");
    }

    /// Makes certificates of `owners`, until an end as openssl has it; empty for days.
    ///
    /// # Panics
    /// The script fails.
    pub fn make(&self, owners: &[&str], until: &str) {
        let script = repository().join("scripts/certificates.sh");
        let mut command = Command::new(script);
        let made = command.arg(self.path()).arg("trial").args(owners).env("UNTIL", until).output();
        let made = made.expect("the script runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    /// Returns the folder of the files.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns a file of the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Returns the flags of a server that is `owner`.
    pub fn flags(&self, owner: &str) -> String {
        let folder = self.path().display();
        let cluster = if owner == "coordinator" { "--auth-cluster trial" } else { "" };
        format!("--tls-cert {folder}/{owner}.crt --tls-key {folder}/{owner}.key --tls-ca {folder}/ca.crt {cluster}")
    }

    /// Lists the variables of a command whose user is `owner`; nobody if it is empty.
    pub fn client(&self, owner: &str) -> Vec<(String, String)> {
        let file =
            |variable: &str, name: &str| (format!("TAILOR_TLS_{variable}"), self.file(name).display().to_string());
        let mut variables = vec![file("CA", "ca.crt")];
        if !owner.is_empty() {
            variables.extend([file("CERT", &format!("{owner}.crt")), file("KEY", &format!("{owner}.key"))]);
        }
        variables
    }

    /// Reads the files of a client that is `owner`.
    pub fn identity(&self, owner: &str) -> ClientIdentity {
        let file = |setting, name: &str| NamedFile { setting, path: self.file(name) };
        let own = (file("tls.cert", &format!("{owner}.crt")), file("tls.key", &format!("{owner}.key")));
        let tls = TlsFiles { own: Some(own), authority: Some(file("tls.ca", "ca.crt")) };
        ClientIdentity::load(&ClientFiles { tls, token: None }).expect("files that were just made")
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

/// Formats the instant in `duration` as openssl takes it.
fn from_now(duration: Duration) -> String {
    let at = format!("{} seconds", duration.as_secs());
    let told = Command::new("date").args(["-u", "-d", &at, "+%y%m%d%H%M%SZ"]).output().expect("date runs");
    String::from_utf8(told.stdout).expect("digits").trim().to_owned()
}
