//! Writes an object piece by piece, with a running digest. The object appears whole or not at all, and never replaces
//! another: on every store, a name that is taken is an error.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use format::digest::{Digest, Digester};
use model::RequestKind;
use object_store::path::Path;
use object_store::{ObjectStore as _, PutMode, PutMultipartOptions, PutOptions, WriteMultipart};
use tokio::runtime::Handle;

use super::failed;
use crate::requests::{Meter, RequestEnd};
use crate::s3::CreateOnly;
use crate::wait::wait;
use crate::{Root, StorageError};

/// Bytes of one part of a multipart upload, unless the writer says otherwise; S3 takes no part below 5 MiB.
pub const UPLOAD_PART_BYTES: usize = 8 << 20;

/// Most parts of one upload in flight.
const UPLOADS_MAX: usize = 2;

/// Longest wait for an abort; after that, the bucket's lifecycle rule removes the upload.
const ABORT_TIMEOUT: Duration = Duration::from_secs(10);

/// Result of a completed write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenObject {
    /// Key under its root.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of all bytes.
    pub digest: Digest,
}

/// Object that is being written. If it is dropped before [`Self::finish`], nothing visible remains.
pub struct ObjectWriter {
    key: String,
    object: String,
    size: u64,
    digester: Digester,
    target: Target,
}

enum Target {
    /// File that is written beside its place, then linked there.
    File { file: File, staged: PathBuf, place: PathBuf, meter: Meter },
    /// Multipart upload, begun with the first full part.
    Store { root: Box<Root>, upload: Option<WriteMultipart>, pending: Vec<u8>, part_bytes: usize, runtime: Handle },
    /// The object was finished or given up.
    Closed,
}

impl std::fmt::Debug for ObjectWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectWriter").field("object", &self.object).field("size", &self.size).finish_non_exhaustive()
    }
}

impl ObjectWriter {
    /// Begins the object at `key` under `root`. Keys of attempts are unique, so nobody else writes there.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub fn begin(root: &Root, key: &str, runtime: &Handle) -> Result<Self, StorageError> {
        let object = root.object(key);
        let target = match root.local_folder() {
            Some(folder) => {
                let place = folder.join(key);
                // `object_store` gives this name to its own staged files: listings hide it, and the collector finds
                // it.
                let staged = PathBuf::from(format!("{}#1", place.display()));
                let file = create_with_folders(&staged).map_err(|error| failed("create", &object, error))?;
                Target::File { file, staged, place, meter: root.meter().clone() }
            }
            None => {
                let (root, runtime) = (Box::new(root.clone()), runtime.clone());
                Target::Store { root, upload: None, pending: Vec::new(), part_bytes: UPLOAD_PART_BYTES, runtime }
            }
        };
        Ok(Self { key: key.to_owned(), object, size: 0, digester: Digester::new(), target })
    }

    /// Sets the bytes of one part of the upload, of which three are in memory at once. Large parts save requests.
    #[must_use]
    pub fn in_parts_of(mut self, bytes: usize) -> Self {
        if let Target::Store { part_bytes, .. } = &mut self.target {
            *part_bytes = bytes.max(UPLOAD_PART_BYTES);
        }
        self
    }

    /// Counts the bytes written so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends `bytes` to the object.
    ///
    /// # Errors
    /// The store's error; for a full disk it names the path.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.size += bytes.len() as u64;
        self.digester.update(bytes);
        match &mut self.target {
            Target::File { file, .. } => file.write_all(bytes).map_err(|error| failed("write", &self.object, error)),
            Target::Store { root, upload, pending, part_bytes, runtime } => {
                pending.extend_from_slice(bytes);
                if pending.len() < *part_bytes {
                    return Ok(());
                }
                let path = Path::from(self.key.as_str());
                let piece = Bytes::from(std::mem::take(pending));
                let sent = wait(runtime, send(root, &path, upload, (piece, *part_bytes)));
                sent.map_err(|error| StorageError::of("upload", root.uri(), &path, error))
            }
            Target::Closed => unreachable!("a writer is closed only by finish, which takes it, and by drop"),
        }
    }

    /// Makes the object visible under its key.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] if another writer created an object of this name. See [`StorageError`].
    pub fn finish(mut self) -> Result<WrittenObject, StorageError> {
        match std::mem::replace(&mut self.target, Target::Closed) {
            Target::File { file, staged, place, meter } => {
                drop(file);
                // Unlike a rename, a link never replaces an existing object.
                let linked = std::fs::hard_link(&staged, &place);
                meter.count(RequestKind::Put, RequestEnd::of_file(&linked));
                remove_staged(&staged);
                linked.map_err(|error| publish_error(&self.object, error))?;
            }
            Target::Store { root, upload, pending, runtime, .. } => {
                let path = Path::from(self.key.as_str());
                let finished = wait(&runtime, complete(&root, &path, upload, Bytes::from(pending)));
                finished.map_err(|error| StorageError::of("upload", root.uri(), &path, error))?;
            }
            Target::Closed => unreachable!("finish takes the writer"),
        }
        Ok(WrittenObject { key: std::mem::take(&mut self.key), size: self.size, digest: self.digester.finish() })
    }
}

