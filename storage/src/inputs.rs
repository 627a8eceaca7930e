//! Segment lists of plans and manifests that are stored as an object.

use format::segments::{Inputs, ListedSegments};
use model::SegmentList;

use crate::{Root, StorageError};

impl Root {
    /// Writes the object that `inputs` names, if it names one. `inputs` must have been made from `segments`.
    ///
    /// # Errors
    /// As for [`Self::put_by_digest`].
    pub async fn write_inputs(&self, inputs: &Inputs, segments: &SegmentList) -> Result<(), StorageError> {
        let Some(object) = inputs.object() else { return Ok(()) };
        self.put_by_digest(&object.key, ListedSegments::to_bytes(segments)).await
    }

    /// Reads the segments of a plan or manifest of this dataset, inline or from their object. All readers use this
    /// function.
    ///
    /// # Errors
    /// See [`StorageError`]; also if the object differs from the one that was written.
    pub async fn read_inputs(&self, inputs: &Inputs) -> Result<SegmentList, StorageError> {
        let listed = match inputs {
            Inputs::Inline(segments) => return Ok(segments.clone()),
            Inputs::Listed(listed) => listed,
        };
        let key = &listed.object.key;
        let bytes = self.read(key).await?;
        listed.read(&bytes).map_err(|error| StorageError::Failed {
            operation: "read",
            object: self.object(key),
            source: Box::new(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::SegmentRef;
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_and_a_damaged_object_is_named() {
        let root = Root::of_store("memory", Arc::new(InMemory::new()));
        let segment = |at| SegmentRef { key: format!("shard=org-1/{at:06}.seg"), size: at, etag: None };
        for count in [3, 3000] {
            let segments: SegmentList = (0..count).map(segment).collect();
            let inputs = Inputs::of(&segments, |digest| format!("jobs/j/segments/{digest}"));
            for _ in 0..2 {
                root.write_inputs(&inputs, &segments).await.expect("the same again is fine");
            }
            assert_eq!(root.read_inputs(&inputs).await.expect("it is there"), segments);
            let Some(object) = inputs.object() else { continue };
            root.replace(&object.key, "damaged").await.expect("memory");
            let error = root.read_inputs(&inputs).await.expect_err("it is another");
            assert!(error.to_string().contains(&object.key), "{error}");
            assert!(matches!(root.write_inputs(&inputs, &segments).await, Err(StorageError::AlreadyExists { .. })));
        }
    }
}
