//! Listings, page by page, in key order.
//!
//! An offset is applied to the listed keys here, as the trait's default does: SeaweedFS, given a folder's name in
//! `start-after`, leaves out the folder. Nothing here starts in the middle of a listing.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta, Result};

use super::read::chrono_time;
use super::{Failure, Kind, S3Store, at};

/// Position at which a listing continues.
#[derive(Clone)]
enum Next {
    Start,
    Page(String),
    End,
}

impl S3Store {
    pub(super) fn list_objects(self, prefix: Option<Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let pages = futures::stream::try_unfold(Next::Start, move |next| {
            let (store, prefix) = (self.clone(), prefix.clone());
            async move { store.objects_page(prefix.as_ref(), next).await.map_err(at(&store.shared.prefix)) }
        });
        pages.map_ok(|objects| futures::stream::iter(objects.into_iter().map(Ok))).try_flatten().boxed()
    }

    pub(super) async fn list_folder(&self, prefix: Option<&Path>) -> Result<ListResult, Failure> {
        let mut found = ListResult { common_prefixes: vec![], objects: vec![], extensions: Default::default() };
        let mut next = Next::Start;
        while !matches!(next, Next::End) {
            let page = self.list_page(prefix, Some("/"), &next).await?;
            found.objects.extend(self.objects(&page)?);
            for folder in page.common_prefixes().iter().filter_map(|folder| folder.prefix()) {
                found.common_prefixes.push(self.location(folder)?);
            }
            next = following(page);
        }
        Ok(found)
    }

    /// Returns the objects of the page at `next`, and the next position.
    async fn objects_page(
        &self,
        prefix: Option<&Path>,
        next: Next,
    ) -> Result<Option<(Vec<ObjectMeta>, Next)>, Failure> {
        if matches!(next, Next::End) {
            return Ok(None);
        }
        let page = self.list_page(prefix, None, &next).await?;
        Ok(Some((self.objects(&page)?, following(page))))
    }

    async fn list_page(
        &self,
        prefix: Option<&Path>,
        delimiter: Option<&str>,
        next: &Next,
    ) -> Result<ListObjectsV2Output, Failure> {
        let connection = self.connection().await?;
        let root = Path::default();
        let folder = prefix.unwrap_or(&root);
        let prefix = self.folder(folder);
        let request = || {
            let request = connection.client.list_objects_v2().bucket(self.bucket());
            let request = request.set_prefix(prefix.clone()).set_delimiter(delimiter.map(str::to_owned));
            match next.clone() {
                Next::Start => request.send(),
                Next::Page(token) => request.continuation_token(token).send(),
                Next::End => unreachable!("a listing that ended asks for no page"),
            }
        };
        let attempts = self.attempts("ListObjectsV2", connection, folder);
        attempts.until_done(request).await
    }

    /// Returns the prefix of every key in a folder; none for the whole bucket.
    pub(super) fn folder(&self, folder: &Path) -> Option<String> {
        match self.key(folder).trim_end_matches('/') {
            "" => None,
            key => Some(format!("{key}/")),
        }
    }

    /// Returns the objects of a page. Keys that end in `/` are folder marks of other tools and hold nothing.
    fn objects(&self, page: &ListObjectsV2Output) -> Result<Vec<ObjectMeta>, Failure> {
        let objects = page.contents().iter().filter(|object| object.key().is_some_and(|key| !key.ends_with('/')));
        let metas = objects.map(|object| {
            Ok(ObjectMeta {
                location: self.location(object.key().unwrap_or_default())?,
                last_modified: object.last_modified().copied().map(chrono_time).unwrap_or_default(),
                size: object.size().unwrap_or(0).max(0) as u64,
                e_tag: object.e_tag().map(str::to_owned),
                version: None,
            })
        });
        metas.collect()
    }

    /// Converts a key of the bucket to a path relative to the root.
    pub(super) fn location(&self, key: &str) -> Result<Path, Failure> {
        let relative = key.strip_prefix(self.shared.prefix.as_ref()).unwrap_or(key);
        Path::parse(relative).map_err(|error| Failure::permanent("ListObjectsV2", Kind::Unsupported, error))
    }
}

fn following(page: ListObjectsV2Output) -> Next {
    match page.next_continuation_token {
        Some(token) if page.is_truncated == Some(true) => Next::Page(token),
        _ => Next::End,
    }
}
