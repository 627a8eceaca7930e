//! Decorator that counts the requests to a store. A bucket counts its own, each try alone.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use model::RequestKind;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

use crate::requests::{Meter, RequestEnd};

/// Store whose requests are counted.
#[derive(Debug, Clone)]
pub(crate) struct Metered {
    inner: Arc<dyn ObjectStore>,
    meter: Meter,
}

impl Metered {
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, meter: Meter) -> Self {
        Self { inner, meter }
    }

    /// Waits for a request, and counts it.
    async fn counted<T>(&self, kind: RequestKind, request: impl Future<Output = Result<T>>) -> Result<T> {
        let counted = self.meter.begin(kind);
        let result = request.await;
        counted.end(RequestEnd::of(&result));
        result
    }

    /// Counts a listing once, when its stream ends.
    fn counted_list(&self, listed: BoxStream<'static, Result<ObjectMeta>>) -> BoxStream<'static, Result<ObjectMeta>> {
        let mut counted = self.meter.begin(RequestKind::List);
        counted.will_end(RequestEnd::Ok);
        let note = move |object: &Result<ObjectMeta>| {
            // An object that vanishes while the folder is listed does not make the listing fail.
            if let Err(error) = object
                && !matches!(error, object_store::Error::NotFound { .. })
            {
                counted.will_end(RequestEnd::of(object));
            }
        };
        listed.inspect(note).boxed()
    }
}

impl fmt::Display for Metered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl ObjectStore for Metered {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.counted(RequestKind::Put, self.inner.put_opts(location, payload, options)).await
    }

    async fn put_multipart_opts(&self, to: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let begun = self.counted(RequestKind::Multipart, self.inner.put_multipart_opts(to, options)).await?;
        Ok(Box::new(MeteredUpload { inner: begun, meter: self.meter.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let kind = if options.head { RequestKind::Head } else { RequestKind::Get };
        self.counted(kind, self.inner.get_opts(location, options)).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.counted(RequestKind::Get, self.inner.get_ranges(location, ranges)).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let meter = self.meter.clone();
        let count = move |removed: &Result<Path>| meter.count(RequestKind::Delete, RequestEnd::of(removed));
        self.inner.delete_stream(locations).inspect(count).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.counted_list(self.inner.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.counted_list(self.inner.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.counted(RequestKind::List, self.inner.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.counted(RequestKind::Copy, self.inner.copy_opts(from, to, options)).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.counted(RequestKind::Copy, self.inner.rename_opts(from, to, options)).await
    }
}

/// Upload whose parts are counted.
#[derive(Debug)]
struct MeteredUpload {
    inner: Box<dyn MultipartUpload>,
    meter: Meter,
}

#[async_trait]
impl MultipartUpload for MeteredUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (part, meter) = (self.inner.put_part(data), self.meter.clone());
        Box::pin(async move {
            let counted = meter.begin(RequestKind::Multipart);
            let result = part.await;
            counted.end(RequestEnd::of(&result));
            result
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let counted = self.meter.begin(RequestKind::Multipart);
        let result = self.inner.complete().await;
        counted.end(RequestEnd::of(&result));
        result
    }

    async fn abort(&mut self) -> Result<()> {
        let counted = self.meter.begin(RequestKind::Delete);
        let result = self.inner.abort().await;
        counted.end(RequestEnd::of(&result));
        result
    }
}

#[cfg(test)]
mod tests;
