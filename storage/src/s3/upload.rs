//! Uploads objects in parts. An upload is named by the store's id and our put id: `<put id>:<upload id>`.
//!
//! Nothing is visible before an upload is completed; with [`CreateOnly`] it then replaces no object. The writer
//! aborts its upload on every failure. An upload of a killed process costs storage until the bucket's lifecycle rule
//! (`AbortIncompleteMultipartUpload`) removes it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, StorageClass};
use bytes::Bytes;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{MultipartUpload, PutMultipartOptions, PutPayload, PutResult, Result, UploadPart};

use super::attributes::Headers;
use super::write::Found;
use super::{Failure, Kind, S3Store, at};

/// Option of an upload: it must not replace an object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CreateOnly;

impl S3Store {
    pub(super) async fn create_upload(&self, location: &Path, options: PutMultipartOptions) -> Result<String, Failure> {
        let connection = self.connection().await?;
        let put_id = self.shared.calls.fresh_id();
        let headers = Headers::of(&options.attributes, Some(&put_id))?;
        let tags = (!options.tags.is_empty()).then(|| options.tags.encoded().to_owned());
        let request = || {
            let request = connection.client.create_multipart_upload().bucket(self.bucket()).key(self.key(location));
            request
                .set_cache_control(headers.cache_control.clone())
                .set_content_disposition(headers.content_disposition.clone())
                .set_content_encoding(headers.content_encoding.clone())
                .set_content_language(headers.content_language.clone())
                .set_content_type(headers.content_type.clone())
                .set_storage_class(headers.storage_class.as_deref().map(StorageClass::from))
                .set_metadata(Some(headers.metadata.clone()))
                .set_checksum_algorithm(connection.checksum.clone())
                .set_tagging(tags.clone())
                .send()
        };
        let attempts = self.attempts("CreateMultipartUpload", connection, location);
        let answer = attempts.until_done(request).await?;
        let id = answer
            .upload_id
            .ok_or_else(|| Failure::permanent("CreateMultipartUpload", Kind::Failed, "the answer names no upload"))?;
        Ok(format!("{put_id}:{id}"))
    }

    pub(super) async fn upload_part(
        &self,
        location: &Path,
        id: &str,
        part: usize,
        data: PutPayload,
    ) -> Result<PartId, Failure> {
        let connection = self.connection().await?;
        let (_, upload_id) = split(id)?;
        let bytes = Bytes::from(data);
        let request = || {
            let request = connection.client.upload_part().bucket(self.bucket()).key(self.key(location));
            request
                .upload_id(upload_id)
                .part_number(part as i32 + 1)
                .set_checksum_algorithm(connection.checksum.clone())
                .body(ByteStream::from(bytes.clone()))
                .send()
        };
        let attempts = self.attempts("UploadPart", connection, location);
        let answer = attempts.until_done(request).await?;
        let (e_tag, checksum) = (answer.e_tag.unwrap_or_default(), answer.checksum_crc32_c.unwrap_or_default());
        Ok(PartId { content_id: format!("{checksum}:{e_tag}") })
    }

    /// Completes an upload. Repeating it is safe: once it is done the upload is gone, and the object carries our put
    /// id.
    pub(super) async fn complete_upload(
        &self,
        location: &Path,
        id: &str,
        parts: Vec<PartId>,
        is_create_only: bool,
    ) -> Result<PutResult, Failure> {
        let connection = self.connection().await?;
        let (put_id, upload_id) = split(id)?;
        let parts = match parts.is_empty() {
            true => vec![self.upload_part(location, id, 0, PutPayload::default()).await?],
            false => parts,
        };
        let parts = CompletedMultipartUpload::builder().set_parts(Some(completed(&parts))).build();
        let mut attempts = self.attempts("CompleteMultipartUpload", connection, location);
        loop {
            let request = connection.client.complete_multipart_upload().bucket(self.bucket()).key(self.key(location));
            let request = request.set_if_none_match(is_create_only.then(|| "*".to_owned()));
            let failure = match attempts.run(request.upload_id(upload_id).multipart_upload(parts.clone()).send()).await
            {
                Ok(answer) if answer.e_tag.is_some() => {
                    return Ok(PutResult {
                        e_tag: answer.e_tag,
                        version: answer.version_id,
                        extensions: Default::default(),
                    });
                }
                Ok(_) => Failure::unknown("CompleteMultipartUpload", "the answer names no object"),
                Err(failure) => failure,
            };
            if matches!(failure.kind, Kind::NotFound | Kind::Unknown | Kind::Refused | Kind::Conflict) {
                match self.find(location, put_id, &failure).await? {
                    Found::Ours(written) => return Ok(written),
                    Found::Theirs if failure.kind == Kind::Refused => return Err(failure.into_kind(Kind::Exists)),
                    Found::Theirs | Found::Nothing => {}
                }
            }
            // A missing upload is not a missing object. An upload that met another writer must begin anew.
            let failure = match failure.kind {
                Kind::NotFound | Kind::Refused | Kind::Conflict => failure.into_kind(Kind::Failed),
                _ => failure,
            };
            attempts.back_off(failure).await?;
        }
    }