impl Drop for ObjectWriter {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.target, Target::Closed) {
            Target::File { staged, .. } => remove_staged(&staged),
            Target::Store { upload: Some(upload), runtime, .. } => abort_from(&runtime, upload),
            Target::Store { upload: None, .. } | Target::Closed => {}
        }
    }
}

fn publish_error(object: &str, error: std::io::Error) -> StorageError {
    match error.kind() {
        std::io::ErrorKind::AlreadyExists => StorageError::AlreadyExists { object: object.to_owned() },
        _ => failed("publish", object, error),
    }
}

async fn send(
    root: &Root,
    path: &Path,
    upload: &mut Option<WriteMultipart>,
    (piece, part_bytes): (Bytes, usize),
) -> Result<(), object_store::Error> {
    let upload = match upload {
        Some(upload) => upload,
        None => {
            let mut options = PutMultipartOptions::default();
            options.extensions.insert(CreateOnly);
            let begun = root.store().put_multipart_opts(path, options).await?;
            upload.insert(WriteMultipart::new_with_chunk_size(begun, part_bytes))
        }
    };
    upload.wait_for_capacity(UPLOADS_MAX).await?;
    upload.put(piece);
    Ok(())
}

async fn complete(
    root: &Root,
    path: &Path,
    upload: Option<WriteMultipart>,
    pending: Bytes,
) -> Result<(), object_store::Error> {
    let Some(mut upload) = upload else {
        return root.store().put_opts(path, pending.into(), PutOptions::from(PutMode::Create)).await.map(drop);
    };
    if let Err(error) = upload.wait_for_capacity(UPLOADS_MAX).await {
        abort(upload).await;
        return Err(error);
    }
    upload.put(pending);
    // A failed upload aborts by itself.
    upload.finish().await.map(drop)
}

async fn abort(upload: WriteMultipart) {
    let aborted = tokio::time::timeout(ABORT_TIMEOUT, upload.abort()).await;
    if let Err(cause) =
        aborted.map_err(|_| "it takes too long".to_owned()).and_then(|result| result.map_err(|error| error.to_string()))
    {
        tracing::warn!(cause, "failed to abort an upload; a lifecycle rule of the bucket removes it");
    }
}

/// Waits for the abort if the thread may block, because a process that ends would leave the upload behind.
fn abort_from(runtime: &Handle, upload: WriteMultipart) {
    match Handle::try_current() {
        Ok(_) => drop(runtime.spawn(abort(upload))),
        Err(_) => runtime.block_on(abort(upload)),
    }
}

fn create_with_folders(path: &std::path::Path) -> std::io::Result<File> {
    match File::create_new(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir_all(path.parent().unwrap_or(path))?;
            File::create_new(path)
        }
        other => other,
    }
}

fn remove_staged(staged: &std::path::Path) {
    if let Err(error) = std::fs::remove_file(staged) {
        tracing::warn!(%error, path = %staged.display(), "failed to remove a staged file; `dataset gc` finds it");
    }
}

#[cfg(test)]
mod tests;
