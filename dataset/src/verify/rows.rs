//! Level `rows`: every row of the current parts, compared with its neighbours, its partition, its rollups and the
//! books.

use format::manifest::{Manifest, PartitionEntry};
use format::part::PartKind;
use model::OutputFormat;
use model::books::ReduceBooks;

use super::Run;
use super::row_check::RowCheck;
use crate::catalog::name_of;
use crate::error::DatasetError;
use crate::parts::PartReader;
use crate::report::Class;

impl Run<'_> {
    /// Checks every partition of a manifest, then the books over all of them.
    pub(super) async fn rows(&mut self, manifest: &Manifest) -> Result<(), DatasetError> {
        let mut counted = ReduceBooks::default();
        let differences_before = self.differences.total;
        for entry in &manifest.partitions {
            let result = self.partition(manifest, entry, &mut counted).await;
            let place = entry.raw.as_ref().map_or_else(|| name_of(manifest).to_string(), |raw| raw.key.clone());
            self.note_damage(&place, result)?;
        }
        self.checked.series += counted.series_written;
        self.checked.points += counted.points_written;
        self.checked.rollup_rows += counted.rollup_rows_written;
        // If parts did not decode, wrong sums would only repeat that.
        let is_whole = self.differences.total == differences_before;
        let books = &manifest.books.reduce;
        if is_whole && counted.points_nan != books.points_nan {
            let detail =
                format!("NaN points: the parts hold {}, the books say {}", counted.points_nan, books.points_nan);
            self.differences.add(Class::Books, &name_of(manifest).to_string(), detail);
        }
        Ok(())
    }

    async fn partition(
        &mut self,
        manifest: &Manifest,
        entry: &PartitionEntry,
        counted: &mut ReduceBooks,
    ) -> Result<(), DatasetError> {
        let format = manifest.settings.format;
        let place = entry.raw.as_ref().map(|raw| raw.key.clone()).unwrap_or_default();
        let mut source = self.parts.raw_of(format, Some(entry));
        let mut check = RowCheck::new(&self.parts, manifest, entry, place);
        while let Some(chunk) = source.next().await? {
            check.check_chunk(&chunk, &mut self.differences).await?;
        }
        check.finish(entry, &mut self.differences).await?;
        *counted += &check.counted();
        if format == OutputFormat::Part {
            self.footers(entry).await?;
        }
        Ok(())
    }

    /// Checks that the footers agree with the manifest.
    async fn footers(&mut self, entry: &PartitionEntry) -> Result<(), DatasetError> {
        let raw =
            entry.raw.iter().map(|object| (PartKind::Raw, object, entry.extent.map_or(0, |extent| extent.points)));
        let rollups = entry.rollups.iter().map(|rollup| (PartKind::Rollup(rollup.step), &rollup.object, rollup.rows));
        for (kind, object, promised) in raw.chain(rollups) {
            let reader = PartReader::open(&self.parts, object).await?;
            reader.check_kind(kind)?;
            let summary = reader.footer().summary();
            if summary.points != promised {
                let detail = format!("its footer counts {} rows, its manifest {promised}", summary.points);
                self.differences.add(Class::Count, &object.key, detail);
            }
        }
        Ok(())
    }
}
