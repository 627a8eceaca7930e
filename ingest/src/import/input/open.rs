//! Content of a file: its bytes are counted and digested as they are read, and decompressed if they start as gzip or
//! zstd do, whatever the file is called.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use model::digest::Digester;

use super::magic::{MAGIC_BYTES, foreign};
use super::name::InputFile;
use super::unpack::unpack;
use crate::import::ImportError;
use crate::import::receipt::Source;

/// Buffer size, large enough for a disk or a network file system to read ahead.
const BUFFER_BYTES: usize = 256 << 10;

/// Open input file.
pub(crate) struct Content {
    /// First bytes, decompressed.
    pub(crate) start: Vec<u8>,
    /// Reader of the bytes behind `start`.
    pub(crate) rest: Box<dyn Read>,
    /// Digest of the stored bytes, compressed or not; complete once `rest` has ended.
    pub(crate) digest: Rc<RefCell<Digesting>>,
}

impl InputFile {
    /// Opens the file.
    ///
    /// # Errors
    /// [`ImportError::Read`], and [`ImportError::Malformed`] for a format that is known by its first bytes and not
    /// supported.
    pub(crate) fn open(&self) -> Result<Content, ImportError> {
        let digest = Rc::new(RefCell::new(Digesting::default()));
        let unpack = || -> io::Result<(Vec<u8>, Box<dyn Read>)> {
            let bytes: Box<dyn Read> =
                if self.is_stdin { Box::new(io::stdin()) } else { Box::new(File::open(&self.path)?) };
            let bytes = Digested { bytes, digest: digest.clone() };
            let file = BufReader::with_capacity(BUFFER_BYTES, bytes);
            let mut content = unpack(file)?;
            let mut start = Vec::new();
            content.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut start)?;
            Ok((start, content))
        };
        let (start, rest) = unpack().map_err(|source| self.cannot_read(source))?;
        match foreign(&start) {
            Some(what) => Err(self.malformed(format!("it is {what}"))),
            None => Ok(Content { start, rest, digest }),
        }
    }

    /// Returns size and digest of the file as stored, which takes a read of its own; `None` for standard input.
    pub(crate) fn digest(&self) -> Result<Option<Source>, ImportError> {
        if self.is_stdin {
            return Ok(None);
        }
        let read = |path: &Path| -> io::Result<Source> {
            let digest = Rc::new(RefCell::new(Digesting::default()));
            let mut bytes = Digested { bytes: Box::new(File::open(path)?), digest: digest.clone() };
            io::copy(&mut bytes, &mut io::sink())?;
            Ok(digest.borrow().finish())
        };
        read(&self.path).map(Some).map_err(|source| self.cannot_read(source))
    }

    pub(crate) fn cannot_read(&self, source: io::Error) -> ImportError {
        ImportError::Read { path: self.path.clone(), source }
    }

    pub(crate) fn malformed(&self, cause: impl Into<String>) -> ImportError {
        ImportError::Malformed { path: self.path.clone(), cause: cause.into() }
    }
}

/// Size and digest of the bytes read so far.
#[derive(Default)]
pub(crate) struct Digesting {
    digester: Digester,
    size: u64,
}

impl Digesting {
    pub(crate) fn finish(&self) -> Source {
        Source { size: self.size, digest: self.digester.finish() }
    }
}

struct Digested {
    bytes: Box<dyn Read>,
    digest: Rc<RefCell<Digesting>>,
}

impl Read for Digested {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        let mut digest = self.digest.borrow_mut();
        digest.digester.update(&buffer[..count]);
        digest.size += count as u64;
        Ok(count)
    }
}
