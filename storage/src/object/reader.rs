//! Reads an object by position, from a thread that may block.

use std::fs::File;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use model::RequestKind;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::requests::{Meter, RequestEnd};
use crate::wait::wait;
use crate::{Root, StorageError, private};

/// Open object. Local files are read directly, because a separate thread for each read would cost more than the read.
#[derive(Debug)]
pub struct ObjectReader {
    object: String,
    source: Source,
    meter: Meter,
}

#[derive(Debug)]
enum Source {
    File(File),
    Store { root: Root, key: String, runtime: Handle },
}

impl ObjectReader {
    /// Opens the object at `key` under `root`.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for a local file that is gone; an object in a store is looked up only when it is
    /// read.
    pub fn open(root: &Root, key: &str, runtime: &Handle) -> Result<Self, StorageError> {
        let object = root.object(key);
        let source = match root.local_folder() {
            Some(folder) => match private::open_nonblocking(&folder.join(key)) {
                Ok(file) => Source::File(file),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Err(StorageError::NotFound { object });
                }
                Err(error) => return Err(StorageError::Failed { operation: "open", object, source: Box::new(error) }),
            },
            None => Source::Store { root: root.clone(), key: key.to_owned(), runtime: runtime.clone() },
        };
        Ok(Self { object, source, meter: root.meter().clone() })
    }

    /// Returns the object's full URI, for messages.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// Appends `len` bytes from `offset` on to `buffer`: all of them, or an error.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub fn read_at(&self, offset: u64, len: usize, buffer: &mut Vec<u8>) -> Result<(), StorageError> {
        match &self.source {
            Source::File(file) => {
                let start = buffer.len();
                buffer.resize(start + len, 0);
                let counted = self.meter.begin(RequestKind::Get);
                let read = file.read_exact_at(&mut buffer[start..], offset);
                counted.end(RequestEnd::of_file(&read));
                read.map_err(|error| StorageError::Failed {
                    operation: "read",
                    object: self.object.clone(),
                    source: Box::new(error),
                })
            }
            Source::Store { root, key, runtime } => {
                buffer.extend_from_slice(&wait(runtime, root.read_range(key, offset, len))?);
                Ok(())
            }
        }
    }

    /// True if it is a local file, for which reading ahead gains nothing.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.source, Source::File(_))
    }

    /// Begins to read from a store; none for a local file.
    pub(super) fn begin_read(&self, offset: u64, len: usize) -> Option<Flight> {
        let Source::Store { root, key, runtime } = &self.source else { return None };
        let (object, root, key) = (self.object.clone(), root.clone(), key.clone());
        let task = runtime.spawn(async move { root.read_range(&key, offset, len).await });
        Some(Flight { object, task, runtime: runtime.clone() })
    }
}

/// Read in flight. Dropping it gives it up.
#[derive(Debug)]
pub(super) struct Flight {
    object: String,
    task: JoinHandle<Result<Bytes, StorageError>>,
    runtime: Handle,
}

impl Flight {
    /// Waits for the bytes of the read.
    pub(super) fn land(mut self) -> Result<Bytes, StorageError> {
        wait(&self.runtime, &mut self.task).unwrap_or_else(|error| {
            Err(StorageError::Failed { operation: "read", object: self.object.clone(), source: Box::new(error) })
        })
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.task.abort();
    }
}
