//! Server that `scripts/servers.sh start` started.

use std::collections::HashMap;
use std::path::Path as FsPath;
use std::time::Duration;

use object_store::path::Path;
use storage::retry::RetryPolicy;
use storage::{S3Settings, S3Store};

/// S3 server, with a prefix of a bucket that no other test uses.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    bucket: String,
    credentials: (String, String),
    prefix: Path,
}

impl Server {
    /// Finds the running server; the test fails if there is none.
    pub(crate) fn find() -> Self {
        let credentials = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"));
        Self::at(variable("TAILOR_TEST_S3_ENDPOINT"), variable("TAILOR_TEST_S3_BUCKET"), credentials)
    }

    /// Finds another running server, whose endpoint is in the variable `name`; the test fails if there is none.
    pub(crate) fn find_other(name: &str, (access_key, secret_key): (&str, &str)) -> Self {
        Self::at(variable(name), "tailor-tests".to_owned(), (access_key.to_owned(), secret_key.to_owned()))
    }

    fn at(endpoint: String, bucket: String, credentials: (String, String)) -> Self {
        let address = endpoint.trim_start_matches("http://");
        if let Err(error) = std::net::TcpStream::connect(address) {
            panic!("no S3 server answers at {endpoint} ({error}): run scripts/servers.sh start");
        }
        Self { bucket, credentials, prefix: Path::from(format!("storage/{:016x}", fastrand::u64(..))), endpoint }
    }

    /// Creates a store at a prefix that nothing else uses.
    pub(crate) fn fresh_store(&self) -> S3Store {
        let prefix = Path::from(format!("storage/{:016x}", fastrand::u64(..)));
        S3Store::new(&self.bucket, prefix, self.settings(&self.endpoint))
    }

    /// Creates the store, without a proxy.
    pub(crate) fn store(&self) -> S3Store {
        self.store_at(&self.endpoint)
    }

    /// Creates a store at the same prefix through another endpoint. Retries are as many as usual and a hundred times
    /// faster.
    pub(crate) fn store_at(&self, endpoint: &str) -> S3Store {
        S3Store::new(&self.bucket, self.prefix.clone(), self.settings(endpoint))
    }

    pub(crate) fn settings(&self, endpoint: &str) -> S3Settings {
        S3Settings {
            endpoint_url: Some(endpoint.to_owned()),
            region: Some("us-east-1".to_owned()),
            credentials: Some(self.credentials.clone()),
            retries: RetryPolicy {
                first_delay_max: Duration::from_millis(1),
                delay_max: Duration::from_millis(200),
                ..RetryPolicy::default()
            },
            stall_grace: Duration::from_secs(1),
        }
    }

    /// Lists the keys of uploads under this prefix that were neither completed nor aborted.
    pub(crate) async fn pending_uploads(&self) -> Vec<String> {
        let (access_key, secret_key) = &self.credentials;
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .region(aws_sdk_s3::config::Region::from_static("us-east-1"))
            .credentials_provider(aws_sdk_s3::config::Credentials::new(access_key, secret_key, None, None, "test"))
            .endpoint_url(&self.endpoint)
            .force_path_style(true)
            .build();
        let request = aws_sdk_s3::Client::from_conf(config).list_multipart_uploads().bucket(&self.bucket);
        let found = request.prefix(format!("{}/", self.prefix)).send().await.expect("uploads are listed");
        found.uploads().iter().filter_map(|upload| upload.key().map(str::to_owned)).collect()
    }
}

/// Reads a variable of the environment, or of the servers' file.
fn variable(name: &str) -> String {
    let file = FsPath::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/servers/env");
    let written = std::fs::read_to_string(file).unwrap_or_default();
    let written: HashMap<_, _> = written.lines().filter_map(|line| line.split_once('=')).collect();
    let found = std::env::var(name).ok().or_else(|| written.get(name).map(|value| (*value).to_owned()));
    found.unwrap_or_else(|| panic!("{name} is not set: run scripts/servers.sh start"))
}
