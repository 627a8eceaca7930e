//! Lists and reads the parts of a dataset as whole files.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use format::part::{Block, PartFooter, Tail, read_tail};

use super::segments::files;

/// Kind of part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Parts that hold points.
    Raw,
    /// Parts that hold rollup rows.
    Rollup,
}

/// Lists the parts of one kind under `dataset`. The suite writes each dataset once, so all of them count.
pub(super) fn of_kind(dataset: &Path, kind: Kind) -> Result<Vec<PathBuf>> {
    let is_rollup = |path: &PathBuf| path.to_string_lossy().contains(".rollup-");
    let mut parts = files(&dataset.join(format::keys::DATA), ".part")?;
    parts.retain(|path| is_rollup(path) == (kind == Kind::Rollup));
    Ok(parts)
}

/// Reads a part into `bytes`, replacing their content; returns its footer.
pub(super) fn read(path: &Path, bytes: &mut Vec<u8>) -> Result<PartFooter> {
    bytes.clear();
    File::open(path)?.read_to_end(bytes)?;
    match read_tail(bytes, bytes.len() as u64)? {
        Tail::Footer(footer) => Ok(footer),
        Tail::NeedBytes(_) => bail!("{} is a part, and all of it was given", path.display()),
    }
}

/// Opens the blocks of a part that was read whole.
pub(super) fn blocks<'a>(footer: &PartFooter, bytes: &'a [u8]) -> impl Iterator<Item = Result<Block<'a>>> {
    footer.blocks().iter().enumerate().map(move |(ordinal, info)| {
        let range = info.range.start as usize..info.range.end as usize;
        Ok(Block::open(footer, ordinal, &bytes[range])?)
    })
}
