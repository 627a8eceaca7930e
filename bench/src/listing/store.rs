//! Bucket that can only list: segments with a size and an etag each, in key order, a thousand per page.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use model::Digest;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// Objects per page, as in S3.
const PAGE: u64 = 1000;

/// Generated listing of segments in several shards.
#[derive(Debug)]
pub(crate) struct Listed {
    segments: u64,
    shards: u64,
    /// Sizes of segments, at random.
    sizes: Range<u64>,
    /// Pages that were listed.
    pub(crate) pages: Arc<AtomicU64>,
}

impl Listed {
    /// Creates a bucket of so many segments in so many shards.
    pub(crate) fn new(segments: u64, shards: u64, sizes: Range<u64>) -> Self {
        Self { segments, shards, sizes, pages: Arc::default() }
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("listed")
    }
}

fn refused<T>() -> Result<T> {
    Err(Error::NotSupported { source: "this store only lists".into() })
}

/// Returns the `ordinal`th segment; keys grow with the ordinal.
fn segment(ordinal: u64, (segments, shards): (u64, u64), sizes: &Range<u64>) -> ObjectMeta {
    // Keys are spread as writers spread them: the hour, then the shard, then the writer.
    let hours = segments.div_ceil(shards * 1000).max(1);
    let in_hour = segments.div_ceil(hours);
    let (hour, rest) = (ordinal / in_hour, ordinal % in_hour);
    let in_shard = in_hour.div_ceil(shards);
    let (shard, at) = (rest / in_shard, rest % in_shard);
    let key = format!("metrics/2026-11-{hour:06}/shard=org-mod-{shard:02}/ingester-{:03}/{at:012}.seg", at / 100);
    let digest = Digest::of(key.as_bytes());
    ObjectMeta {
        location: Path::from(key),
        last_modified: Default::default(),
        size: sizes.start + digest.0 as u64 % (sizes.end - sizes.start).max(1),
        e_tag: Some(format!("\"{digest}\"")),
        version: None,
    }
}

#[async_trait]
impl ObjectStore for Listed {
    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        refused()
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        refused()
    }

    async fn get_opts(&self, _: &Path, _: GetOptions) -> Result<GetResult> {
        refused()
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        stream::once(async { refused() }).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (shape, sizes, listed) = ((self.segments, self.shards), self.sizes.clone(), Arc::clone(&self.pages));
        let segments = self.segments;
        let pages = stream::iter((0..segments).step_by(PAGE as usize));
        let page = move |first: u64| {
            listed.fetch_add(1, Ordering::Relaxed);
            let objects = first..(first + PAGE).min(segments);
            stream::iter(objects.map(|at| Ok(segment(at, shape, &sizes))).collect::<Vec<_>>())
        };
        pages.map(page).flatten().boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        refused()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        refused()
    }
}
