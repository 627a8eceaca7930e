//! Writer of one segment: frames in, one object out, in any store.

use std::fmt;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt};
use storage::{Root, StorageError};
use tokio::runtime::Handle;

/// Size of an uploaded part in bytes: above the 5 MiB that S3 requires, and large enough for a local disk.
const PART_BYTES: usize = 8 << 20;

/// Place of the segments, and the runtime that carries the store's requests. Threads that compute make the segments;
/// they wait for the store only here.
#[derive(Debug, Clone)]
pub struct SegmentOutput {
    root: Root,
    runtime: Handle,
}

impl SegmentOutput {
    /// Creates an output under `root`. `runtime` must run on other threads than those that write.
    pub fn new(root: Root, runtime: Handle) -> Self {
        Self { root, runtime }
    }

    /// Returns the root of the output.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Returns the runtime that carries the store's requests.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Waits for a request to the store.
    pub(crate) fn wait<T>(&self, request: impl Future<Output = T>) -> T {
        self.runtime.block_on(request)
    }
}

/// Writes one segment. Nothing is visible before [`Self::finish`].
pub struct SegmentWriter {
    output: SegmentOutput,
    key: String,
    buffer: Vec<u8>,
    upload: Option<Box<dyn MultipartUpload>>,
    size_bytes: u64,
}

impl fmt::Debug for SegmentWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentWriter").field("key", &self.key).field("size_bytes", &self.size_bytes).finish()
    }
}

impl SegmentWriter {
    /// Begins a segment that will appear at `key`.
    pub fn new(output: &SegmentOutput, key: String) -> Self {
        Self { output: output.clone(), key, buffer: Vec::new(), upload: None, size_bytes: 0 }
    }

    /// Returns the key that the segment will have.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the bytes appended so far, which is the offset of the next frame.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Appends whole frames.
    ///
    /// # Errors
    /// Those of the store.
    pub fn append(&mut self, frames: &[u8]) -> Result<(), StorageError> {
        self.buffer.extend_from_slice(frames);
        self.size_bytes += frames.len() as u64;
        if self.buffer.len() >= PART_BYTES { self.upload_part() } else { Ok(()) }
    }

    /// Uploads the buffered rest of a segment that is uploaded in parts, so that none of it stays in memory; nothing
    /// becomes visible. No frames may follow: stores require a minimum size of every part but the last.
    ///
    /// # Errors
    /// Those of the store.
    pub fn upload_rest(&mut self) -> Result<(), StorageError> {
        if self.upload.is_some() && !self.buffer.is_empty() { self.upload_part() } else { Ok(()) }
    }

    /// Makes the segment visible and returns its size in bytes.
    ///
    /// # Errors
    /// Those of the store; the segment is then not there.
    pub fn finish(mut self) -> Result<u64, StorageError> {
        if self.upload.is_none() {
            let bytes = Bytes::from(std::mem::take(&mut self.buffer));
            self.output.wait(self.output.root.replace(&self.key, bytes))?;
            return Ok(self.size_bytes);
        }
        if !self.buffer.is_empty() {
            self.upload_part()?;
        }
        if let Some(mut upload) = self.upload.take() {
            self.output.wait(upload.complete()).map_err(|error| self.failed("complete", error))?;
        }
        Ok(self.size_bytes)
    }

    fn upload_part(&mut self) -> Result<(), StorageError> {
        if self.upload.is_none() {
            let path = Path::from(self.key.as_str());
            let started = self.output.wait(self.output.root.store().put_multipart(&path));
            self.upload = Some(started.map_err(|error| self.failed("start to write", error))?);
        }
        let part = Bytes::from(std::mem::take(&mut self.buffer));
        let upload = self.upload.as_mut().expect("started above");
        self.output.wait(upload.put_part(part.into())).map_err(|error| self.failed("write", error))
    }

    fn failed(&self, operation: &'static str, error: object_store::Error) -> StorageError {
        StorageError::Failed { operation, object: self.output.root.object(&self.key), source: Box::new(error) }
    }
}

/// Aborts an unfinished upload, because stores charge for its parts.
impl Drop for SegmentWriter {
    fn drop(&mut self) {
        if let Some(mut upload) = self.upload.take()
            && let Err(error) = self.output.wait(upload.abort())
        {
            let object = self.output.root.object(&self.key);
            tracing::warn!(object, %error, "failed to abort an upload; its parts stay until the store expires them");
        }
    }
}
