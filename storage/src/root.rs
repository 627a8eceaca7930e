//! Root: a place in an object store, opened from a URI: a path, `file://` or `s3://bucket/prefix`.
//!
//! Keys are relative to the root. Every error names the whole object, so that an operator can act on the message.

use std::fmt;
use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use model::SegmentRef;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions};

use crate::metered::Metered;
use crate::requests::{Meter, Tally};
use crate::{S3Settings, S3Store, StorageError};

/// Author of an object that was to be created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// We created it, now or in a try whose answer was lost; or somebody created it with the very same bytes.
    Ours,
    /// Somebody else created it, with other bytes.
    Taken,
}

/// Most tries to make a folder that vanishes at once: an empty folder may be pruned by a process that cleans up.
const CREATE_TRIES: u32 = 4;

/// Opened place in an object store.
#[derive(Debug, Clone)]
pub struct Root {
    uri: String,
    store: Arc<dyn ObjectStore>,
    /// The store without its meter.
    inner: Arc<dyn ObjectStore>,
    local: Option<PathBuf>,
    bucket: Option<S3Store>,
    meter: Meter,
    /// True if no link may lead out of a local folder.
    is_confined: bool,
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri)
    }
}

impl Root {
    /// Opens a place for reading: a local folder must exist. A bucket is not contacted before the first request.
    ///
    /// # Errors
    /// [`StorageError::NotFound`] for a missing folder, [`StorageError::Open`] for anything that is not a folder.
    pub fn open(uri: &str) -> Result<Self, StorageError> {
        let path = match place(uri)? {
            Place::Folder(path) => path,
            Place::Bucket(store) => return Ok(Self::of_bucket(uri, store)),
        };
        match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Self::of_folder(uri, path),
            Ok(_) => Err(open_error(uri, "it is a file; name a folder")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(StorageError::NotFound { object: uri.to_owned() })
            }
            Err(error) => Err(open_error(uri, &error.to_string())),
        }
    }

    /// Opens a place for writing: a local folder is made.
    ///
    /// # Errors
    /// [`StorageError::Open`] for a path that is a file, or cannot be made.
    pub fn create(uri: &str) -> Result<Self, StorageError> {
        let path = match place(uri)? {
            Place::Folder(path) => path,
            Place::Bucket(store) => return Ok(Self::of_bucket(uri, store)),
        };
        if path.is_file() {
            return Err(open_error(uri, "it is a file; name a folder"));
        }
        for _ in 1..CREATE_TRIES {
            std::fs::create_dir_all(&path).map_err(|error| open_error(uri, &error.to_string()))?;
            match path.canonicalize() {
                // A process that cleans up empty folders removed it in between.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                _ => break,
            }
        }
        Self::of_folder(uri, path)
    }

    fn of_folder(uri: &str, path: PathBuf) -> Result<Self, StorageError> {
        let path = path.canonicalize().map_err(|error| open_error(uri, &error.to_string()))?;
        let store = LocalFileSystem::new_with_prefix(&path).map_err(|error| open_error(uri, &error.to_string()))?;
        Ok(Self { local: Some(path), ..Self::of_store(uri, Arc::new(store)) })
    }

    /// Opens a place in a given store, such as memory or a decorator.
    pub fn of_store(uri: &str, store: Arc<dyn ObjectStore>) -> Self {
        let meter = Meter::default();
        let metered = Metered::new(Arc::clone(&store), meter.clone());
        let (uri, inner) = (uri.to_owned(), store);
        Self { uri, store: Arc::new(metered), inner, local: None, bucket: None, meter, is_confined: false }
    }

    /// Opens a place in a bucket.
    pub fn of_bucket(uri: &str, bucket: S3Store) -> Self {
        // A bucket counts its requests itself, each try alone.
        let store: Arc<dyn ObjectStore> = Arc::new(bucket.clone());
        let inner = Arc::clone(&store);
        let (uri, meter) = (uri.to_owned(), Meter::default());
        Self { uri, store, inner, local: None, bucket: Some(bucket), meter, is_confined: false }
    }

    /// Returns the same place, whose requests are also counted in `tally`.
    #[must_use]
    pub fn counted(&self, tally: Arc<Tally>) -> Self {
        self.metered(Meter::of(tally))
    }

    /// Returns the same place, whose requests are not counted: this machine's own disk.
    #[must_use]
    pub fn uncounted(&self) -> Self {
        self.metered(Meter::off())
    }

    fn metered(&self, meter: Meter) -> Self {
        let bucket = self.bucket.as_ref().map(|bucket| bucket.metered(meter.clone()));
        let store: Arc<dyn ObjectStore> = match &bucket {
            Some(bucket) => Arc::new(bucket.clone()),
            None => Arc::new(Metered::new(Arc::clone(&self.inner), meter.clone())),
        };
        Self { store, bucket, meter, ..self.clone() }
    }

    /// Returns the meter of the place, for requests that do not go through its store.
    pub(crate) const fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Returns the same place, in whose folder no segment is read through a link that leads out of it.
    #[must_use]
    pub(crate) fn confined(self) -> Self {
        Self { is_confined: true, ..self }
    }

    /// Checks that the object at `key` lies in the folder, all links followed, if the place is confined. Blocks.
    pub(crate) fn check_confined(&self, key: &str) -> Result<(), StorageError> {
        let Some(folder) = self.local.as_deref().filter(|_| self.is_confined) else { return Ok(()) };
        match folder.join(key).canonicalize() {
            Ok(real) if !real.starts_with(folder) => {
                Err(open_error(&self.object(key), "it is a link out of its folder, which this server may not follow"))
            }
            // The operation that follows reports a file that is gone or cannot be read.
            _ => Ok(()),
        }
    }

    /// Returns the bucket, if the place is in one.
    pub(crate) fn bucket(&self) -> Option<&S3Store> {
        self.bucket.as_ref()
    }

    /// True if listings come in key order, as those of a bucket do.
    pub fn lists_in_order(&self) -> bool {
        self.bucket.is_some()
    }

    /// Returns the store, with keys relative to this root.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Returns the URI as it was given.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Returns the local folder, if the place is one: its segments can be mapped.
    pub fn local_folder(&self) -> Option<&FsPath> {
        self.local.as_deref()
    }

    /// Returns the full URI of the object at `key`, for messages.
    pub fn object(&self, key: &str) -> String {
        format!("{}/{key}", self.uri.trim_end_matches('/'))
    }

    /// Reads the whole object at `key`.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn read(&self, key: &str) -> Result<Bytes, StorageError> {
        let path = path_of(key);
        let result = async { self.store.get(&path).await?.bytes().await };
        result.await.map_err(|error| StorageError::of("read", &self.uri, &path, error))
    }

    /// Reads `len` bytes of the object at `key`, from `start` on: all of them, or an error.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn read_range(&self, key: &str, start: u64, len: usize) -> Result<Bytes, StorageError> {
        let path = path_of(key);
        let range = start..start + len as u64;
        self.store.get_range(&path, range).await.map_err(|error| StorageError::of("read", &self.uri, &path, error))
    }

    /// Reads `len` bytes of a segment, if it is still as it was planned.
    ///
    /// # Errors
    /// [`StorageError::Changed`] if the segment is no longer the planned one.
    pub async fn read_segment(&self, segment: &SegmentRef, start: u64, len: usize) -> Result<Bytes, StorageError> {
        let path = path_of(&segment.key);
        let changed = |what: String| StorageError::Changed { object: self.object(&segment.key), what };
        let options = GetOptions {
            range: Some(GetRange::Bounded(start..start + len as u64)),
            if_match: segment.etag.clone(),
            ..GetOptions::default()
        };
        let result = match self.store.get_opts(&path, options).await {
            Ok(result) if result.meta.size != segment.size => {
                return Err(changed(format!("planned with {} bytes, now {}", segment.size, result.meta.size)));
            }
            result => result,
        };
        match async { result?.bytes().await }.await {
            Ok(bytes) if bytes.len() == len => Ok(bytes),
            Ok(bytes) => Err(changed(format!("{} of {len} bytes are left at {start}", bytes.len()))),
            Err(object_store::Error::Precondition { .. }) => Err(changed("another etag than planned".to_owned())),
            Err(error) => Err(StorageError::of("read", &self.uri, &path, error)),
        }
    }

    /// Returns size, etag and modification time of the object at `key`.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn head(&self, key: &str) -> Result<ObjectMeta, StorageError> {
        let path = path_of(key);
        self.store.head(&path).await.map_err(|error| StorageError::of("stat", &self.uri, &path, error))
    }

    /// Writes a small object, replacing any that exists.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn replace(&self, key: &str, bytes: impl Into<Bytes>) -> Result<(), StorageError> {
        self.put(key, bytes.into(), PutMode::Overwrite).await
    }

    /// Writes a small object that must not exist yet.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] if it does.
    pub async fn create_object(&self, key: &str, bytes: impl Into<Bytes>) -> Result<(), StorageError> {
        self.put(key, bytes.into(), PutMode::Create).await
    }

    /// Creates an object under a name that several writers may want, such as a manifest's version; one of them gets it.
    ///
    /// A write that failed, or that found an object, may have been ours: the bytes that are found decide. This is the
    /// owner of an answer that was lost for good. [`crate::s3`] owns those that were lost between its tries, by the id
    /// of the put, so that a try never meets its predecessor as a stranger; no caller reads back to learn whether its
    /// own write was done (docs/adr/0007).
    ///
    /// # Errors
    /// See [`StorageError`]; then no object of ours exists, as far as could be read.
    pub async fn create_exclusive(&self, key: &str, bytes: impl Into<Bytes>) -> Result<Creation, StorageError> {
        let bytes = bytes.into();
        let Err(error) = self.create_object(key, bytes.clone()).await else { return Ok(Creation::Ours) };
        match self.read(key).await {
            Ok(found) if found == bytes => Ok(Creation::Ours),
            Ok(_) => Ok(Creation::Taken),
            Err(_) => Err(error),
        }
    }

    /// Puts an object whose name has the digest of its bytes. Every writer puts the same bytes, so there is no rival:
    /// an object with other bytes is damaged.
    ///
    /// # Errors
    /// [`StorageError::AlreadyExists`] for an object that is not what its name says; else as for
    /// [`Self::create_exclusive`].
    pub async fn put_by_digest(&self, key: &str, bytes: impl Into<Bytes>) -> Result<(), StorageError> {
        match self.create_exclusive(key, bytes).await? {
            Creation::Ours => Ok(()),
            Creation::Taken => Err(StorageError::AlreadyExists { object: self.object(key) }),
        }
    }

    async fn put(&self, key: &str, bytes: Bytes, mode: PutMode) -> Result<(), StorageError> {
        let path = path_of(key);
        let options = PutOptions::from(mode);
        let result = self.store.put_opts(&path, bytes.into(), options).await;
        result.map(drop).map_err(|error| StorageError::of("write", &self.uri, &path, error))
    }

    /// Removes the object at `key`; succeeds if it is already gone.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn remove(&self, key: &str) -> Result<(), StorageError> {
        let path = path_of(key);
        match self.store.delete(&path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(StorageError::of("remove", &self.uri, &path, error)),
        }
    }

    /// Lists every object whose key starts with the folder `prefix` (empty: all), in key order. An object that
    /// vanishes during the listing is left out.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn list(&self, prefix: &str) -> Result<Vec<ObjectMeta>, StorageError> {
        self.list_where(prefix, |object| !matches!(object, Err(object_store::Error::NotFound { .. }))).await
    }

    /// Lists every object of the root in key order. A listed object that cannot be read (gone meanwhile, a broken
    /// link) is an error, because this lists input, of which nothing may be left out silently.
    ///
    /// # Errors
    /// See [`StorageError`].
    pub async fn list_input(&self) -> Result<Vec<ObjectMeta>, StorageError> {
        let listed = self.list_where("", |_| true).await?;
        if self.local.is_none() || !self.is_confined {
            return Ok(listed);
        }
        let root = self.clone();
        let check =
            move || listed.iter().try_for_each(|object| root.check_confined(object.location.as_ref())).map(|()| listed);
        let checked = tokio::task::spawn_blocking(check).await;
        checked.map_err(|error| StorageError::of("list", &self.uri, &path_of(""), object_store::Error::from(error)))?
    }

    async fn list_where(
        &self,
        prefix: &str,
        is_wanted: impl Fn(&Result<ObjectMeta, object_store::Error>) -> bool,
    ) -> Result<Vec<ObjectMeta>, StorageError> {
        let path = path_of(prefix);
        let prefix = (!prefix.is_empty()).then_some(&path);
        let listed = self.store.list(prefix).filter(|object| futures::future::ready(is_wanted(object)));
        let listed = listed.try_collect().await;
        let mut objects: Vec<_> = listed.map_err(|error| StorageError::of("list", &self.uri, &path, error))?;
        objects.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(objects)
    }
}

