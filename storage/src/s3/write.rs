//! Writes whole objects in one request. A conditional write is settled by looking up the object, and never repeated
//! blindly.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::StorageClass;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{GetOptions, PutMode, PutOptions, PutPayload, PutResult};

use super::attributes::{Headers, PUT_ID};
use super::{Failure, Kind, S3Store};
use crate::metrics::{self, Again};

/// Author of an object, as a lookup after a failed write shows it.
pub(super) enum Found {
    /// Our write made the object.
    Ours(PutResult),
    /// Another writer made the object.
    Theirs,
    /// No object exists there.
    Nothing,
}

/// Result of resolving a conditional write that failed.
enum Resolved {
    /// The write was done.
    Done(PutResult),
    /// The write was not done; it may be tried again if the failure's class allows it.
    Open(Failure),
}

impl S3Store {
    pub(super) async fn put_object(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult, Failure> {
        let connection = self.connection().await?;
        let put_id = (options.mode != PutMode::Overwrite).then(|| self.shared.calls.fresh_id());
        let headers = Headers::of(&options.attributes, put_id.as_deref())?;
        let bytes = Bytes::from(payload);
        let request = || {
            let request = put_request(&connection.client, &headers).bucket(self.bucket()).key(self.key(location));
            let request = request.set_checksum_algorithm(connection.checksum.clone());
            let request = match &options.mode {
                PutMode::Overwrite => request,
                PutMode::Create => request.if_none_match("*"),
                PutMode::Update(version) => request.set_if_match(version.e_tag.clone()),
            };
            let tags = (!options.tags.is_empty()).then(|| options.tags.encoded().to_owned());
            request.set_tagging(tags).body(ByteStream::from(bytes.clone())).send()
        };
        if let PutMode::Update(version) = &options.mode
            && version.e_tag.is_none()
        {
            let message = "an update needs the etag of what it replaces";
            return Err(Failure::permanent("PutObject", Kind::Unsupported, message));
        }
        let mut attempts = self.attempts("PutObject", connection, location);
        loop {
            let failure = match attempts.run(request()).await {
                Ok(answer) => {
                    return Ok(PutResult {
                        e_tag: answer.e_tag,
                        version: answer.version_id,
                        extensions: Default::default(),
                    });
                }
                Err(failure) => failure,
            };
            let failure = match &put_id {
                Some(put_id) => match self.resolve(location, &options.mode, put_id, failure).await? {
                    Resolved::Done(written) => return Ok(written),
                    Resolved::Open(failure) => failure,
                },
                None => failure,
            };
            attempts.back_off(failure).await?;
        }
    }

    /// Resolves a conditional write that failed: looks up if it was done after all.
    async fn resolve(
        &self,
        location: &Path,
        mode: &PutMode,
        put_id: &str,
        failure: Failure,
    ) -> Result<Resolved, Failure> {
        let is_refused = match failure.kind {
            Kind::Refused | Kind::NotFound => true,
            Kind::Conflict | Kind::Unknown => false,
            _ => return Ok(Resolved::Open(failure)),
        };
        match (self.find(location, put_id, &failure).await?, mode) {
            (Found::Ours(written), _) => Ok(Resolved::Done(written)),
            (Found::Theirs, PutMode::Create) => Err(failure.into_kind(Kind::Exists)),
            (_, PutMode::Update(_)) if is_refused => Err(failure.into_kind(Kind::Refused)),
            // The object that refused us is gone again, so the name is free.
            (Found::Nothing, PutMode::Create) if is_refused => {
                Ok(Resolved::Open(Failure::unknown("PutObject", failure)))
            }
            _ => Ok(Resolved::Open(failure)),
        }
    }

    /// Looks up who wrote the object, after a write of ours that failed.
    pub(super) async fn find(&self, location: &Path, put_id: &str, failure: &Failure) -> Result<Found, Failure> {
        if failure.kind == Kind::Unknown {
            metrics::asked_again(Again::LookedUp);
        }
        match self.head_answer(location, &GetOptions::default()).await {
            Ok(answer) => {
                let found = answer.metadata.as_ref().and_then(|metadata| metadata.get(PUT_ID));
                if found.is_none_or(|found| found != put_id) {
                    return Ok(Found::Theirs);
                }
                let (e_tag, version) = (answer.e_tag, answer.version_id);
                Ok(Found::Ours(PutResult { e_tag, version, extensions: Default::default() }))
            }
            Err(failure) if failure.kind == Kind::NotFound => Ok(Found::Nothing),
            Err(failure) => Err(failure),
        }
    }
}

fn put_request(client: &Client, headers: &Headers) -> PutObjectFluentBuilder {
    let headers = headers.clone();
    client
        .put_object()
        .set_cache_control(headers.cache_control)
        .set_content_disposition(headers.content_disposition)
        .set_content_encoding(headers.content_encoding)
        .set_content_language(headers.content_language)
        .set_content_type(headers.content_type)
        .set_storage_class(headers.storage_class.as_deref().map(StorageClass::from))
        .set_metadata(Some(headers.metadata))
}
