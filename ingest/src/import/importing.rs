//! Import of several files: the files in order, the state of the place before, and the outcome.
//!
//! Each file is imported whole or not at all. Of a file that was imported before:
//!
//! | receipt says | by default | `--resume` | `--replace` |
//! |---|---|---|---|
//! | done, same content and options | left as it is | left as it is | imported again |
//! | done, other content or options | refused | refused | imported again, in its place |
//! | begun and never done (killed) | refused | imported again | imported again |

use std::path::Path;

use model::digest::Digest;
use storage::StorageError;

use super::collisions::{self, Collisions};
use super::input::{Content, InputFile};
use super::receipt::{Done, Placed, Receipt, Receipts};
use super::series::SeriesSeen;
use super::sink::{Imported, Sink};
use super::{BadRow, ImportBooks, ImportError, Target};

/// Rule for files that were imported to the same place before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rerun {
    /// Leaves the same content as it is, and refuses anything else.
    #[default]
    Refuse,
    /// Removes what a killed import left of a file, and imports the file again.
    Resume,
    /// Imports the file again, and replaces the earlier import.
    Replace,
}

/// Notice to the caller during an import.
#[derive(Debug)]
pub enum Notice<'a> {
    /// A row was skipped.
    Skipped(&'a BadRow),
    /// A file was imported before, and is left as it is.
    Left(&'a Path),
    /// A file is imported.
    Imported(&'a Path, &'a Done),
    /// A remark on a file, for its reader; the import goes on.
    Remark(&'a Path, String),
}

/// Listener of the caller, called with every notice.
pub(super) type Listener<'a> = dyn FnMut(Notice<'_>) + 'a;

/// Outcome of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOutcome {
    /// Number of files that were imported.
    pub files: u64,
    /// Number of files that were imported before and left as they are.
    pub files_left: u64,
    /// Books of the files that were imported.
    pub books: ImportBooks,
    /// Series, points, payloads and segments that were written.
    pub imported: Imported,
    /// Points that collide in series and time.
    pub collisions: Collisions,
}

/// Import in progress.
pub(super) struct Importing<'a, 'l> {
    target: &'a Target<'a>,
    rerun: Rerun,
    options: Digest,
    receipts: Receipts,
    series: SeriesSeen,
    segments: Vec<String>,
    outcome: ImportOutcome,
    listener: &'l mut Listener<'l>,
}

impl<'a, 'l> Importing<'a, 'l> {
    /// Begins an import. `options` is the digest of the options that give the input its meaning: with other options,
    /// the same content means other points.
    pub(super) fn begin(
        target: &'a Target<'a>,
        rerun: Rerun,
        options: Digest,
        listener: &'l mut Listener<'l>,
    ) -> Result<Self, ImportError> {
        let receipts = Receipts::read(target.output)?;
        let (series, segments, outcome) = (SeriesSeen::default(), Vec::new(), ImportOutcome::default());
        Ok(Self { target, rerun, options, receipts, series, segments, outcome, listener })
    }

    /// Imports one file. `read` reads the content into the sink and returns the books, in which `values.written` is
    /// filled in here.
    pub(super) fn import(
        &mut self,
        file: &InputFile,
        read: impl FnOnce(&InputFile, Content, &mut Sink<'_>, &mut Listener<'_>) -> Result<ImportBooks, ImportError>,
    ) -> Result<(), ImportError> {
        let previous = match self.previous(file)? {
            Previous::Same => {
                (self.listener)(Notice::Left(&file.path));
                self.outcome.files_left += 1;
                return Ok(());
            }
            Previous::Replaced(placed) => Some(*placed),
            Previous::None => None,
        };
        let content = file.open()?;
        let digest = content.digest.clone();
        let receipt = Receipt { name: file.name.clone(), options: self.options, done: None };
        let mut sink = Sink::new(self.target, &mut self.series, &mut self.receipts, receipt, previous);
        let books = read(file, content, &mut sink, self.listener)?;
        let source = digest.borrow().finish();
        let (imported, done) = sink.commit(books, source)?;
        (self.listener)(Notice::Imported(&file.path, &done));
        self.add(&imported, &done);
        Ok(())
    }

    fn add(&mut self, imported: &Imported, done: &Done) {
        self.segments.extend(done.segments.iter().cloned());
        let ImportOutcome { files, books, imported: sum, .. } = &mut self.outcome;
        *files += 1;
        books.add(&done.books);
        sum.points += imported.points;
        sum.payloads += imported.payloads;
        sum.segments += imported.segments;
        sum.bytes += imported.bytes;
    }

    /// Looks for collisions, and returns the outcome of the import.
    pub(super) fn finish(mut self) -> Result<ImportOutcome, ImportError> {
        self.outcome.imported.series = self.series.count();
        self.outcome.collisions = collisions::find(self.target.output, &self.segments, &self.series)?;
        Ok(self.outcome)
    }

    fn previous(&self, file: &InputFile) -> Result<Previous, ImportError> {
        let Some(placed) = self.receipts.of(&file.name) else {
            self.refuse_unreceipted(file)?;
            return Ok(Previous::None);
        };
        match (&placed.receipt.done, self.rerun) {
            (_, Rerun::Replace) | (None, Rerun::Resume) => Ok(Previous::Replaced(Box::new(placed.clone()))),
            (None, Rerun::Refuse) => Err(ImportError::Unfinished { path: file.path.clone() }),
            (Some(done), _) => {
                let differs = |what| Err(ImportError::ImportedBefore { path: file.path.clone(), what });
                match file.digest()? {
                    None => differs("it cannot be compared"),
                    Some(source) if source != done.source => differs("with other content"),
                    Some(_) if placed.receipt.options != self.options => differs("with other options"),
                    Some(_) => Ok(Previous::Same),
                }
            }
        }
    }

    /// Refuses a file that was imported here by a version without receipts.
    fn refuse_unreceipted(&self, file: &InputFile) -> Result<(), ImportError> {
        let key = format!("shard={}/import/{}-0000.seg", self.target.shard(), file.name);
        match self.target.output.wait(self.target.output.root().head(&key)) {
            Ok(_) => Err(ImportError::Unreceipted { object: self.target.output.root().object(&key) }),
            Err(StorageError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

enum Previous {
    None,
    Same,
    Replaced(Box<Placed>),
}