/// Returns the path of a key as it is: listed keys come back encoded, and must not be encoded twice.
pub(crate) fn path_of(key: &str) -> Path {
    Path::parse(key).unwrap_or_else(|_| Path::from(key))
}

fn open_error(uri: &str, cause: &str) -> StorageError {
    StorageError::Open { uri: uri.to_owned(), cause: cause.to_owned() }
}

/// Place that a URI names.
enum Place {
    Folder(PathBuf),
    Bucket(S3Store),
}

fn place(uri: &str) -> Result<Place, StorageError> {
    match uri.split_once("://") {
        None if uri.starts_with("file:") => {
            Err(open_error(uri, "a file URI has two slashes before its path; give file:///PATH, or the path alone"))
        }
        None if uri.is_empty() => Err(open_error(uri, "it is empty; give a path, file://PATH or s3://BUCKET/PREFIX")),
        None => Ok(Place::Folder(PathBuf::from(uri))),
        Some(("file", path)) => Ok(Place::Folder(PathBuf::from(path))),
        Some(("s3", rest)) => bucket(uri, rest).map(Place::Bucket),
        Some((scheme, _)) => {
            let cause = format!("there is no store for {scheme}://; give a path, file://PATH or s3://BUCKET/PREFIX");
            Err(open_error(uri, &cause))
        }
    }
}

fn bucket(uri: &str, rest: &str) -> Result<S3Store, StorageError> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(open_error(uri, "it names no bucket; give s3://BUCKET/PREFIX"));
    }
    let prefix = Path::parse(prefix).map_err(|error| open_error(uri, &error.to_string()))?;
    Ok(S3Store::new(bucket, prefix, S3Settings::default()))
}

#[cfg(test)]
mod tests;
