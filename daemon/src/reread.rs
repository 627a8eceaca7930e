//! Files that are read again when they change: certificates, keys, tokens.
//!
//! ```text
//!              content changed, parses                content changed, does not parse
//!   current ---------------------------> current' ----------------------------------> current' stays, and the log says so
//! ```
//!
//! The content is compared, not a time: a mounted secret is replaced by turning a link, and a clock may be wrong. Two
//! files that belong together are replaced one after the other; the moment between them does not parse, and the next
//! reading mends it.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use model::error::chain;

/// Interval between two readings of the files.
const RELOAD_EVERY: Duration = Duration::from_secs(2);

/// Largest file that is read: certificates and tokens are far smaller.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// Error of a file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{setting}: {}", path.display())]
pub struct FileError {
    setting: &'static str,
    path: PathBuf,
    source: Box<dyn Error + Send + Sync>,
}

impl FileError {
    /// Creates the error of a file that `setting` names.
    pub fn new(file: &NamedFile, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { setting: file.setting, path: file.path.clone(), source: source.into() }
    }
}

/// File that a setting names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// Name of the setting, for messages.
    pub setting: &'static str,
    /// Path of the file.
    pub path: PathBuf,
}

/// Parser of the contents of the files, in their order.
type Parse<T> = Box<dyn Fn(&[Vec<u8>]) -> Result<T, FileError> + Send + Sync>;

/// Value that is parsed from files, and parsed anew when they change.
pub struct Reread<T> {
    files: Vec<NamedFile>,
    parse: Parse<T>,
    current: RwLock<Arc<T>>,
    /// Number of changes that were taken in.
    generation: AtomicU64,
    /// Contents as they were last read, whether they parsed or not.
    seen: Mutex<Vec<Vec<u8>>>,
}

impl<T> fmt::Debug for Reread<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Contents are left out, because some are secrets.
        f.debug_struct("Reread").field("files", &self.files).finish_non_exhaustive()
    }
}

impl<T: Send + Sync + 'static> Reread<T> {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// A file cannot be read, or does not parse.
    pub fn load(
        files: Vec<NamedFile>,
        parse: impl Fn(&[Vec<u8>]) -> Result<T, FileError> + Send + Sync + 'static,
    ) -> Result<Self, FileError> {
        let contents = read_all(&files)?;
        let current = RwLock::new(Arc::new(parse(&contents)?));
        let (generation, seen) = (AtomicU64::new(0), Mutex::new(contents));
        Ok(Self { files, parse: Box::new(parse), current, generation, seen })
    }

    /// Returns the value as it was read last.
    pub fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the number of changes so far.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Reads the files once more. Returns true if they have changed and the new value holds.
    ///
    /// # Errors
    /// The files have changed since they were last read, and cannot be read or parsed. The earlier value stays.
    pub fn reload(&self) -> Result<bool, FileError> {
        let contents = read_all(&self.files)?;
        if *self.seen() == contents {
            return Ok(false);
        }
        let parsed = (self.parse)(&contents);
        *self.seen() = contents;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(parsed?);
        self.generation.fetch_add(1, Ordering::Release);
        Ok(true)
    }

    /// Reads the files again and again, and calls `changed` after each change.
    pub async fn follow(self: Arc<Self>, changed: impl Fn(&T) + Send + 'static) {
        let mut last_failure = String::new();
        loop {
            tokio::time::sleep(RELOAD_EVERY).await;
            let this = Arc::clone(&self);
            // A file system that hangs must not hold up a thread of the runtime.
            let Ok(reloaded) = tokio::task::spawn_blocking(move || this.reload()).await else { return };
            match reloaded {
                Ok(false) => {}
                Ok(true) => {
                    last_failure.clear();
                    tracing::info!(files = %self, "files changed and were read again");
                    changed(&self.current());
                }
                Err(error) => {
                    let failure = chain(&error);
                    if failure != last_failure {
                        tracing::warn!(
                            error = failure,
                            "failed to use changed files; the earlier content stays in use"
                        );
                    }
                    last_failure = failure;
                }
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Display for Reread<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.files.iter().map(|file| file.path.display().to_string()).collect();
        f.write_str(&names.join(", "))
    }
}

fn read_all(files: &[NamedFile]) -> Result<Vec<Vec<u8>>, FileError> {
    files.iter().map(|file| read(&file.path).map_err(|error| FileError::new(file, error))).collect()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("the file has more than 8 MiB"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_taken_in_and_a_broken_one_leaves_the_earlier_value() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = NamedFile { setting: "auth.tokens", path: folder.path().join("number") };
        let write = |text: &str| std::fs::write(&file.path, text).expect("a folder that can be written");
        let named = file.clone();
        let parse = move |contents: &[Vec<u8>]| {
            let text = String::from_utf8_lossy(&contents[0]).into_owned();
            text.parse::<u32>().map_err(|error| FileError::new(&named, error))
        };
        let missing = Reread::load(vec![file.clone()], parse.clone()).expect_err("it is not there");
        assert!(chain(&missing).contains("auth.tokens"), "{missing}");
        write("1");
        let number = Reread::load(vec![file.clone()], parse).expect("a number");
        assert!(!number.reload().expect("unchanged"));
        write("2");
        assert!(number.reload().expect("changed"));
        assert_eq!((*number.current(), number.generation()), (2, 1));
        write("two");
        number.reload().expect_err("no number");
        assert!(!number.reload().expect("it was reported once"), "a broken file is not news at each reading");
        assert_eq!(*number.current(), 2);
        std::fs::remove_file(&file.path).expect("it is there");
        number.reload().expect_err("gone");
        write("3");
        assert!(number.reload().expect("mended") && *number.current() == 3);
    }
}
