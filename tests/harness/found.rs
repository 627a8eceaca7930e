//! Content of a shard's parts, as found in the dataset.

use anyhow::{Context, Result};
use format::column::ColumnDecoder;
use format::manifest::PartitionEntry;
use format::part::{Block, PartFooter, RollupColumns, Tail, read_tail};
use model::{Columns, ObjectEntry, RollupStep, SeriesKey};
use storage::Root;

use crate::expected::{Row, ShardContent};

/// Reads the parts of one shard, as its manifest lists them.
pub async fn output(dataset: &Root, partitions: &[PartitionEntry]) -> Result<ShardContent> {
    let mut output = ShardContent::default();
    for entry in partitions {
        if let Some(object) = &entry.raw {
            read_raw(&read(dataset, object).await?, &mut output).with_context(|| format!("read {}", object.key))?;
        }
        for rollup in &entry.rollups {
            let bytes = read(dataset, &rollup.object).await?;
            read_rollup(&bytes, rollup.step, &mut output).with_context(|| format!("read {}", rollup.object.key))?;
        }
    }
    Ok(output)
}

/// Reads an object, and checks that it is the one that was named (CM-2).
async fn read(dataset: &Root, object: &ObjectEntry) -> Result<Vec<u8>> {
    let bytes = dataset.read(&object.key).await?;
    anyhow::ensure!(bytes.len() as u64 == object.size, "CM-2: the size of {}", object.key);
    anyhow::ensure!(format::digest::Digest::of(&bytes) == object.digest, "CM-2: the digest of {}", object.key);
    Ok(bytes.to_vec())
}

fn read_raw(bytes: &[u8], output: &mut ShardContent) -> Result<()> {
    let mut decoder = ColumnDecoder::new();
    for_each_series(bytes, |block, index, key| {
        let mut columns = Columns::default();
        block.points(index, &mut decoder, &mut columns)?;
        let series = output.series.entry(key).or_default();
        series.points.extend(columns.timestamps.iter().zip(&columns.values).map(|(at, value)| (*at, value.to_bits())));
        series.metadata.extend_from_slice(block.metadata(index).unwrap_or_default());
        Ok(())
    })
}

fn read_rollup(bytes: &[u8], step: RollupStep, output: &mut ShardContent) -> Result<()> {
    let mut decoder = ColumnDecoder::new();
    for_each_series(bytes, |block, index, key| {
        let mut columns = RollupColumns::default();
        block.rollups(index, &mut decoder, &mut columns)?;
        let rows = (0..columns.len()).map(|row| columns.row(row)).map(|row| -> Row {
            let doubles = [row.sum, row.min, row.max, row.first, row.last].map(f64::to_bits);
            (row.bucket_start_ms, row.count, doubles)
        });
        output.rollups.entry((step, key)).or_default().extend(rows);
        Ok(())
    })
}

fn for_each_series(bytes: &[u8], mut take: impl FnMut(&Block<'_>, usize, SeriesKey) -> Result<()>) -> Result<()> {
    let footer = footer(bytes)?;
    for (ordinal, info) in footer.blocks().iter().enumerate() {
        let block = Block::open(&footer, ordinal, &bytes[info.range.start as usize..info.range.end as usize])?;
        for (index, entry) in block.series().enumerate() {
            take(&block, index, entry.key)?;
        }
    }
    Ok(())
}

fn footer(bytes: &[u8]) -> Result<PartFooter> {
    match read_tail(bytes, bytes.len() as u64)? {
        Tail::Footer(footer) => Ok(footer),
        Tail::NeedBytes(need) => anyhow::bail!("the footer asks for {need} bytes of a part that is all there"),
    }
}
