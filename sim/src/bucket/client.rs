//! Client of the bucket in a simulated process. It keeps the promises of an S3 client over requests that may fail.
//!
//! Requests are tried again with growing pauses. A create-only write carries an id, so that a write whose answer was
//! lost is recognised. If all tries fail, the error says what happened: done, not done, or the store is away.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::oneshot;

use super::{Bucket, ObjectAnswer, ObjectCall};
use crate::planted::PlantedBug;
use crate::port::{Message, Port};

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// Most tries of one request.
const TRIES_MAX: u32 = 5;
/// Pause after the first try; it doubles with each further one.
const PAUSE: Duration = Duration::from_millis(200);

/// Path of requests to the bucket.
#[derive(Clone)]
enum Way {
    /// Through the simulated world, with its faults.
    Port(Arc<Port>),
    /// Immediate access, for observers outside the simulation.
    Direct(Arc<Mutex<Bucket>>),
}

/// Client of one prefix of the bucket.
#[derive(Clone)]
pub(crate) struct BucketClient {
    way: Way,
    prefix: String,
    planted: Option<PlantedBug>,
}

impl fmt::Debug for BucketClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BucketClient({})", self.prefix)
    }
}

impl fmt::Display for BucketClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "test://{}", self.prefix)
    }
}

impl BucketClient {
    /// Creates the client of a simulated process.
    pub(crate) fn of_process(port: Arc<Port>, prefix: &str, planted: Option<PlantedBug>) -> Self {
        Self { way: Way::Port(port), prefix: prefix.to_owned(), planted }
    }

    /// Creates a client for observers outside the simulation.
    pub(crate) fn direct(bucket: Arc<Mutex<Bucket>>, prefix: &str) -> Self {
        Self { way: Way::Direct(bucket), prefix: prefix.to_owned(), planted: None }
    }

    fn key(&self, location: &Path) -> String {
        match (self.prefix.as_str(), location.as_ref()) {
            ("", key) => key.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, key) => format!("{prefix}/{key}"),
        }
    }

    fn location(&self, mut meta: ObjectMeta) -> ObjectMeta {
        if !self.prefix.is_empty()
            && let Some(own) = meta.location.as_ref().strip_prefix(&self.prefix)
        {
            let own = own.trim_start_matches('/');
            meta.location = Path::parse(own).unwrap_or_else(|_| Path::from(own));
        }
        meta
    }

    async fn ask(&self, location: &Path, call: ObjectCall) -> Result<ObjectAnswer> {
        let port = match &self.way {
            Way::Direct(bucket) => {
                return Ok(bucket.lock().unwrap_or_else(PoisonError::into_inner).call(&call, 0));
            }
            Way::Port(port) => port,
        };
        let call = match self.planted {
            Some(planted) => match planted.object_call(call, port) {
                Ok(call) => call,
                Err(answer) => return Ok(*answer),
            },
            None => call,
        };
        let mut is_throttled = false;
        for tried in 0..TRIES_MAX {
            if tried > 0 {
                tokio::time::sleep((PAUSE * (1 << tried)).mul_f64(0.5 + fastrand::f64() / 2.0)).await;
            }
            let (reply, answer) = oneshot::channel();
            port.send(Message::Object { call: call.clone(), reply });
            match tokio::time::timeout(ANSWER_MAX, answer).await {
                Ok(Ok(ObjectAnswer::SlowDown)) => is_throttled = true,
                Ok(Ok(answer)) => {
                    return Ok(match self.planted {
                        Some(planted) => planted.object_answer(&call, answer, port),
                        None => answer,
                    });
                }
                Ok(Err(_)) | Err(_) => is_throttled = false,
            }
        }
        Err(if is_throttled { storage::s3::slow_down(location) } else { storage::s3::unanswered(location) })
    }

    async fn list_all(self, prefix: Option<Path>) -> Result<Vec<ObjectMeta>> {
        let location = prefix.unwrap_or_default();
        match self.ask(&location, ObjectCall::List { prefix: self.key(&location) }).await? {
            ObjectAnswer::Listed(objects) => Ok(objects.into_iter().map(|meta| self.location(meta)).collect()),
            other => Err(unexpected(&location, &other)),
        }
    }
}

fn unexpected(location: &Path, answer: &ObjectAnswer) -> Error {
    let path = location.to_string();
    let source = format!("{answer:?}").into();
    match answer {
        ObjectAnswer::NotFound => Error::NotFound { path, source },
        ObjectAnswer::Exists => Error::AlreadyExists { path, source },
        ObjectAnswer::Changed => Error::Precondition { path, source },
        _ => Error::Generic { store: "bucket", source },
    }
}

#[async_trait]
impl ObjectStore for BucketClient {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let create = matches!(options.mode, PutMode::Create);
        let (bytes, id) = (Bytes::from(payload), fastrand::u64(1..));
        match self.ask(location, ObjectCall::Put { key: self.key(location), bytes, create, id }).await? {
            ObjectAnswer::Put { etag } => {
                Ok(PutResult { e_tag: Some(etag), version: None, extensions: options.extensions })
            }
            other => Err(unexpected(location, &other)),
        }
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotSupported { source: "no simulated object is that large".into() })
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let (range, if_match, head) = (options.range.clone(), options.if_match.clone(), options.head);
        match self.ask(location, ObjectCall::Get { key: self.key(location), range, if_match, head }).await? {
            ObjectAnswer::Got { meta, range, bytes } => {
                let payload = GetResultPayload::Stream(stream::once(async { Ok(bytes) }).boxed());
                let (meta, attributes) = (self.location(meta), object_store::Attributes::default());
                Ok(GetResult { payload, meta, range, attributes, extensions: options.extensions })
            }
            other => Err(unexpected(location, &other)),
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let client = self.clone();
        let delete = move |location: Result<Path>| {
            let client = client.clone();
            async move {
                let location = location?;
                match client.ask(&location, ObjectCall::Delete { key: client.key(&location) }).await? {
                    ObjectAnswer::Deleted => Ok(location),
                    other => Err(unexpected(&location, &other)),
                }
            }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let listed = self.clone().list_all(prefix.cloned());
        let each = |listed: Result<Vec<ObjectMeta>>| match listed {
            Ok(objects) => stream::iter(objects).map(Ok).boxed(),
            Err(error) => stream::once(async { Err(error) }).boxed(),
        };
        listed.map(each).into_stream().flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let folder = prefix.cloned().unwrap_or_default();
        let mut result =
            ListResult { common_prefixes: Vec::new(), objects: Vec::new(), extensions: Default::default() };
        for meta in self.clone().list_all(prefix.cloned()).await? {
            let mut parts = meta.location.prefix_match(&folder).into_iter().flatten();
            match (parts.next(), parts.next()) {
                (Some(part), Some(_)) => {
                    let below = folder.clone().join(part);
                    if result.common_prefixes.last() != Some(&below) {
                        result.common_prefixes.push(below);
                    }
                }
                _ => result.objects.push(meta.clone()),
            }
        }
        Ok(result)
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(Error::NotSupported { source: "nothing is copied".into() })
    }
}
