//! Streams the rows of one part, block by block.

use std::collections::VecDeque;
use std::ops::Range;

use format::column::ColumnDecoder;
use format::manifest::ObjectEntry;
use format::part::{Block, PartError, PartKind, RollupColumns};
use futures::FutureExt;
use futures::future::BoxFuture;
use model::Columns;

use super::{PartReader, Parts, RowFilter, wanted_rows};
use crate::error::DatasetError;
use crate::rows::{Chunk, ChunkSource, Rows};

/// Stream of a part in Tailor's own format.
pub(super) struct PartChunks {
    parts: Parts,
    kind: PartKind,
    object: ObjectEntry,
    filter: RowFilter,
    open: Option<Open>,
    /// Chunks of the latest block.
    decoded: VecDeque<Chunk>,
    decoder: ColumnDecoder,
}

struct Open {
    reader: PartReader,
    wanted: Range<usize>,
    next: usize,
}

impl PartChunks {
    pub(super) fn new(parts: Parts, kind: PartKind, object: ObjectEntry, filter: RowFilter) -> Self {
        let (decoded, decoder) = (VecDeque::new(), ColumnDecoder::default());
        Self { parts, kind, object, filter, open: None, decoded, decoder }
    }

    async fn next_chunk(&mut self) -> Result<Option<Chunk>, DatasetError> {
        loop {
            if let Some(chunk) = self.decoded.pop_front() {
                return Ok(Some(chunk));
            }
            if !self.read_block().await? {
                return Ok(None);
            }
        }
    }

    /// Reads and decodes the next block; `false` after the last.
    async fn read_block(&mut self) -> Result<bool, DatasetError> {
        let open = match &mut self.open {
            Some(open) => open,
            open => {
                let reader = PartReader::open(&self.parts, &self.object).await?;
                reader.check_kind(self.kind)?;
                let wanted = reader.blocks_of(&self.filter);
                open.insert(Open { reader, next: wanted.start, wanted })
            }
        };
        if open.next >= open.wanted.end {
            return Ok(false);
        }
        let bytes = open.reader.block(open.next, open.wanted.clone()).await?;
        let block =
            Block::open(open.reader.footer(), open.next, &bytes).map_err(|source| open.reader.damaged(source))?;
        let decoded = decode(&block, self.kind, &self.filter, &mut self.decoder);
        self.decoded = decoded.map_err(|source| open.reader.damaged(source))?;
        open.next += 1;
        Ok(true)
    }
}

impl ChunkSource for PartChunks {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Chunk>, DatasetError>> {
        self.next_chunk().boxed()
    }
}

/// Decodes the wanted rows of a block.
fn decode(
    block: &Block<'_>,
    kind: PartKind,
    filter: &RowFilter,
    decoder: &mut ColumnDecoder,
) -> Result<VecDeque<Chunk>, PartError> {
    let mut chunks = VecDeque::new();
    for (index, entry) in block.series().enumerate() {
        let is_wanted = filter.key.is_none_or(|key| key == entry.key);
        if !is_wanted || !filter.overlaps(entry.first_ms, entry.last_ms) {
            continue;
        }
        let rows = match kind {
            PartKind::Raw => {
                let mut points = Columns::default();
                block.points(index, decoder, &mut points)?;
                Rows::Points(points)
            }
            PartKind::Rollup(_) => {
                let mut buckets = RollupColumns::default();
                block.rollups(index, decoder, &mut buckets)?;
                Rows::Buckets(buckets)
            }
        };
        let rows = wanted_rows(rows, filter);
        if !rows.is_empty() {
            let metadata = block.metadata(index).map(<[u8]>::to_vec);
            chunks.push_back(Chunk { key: entry.key, metadata, rows });
        }
    }
    Ok(chunks)
}
