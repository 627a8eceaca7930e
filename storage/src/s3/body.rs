//! Body of an answer; if it breaks, reading continues from there.

use std::ops::Range;

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use model::error::chain;
use object_store::{GetOptions, GetRange, ObjectMeta, Result};

use super::{Failure, Kind, S3Store};
use crate::metrics::{self, Again};

/// Most breaks in a row without a single byte in between.
const BARREN_READS_MAX: u32 = 4;

/// Rest of a body.
pub(super) struct Body {
    store: S3Store,
    meta: ObjectMeta,
    version: Option<String>,
    left: Range<u64>,
    stream: Option<ByteStream>,
    barren_reads: u32,
}

impl Body {
    pub(super) fn new(
        store: S3Store,
        meta: ObjectMeta,
        range: Range<u64>,
        version: Option<String>,
        stream: ByteStream,
    ) -> Self {
        Self { store, meta, version, left: range, stream: Some(stream), barren_reads: 0 }
    }

    /// Streams exactly the bytes of the range, or an error.
    pub(super) fn into_stream(self) -> BoxStream<'static, Result<Bytes>> {
        futures::stream::try_unfold(self, |mut body| async move {
            let piece = body.next().await.map_err(|failure| failure.at(&body.meta.location))?;
            Ok(piece.map(|piece| (piece, body)))
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        while !self.left.is_empty() {
            let Some(stream) = &mut self.stream else {
                self.stream = Some(self.read_on().await?);
                continue;
            };
            match stream.next().await {
                Some(Ok(piece)) if piece.is_empty() => {}
                Some(Ok(piece)) => return self.accept(piece).map(Some),
                Some(Err(error)) => self.broken(chain(&error))?,
                None => self.broken(format!("it ended {} bytes early", self.left.end - self.left.start))?,
            }
        }
        Ok(None)
    }

    fn accept(&mut self, piece: Bytes) -> Result<Bytes, Failure> {
        let len = piece.len() as u64;
        if len > self.left.end - self.left.start {
            let message = format!("the answer has more bytes than asked for, up to {}", self.left.end);
            return Err(Failure::permanent("GetObject", Kind::Failed, message));
        }
        self.left.start += len;
        self.barren_reads = 0;
        Ok(piece)
    }

    fn broken(&mut self, cause: String) -> Result<(), Failure> {
        self.stream = None;
        self.barren_reads += 1;
        let message = format!("the body broke at byte {}: {cause}", self.left.start);
        if self.barren_reads > BARREN_READS_MAX {
            return Err(Failure::unknown("GetObject", message));
        }
        metrics::asked_again(Again::Body);
        tracing::debug!(object = %self.meta.location, message, "read on from there");
        Ok(())
    }

    async fn read_on(&self) -> Result<ByteStream, Failure> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(self.left.clone())),
            if_match: self.meta.e_tag.clone(),
            version: self.version.clone(),
            ..GetOptions::default()
        };
        Ok(self.store.get_answer(&self.meta.location, &options).await?.body)
    }
}
