//! Client of the SDK, made from the usual AWS places when the first request needs it.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Credentials, IdentityCache, Region, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::types::ChecksumAlgorithm;
use aws_smithy_http_client::tls;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

use super::credentials::Refreshing;
use super::failure::{Failure, Kind};
use crate::retry::RetryPolicy;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest time of one attempt up to the head of its answer: an 8 MiB part at 1 Mbit/s takes 64 s.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(120);
/// Region for stores that are not AWS: a signature needs a region, and they take this one.
const REGION_OF_OTHER_STORES: &str = "us-east-1";

/// Settings of a store. A value that is `None` comes from the usual AWS places: environment, profile files, roles.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// Endpoint of a store that is not AWS; it is addressed with the bucket in the path.
    pub endpoint_url: Option<String>,
    /// Region of the bucket.
    pub region: Option<String>,
    /// Access key and secret key.
    pub credentials: Option<(String, String)>,
    /// Retry policy, the only retry layer: the SDK's own is off.
    pub retries: RetryPolicy,
    /// Time after which a body that carries less than a byte per second is given up.
    pub stall_grace: Duration,
}

impl Default for S3Settings {
    fn default() -> Self {
        Self {
            endpoint_url: None,
            region: None,
            credentials: None,
            retries: RetryPolicy::default(),
            stall_grace: Duration::from_secs(20),
        }
    }
}

/// Client with the facts that messages and requests need.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) client: Client,
    /// Address of the server, for messages.
    pub(super) endpoint: String,
    /// Credentials for signing; `None` if the settings contain them.
    pub(super) credentials: Option<Refreshing>,
    /// Checksum of uploads; `None` if `AWS_REQUEST_CHECKSUM_CALCULATION=when_required` says that the store takes
    /// none.
    pub(super) checksum: Option<ChecksumAlgorithm>,
}

impl Connection {
    /// Reads the usual places. Nothing is sent to the store yet, but a role's credentials may be fetched.
    pub(super) async fn open(settings: &S3Settings) -> Result<Self, Failure> {
        let found = loader(settings).load().await;
        let checksum = match found.request_checksum_calculation() {
            Some(RequestChecksumCalculation::WhenRequired) => None,
            _ => Some(ChecksumAlgorithm::Crc32C),
        };
        let (config, endpoint) = address(settings, &found)?;
        let credentials = settings.credentials.is_none().then(|| refreshing(settings));
        let config = match &credentials {
            Some(refreshing) => {
                let config = config.credentials_provider(refreshing.clone());
                // Our own cache is used: the SDK's would keep refused credentials.
                config.identity_cache(IdentityCache::no_cache()).build()
            }
            None => config.build(),
        };
        Ok(Self { client: Client::from_conf(config), endpoint, credentials, checksum })
    }
}

/// Creates the credentials of the usual places.
fn refreshing(settings: &S3Settings) -> Refreshing {
    let settings = settings.clone();
    Refreshing::new(Arc::new(move || {
        let loader = loader(&settings);
        Box::pin(async move { loader.load().await.credentials_provider() })
    }))
}

/// Creates a loader of the usual places, which reads them anew.
fn loader(settings: &S3Settings) -> ConfigLoader {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT);
    let stalls = StalledStreamProtectionConfig::enabled()
        .upload_enabled(true)
        .download_enabled(true)
        .grace_period(settings.stall_grace);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts.build())
        .stalled_stream_protection(stalls.build())
        // Ranges of an object have no checksum of their own, and our formats check every frame and block.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some((access_key, secret_key)) = &settings.credentials {
        loader = loader.credentials_provider(Credentials::new(access_key, secret_key, None, None, "settings"));
    }
    loader
}

/// Determines region and addressing style; both depend on the endpoint being AWS.
fn address(settings: &S3Settings, found: &SdkConfig) -> Result<(aws_sdk_s3::config::Builder, String), Failure> {
    let config = aws_sdk_s3::config::Builder::from(found);
    match (endpoint_url(settings, found), found.region()) {
        (Some(url), region) => {
            let region = region.cloned().unwrap_or(Region::from_static(REGION_OF_OTHER_STORES));
            Ok((config.region(region).endpoint_url(&url).force_path_style(is_path_style()), url))
        }
        (None, Some(region)) => Ok((config, format!("S3 in region {region}"))),
        (None, None) => {
            let message = "no AWS region; set AWS_REGION, or `region` in the profile that AWS_PROFILE names, or \
                           AWS_ENDPOINT_URL for a store that is not AWS";
            Err(Failure::permanent("configure S3", Kind::Failed, message))
        }
    }
}

/// Returns our endpoint, else the one for S3 (`AWS_ENDPOINT_URL_S3`), else the one for all services
/// (`AWS_ENDPOINT_URL`).
fn endpoint_url(settings: &S3Settings, found: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let of_s3 = || found.service_config()?.load_config(key.ok()?);
    settings.endpoint_url.clone().or_else(of_s3).or_else(|| found.endpoint_url().map(str::to_owned))
}

/// True if the bucket goes into the path, as for stores that are not AWS; the variable that other S3 clients use can
/// change that.
fn is_path_style() -> bool {
    !std::env::var("AWS_VIRTUAL_HOSTED_STYLE_REQUEST").is_ok_and(|value| value == "true")
}
