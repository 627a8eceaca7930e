//! Level `objects`: size and digest of every object that a version names (CM-2).

use std::collections::HashSet;

use format::digest::Digester;
use format::keys::ManifestName;
use format::manifest::{Manifest, ObjectEntry};
use format::part::Block;
use model::OutputFormat;
use storage::StorageError;

use super::Run;
use crate::error::DatasetError;
use crate::parts::PartReader;
use crate::report::Class;

/// Bytes of one read.
const READ_BYTES: u64 = 8 << 20;

impl Run<'_> {
    /// Checks every object once, even if several versions name it.
    pub(super) async fn objects(&mut self, manifests: &[(ManifestName, Manifest)]) -> Result<(), DatasetError> {
        let mut seen = HashSet::new();
        for (_, manifest) in manifests {
            for object in manifest.objects() {
                if seen.insert((&object.key, object.size, object.digest)) {
                    self.object(object, manifest.settings.format).await?;
                }
            }
        }
        Ok(())
    }

    async fn object(&mut self, object: &ObjectEntry, format: OutputFormat) -> Result<(), DatasetError> {
        self.checked.objects += 1;
        let found = match self.catalog.root().head(&object.key).await {
            Err(StorageError::NotFound { .. }) => {
                self.differences.add(Class::ObjectMissing, &object.key, "is gone");
                return Ok(());
            }
            found => found?,
        };
        if found.size != object.size {
            let detail = format!("has {} bytes, its manifest says {}", found.size, object.size);
            self.differences.add(Class::ObjectSize, &object.key, detail);
            return Ok(());
        }
        let mut digester = Digester::new();
        let mut start = 0;
        while start < object.size {
            let len = READ_BYTES.min(object.size - start);
            digester.update(&self.catalog.root().read_range(&object.key, start, len as usize).await?);
            start += len;
        }
        self.checked.bytes += object.size;
        let digest = digester.finish();
        if digest != object.digest {
            let detail = format!("has the digest {digest}, its manifest says {}", object.digest);
            self.differences.add(Class::ObjectDigest, &object.key, detail);
            if format == OutputFormat::Part && object.key.ends_with(format.extension()) {
                self.damaged_blocks(object).await?;
            }
        }
        Ok(())
    }

    /// Names the footer or the blocks of a damaged part that do not open.
    async fn damaged_blocks(&mut self, object: &ObjectEntry) -> Result<(), DatasetError> {
        let mut reader = match PartReader::open(&self.parts, object).await {
            Ok(reader) => reader,
            Err(error) => return self.note_damage(&object.key, Err(error)),
        };
        let blocks = reader.footer().blocks().len();
        for ordinal in 0..blocks {
            let bytes = reader.block(ordinal, 0..blocks).await?;
            let opened = Block::open(reader.footer(), ordinal, &bytes).map(drop);
            self.note_damage(&object.key, opened.map_err(|source| reader.damaged(source)))?;
        }
        Ok(())
    }
}