    pub(super) async fn abort_upload(&self, location: &Path, id: &str) -> Result<(), Failure> {
        let (_, upload_id) = split(id)?;
        self.abort_by_id(location, upload_id).await
    }

    /// Aborts an upload; succeeds if it is already gone.
    pub(super) async fn abort_by_id(&self, location: &Path, upload_id: &str) -> Result<(), Failure> {
        let connection = self.connection().await?;
        let request = || {
            let request = connection.client.abort_multipart_upload().bucket(self.bucket()).key(self.key(location));
            request.upload_id(upload_id).send()
        };
        let attempts = self.attempts("AbortMultipartUpload", connection, location);
        match attempts.until_done(request).await {
            Err(failure) if failure.kind != Kind::NotFound => Err(failure),
            _ => Ok(()),
        }
    }
}

fn split(id: &str) -> Result<(&str, &str), Failure> {
    id.split_once(':')
        .ok_or_else(|| Failure::permanent("UploadPart", Kind::Failed, format!("{id} is not an upload of this store")))
}

fn completed(parts: &[PartId]) -> Vec<CompletedPart> {
    let parts = parts.iter().zip(1..).map(|(part, number)| {
        let (checksum, e_tag) = part.content_id.split_once(':').unwrap_or(("", &part.content_id));
        let checksum = (!checksum.is_empty()).then(|| checksum.to_owned());
        CompletedPart::builder().part_number(number).e_tag(e_tag).set_checksum_crc32_c(checksum).build()
    });
    parts.collect()
}

/// Upload in progress. Parts may be sent at the same time and in any order.
#[derive(Debug)]
pub(super) struct Upload {
    store: S3Store,
    location: Path,
    id: String,
    is_create_only: bool,
    begun: usize,
    parts: Arc<Mutex<BTreeMap<usize, PartId>>>,
}

impl Upload {
    pub(super) fn new(store: S3Store, location: Path, id: String, is_create_only: bool) -> Self {
        Self { store, location, id, is_create_only, begun: 0, parts: Arc::default() }
    }

    fn parts(&self) -> MutexGuard<'_, BTreeMap<usize, PartId>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let number = self.begun;
        self.begun += 1;
        let (store, location, id, parts) =
            (self.store.clone(), self.location.clone(), self.id.clone(), self.parts.clone());
        Box::pin(async move {
            let part = store.upload_part(&location, &id, number, data).await.map_err(at(&location))?;
            parts.lock().unwrap_or_else(PoisonError::into_inner).insert(number, part);
            Ok(())
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let parts: Vec<_> = std::mem::take(&mut *self.parts()).into_values().collect();
        if parts.len() != self.begun {
            let message = format!("{} of {} parts were uploaded", parts.len(), self.begun);
            return Err(Failure::permanent("CompleteMultipartUpload", Kind::Failed, message).at(&self.location));
        }
        let completed = self.store.complete_upload(&self.location, &self.id, parts, self.is_create_only);
        completed.await.map_err(at(&self.location))
    }

    async fn abort(&mut self) -> Result<()> {
        self.store.abort_upload(&self.location, &self.id).await.map_err(at(&self.location))
    }
}
