//! S3 and the stores that speak like it, behind the `object_store` crate's interface.
//!
//! **Outcomes.** A request ends done, definitely not done, or *unknown*: the answer was lost, or cannot be trusted.
//! Requests that may be done twice are repeated. A conditional write may not: it carries a put id in the object's
//! metadata, and when it is refused or its outcome is unknown, the object is looked at. If it bears our id, we wrote
//! it.
//!
//! | what S3 answers | what follows |
//! |---|---|
//! | 412 to a conditional write | look: our id is success, another's is `AlreadyExists` or `Precondition` |
//! | 409 `ConditionalRequestConflict`, a lost answer | look, then repeat with the same id |
//! | 412, 409 to a create-only `CompleteMultipartUpload` | look: another's is `AlreadyExists`; none is a failure of the upload |
//! | 404 to `CompleteMultipartUpload` | look: an earlier attempt of ours may have completed it |
//! | 200 with an error in its body | that error |
//! | 503, 429 | fewer requests on this prefix, repeat after `Retry-After` and jitter |
//! | a refusal of `DeleteObjects` as such (not known, wants an MD5) | the objects are removed one by one, 64 at once |
//! | expired or revoked credentials, 401, 403 | the usual places are read again at once; expired ones are tried again here, the rest by the caller: a policy that is mended, or a secret that is rotated, ends it |
//! | no such bucket, no region, no credentials anywhere | an error at once: only a change of the configuration helps |
//! | a body that stalls, ends early or breaks | read on from there, if the etag is still the same |
//!
//! **Layers.** `calls` paces and repeats (`retry` is the policy; the SDK's own retries are off); `failure` sorts what
//! the SDK says; the other modules are one operation each.
//!
//! **Configuration** is read from the usual AWS places when the first request goes out: the variables `AWS_REGION`,
//! `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`,
//! `AWS_PROFILE`, the files under `~/.aws`, roles of a pod or an instance. With an endpoint of your own the bucket
//! stands in the path; `AWS_VIRTUAL_HOSTED_STYLE_REQUEST=true` puts it into the host's name.
//! `AWS_REQUEST_CHECKSUM_CALCULATION=when_required` leaves checksums out for stores that know none.

mod attributes;
mod body;
mod calls;
mod client;
mod copy;
mod credentials;
mod failure;
mod list;
mod pace;
mod pending;
mod read;
mod remove;
mod upload;
mod versioning;
mod write;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartId, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::OnceCell;

use calls::{Attempts, Calls};
use client::Connection;
use failure::{Failure, Kind};

use crate::requests::Meter;
pub use client::S3Settings;
pub(crate) use failure::{is_away, is_lasting};
#[cfg(feature = "testing")]
pub use failure::{slow_down, unanswered};
pub(crate) use upload::CreateOnly;

/// Prefix of a bucket. Clones share the client, the pace and the retry budget.
#[derive(Debug, Clone)]
pub struct S3Store {
    shared: Arc<Shared>,
    meter: Meter,
}

#[derive(Debug)]
struct Shared {
    bucket: String,
    prefix: Path,
    settings: S3Settings,
    connection: OnceCell<Connection>,
    calls: Calls,
    /// Set once the store has refused to remove several objects at once, and has removed one alone.
    removes_singly: AtomicBool,
}

impl fmt::Display for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.shared.bucket, self.shared.prefix)
    }
}

impl S3Store {
    /// Creates the store at `bucket` and `prefix`. Nothing is read or sent before the first request.
    pub fn new(bucket: &str, prefix: Path, settings: S3Settings) -> Self {
        let calls = Calls::new(settings.retries, fastrand::Rng::new());
        let (bucket, connection) = (bucket.to_owned(), OnceCell::new());
        let removes_singly = AtomicBool::new(false);
        let shared = Arc::new(Shared { bucket, prefix, settings, connection, calls, removes_singly });
        Self { shared, meter: Meter::default() }
    }

    /// Returns the same store, whose requests are counted by `meter`.
    pub(crate) fn metered(&self, meter: Meter) -> Self {
        Self { shared: Arc::clone(&self.shared), meter }
    }

    async fn connection(&self) -> Result<&Connection, Failure> {
        self.shared.connection.get_or_try_init(|| Connection::open(&self.shared.settings)).await
    }

    fn bucket(&self) -> &str {
        &self.shared.bucket
    }

    /// Returns the key in the bucket.
    fn key(&self, location: &Path) -> String {
        match self.shared.prefix.as_ref() {
            "" => location.to_string(),
            prefix => format!("{prefix}/{location}"),
        }
    }

    fn attempts<'a>(&'a self, operation: &'static str, connection: &'a Connection, location: &Path) -> Attempts<'a> {
        self.shared.calls.begin(operation, connection, location.as_ref(), &self.meter)
    }
}

/// Converts failures to errors of the `object_store` crate.
fn at(location: &Path) -> impl FnOnce(Failure) -> object_store::Error + '_ {
    move |failure| failure.at(location)
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.put_object(location, payload, options).await.map_err(at(location))
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let is_create_only = options.extensions.get::<CreateOnly>().is_some();
        let id = self.create_upload(location, options).await.map_err(at(location))?;
        Ok(Box::new(upload::Upload::new(self.clone(), location.clone(), id, is_create_only)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let got = match options.head {
            true => self.head_object(location, options).await,
            false => self.get_object(location, options).await,
        };
        got.map_err(at(location))
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.clone().delete_objects(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.clone().list_objects(prefix.cloned())
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.list_folder(prefix).await.map_err(at(prefix.unwrap_or(&Path::default())))
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.copy_object(from, to, &options).await.map_err(at(from))
    }
}

#[async_trait]
impl MultipartStore for S3Store {
    async fn create_multipart(&self, path: &Path) -> Result<MultipartId> {
        self.create_upload(path, PutMultipartOptions::default()).await.map_err(at(path))
    }

    async fn create_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<MultipartId> {
        self.create_upload(path, options).await.map_err(at(path))
    }

    async fn put_part(&self, path: &Path, id: &MultipartId, part: usize, data: PutPayload) -> Result<PartId> {
        self.upload_part(path, id, part, data).await.map_err(at(path))
    }

    async fn complete_multipart(&self, path: &Path, id: &MultipartId, parts: Vec<PartId>) -> Result<PutResult> {
        self.complete_upload(path, id, parts, false).await.map_err(at(path))
    }

    async fn abort_multipart(&self, path: &Path, id: &MultipartId) -> Result<()> {
        self.abort_upload(path, id).await.map_err(at(path))
    }
}
