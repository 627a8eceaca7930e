//! Frames to one object, in any store.

use std::fmt;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt};
use storage::{Root, StorageError};
use tokio::runtime::Handle;

/// What is uploaded at once, in bytes: above the 5 MiB that S3 asks of a part, and enough for a local disk.
const PART_BYTES: usize = 8 << 20;

/// Where segments go, and the runtime that carries the store's requests. Segments are made by threads that compute;
/// they wait for the store here and nowhere else.
#[derive(Debug, Clone)]
pub struct Output {
    root: Root,
    runtime: Handle,
}

impl Output {
    /// Writes under `root`; `runtime` must be running on other threads than those that write.
    pub fn new(root: Root, runtime: Handle) -> Self {
        Self { root, runtime }
    }

    /// The place.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// What drives the store's requests.
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
    output: Output,
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
    /// A segment that will be at `key`.
    pub fn new(output: &Output, key: String) -> Self {
        Self { output: output.clone(), key, buffer: Vec::new(), upload: None, size_bytes: 0 }
    }

    /// The key that it will have.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Bytes taken so far: where the next frame will start.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Takes whole frames.
    ///
    /// # Errors
    /// Those of the store.
    pub fn append(&mut self, frames: &[u8]) -> Result<(), StorageError> {
        self.buffer.extend_from_slice(frames);
        self.size_bytes += frames.len() as u64;
        if self.buffer.len() >= PART_BYTES { self.upload_part() } else { Ok(()) }
    }

    /// Uploads what is buffered of a segment that is uploaded in parts: nothing of it is held in memory then, and nothing
    /// of it is visible. No more frames may follow: stores want every part but the last to have a size.
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

/// An unfinished upload is given up: stores charge for its parts otherwise.
impl Drop for SegmentWriter {
    fn drop(&mut self) {
        if let Some(mut upload) = self.upload.take()
            && let Err(error) = self.output.wait(upload.abort())
        {
            let object = self.output.root.object(&self.key);
            tracing::warn!(object, %error, "cannot abort an upload; its parts stay until the store expires them");
        }
    }
}
