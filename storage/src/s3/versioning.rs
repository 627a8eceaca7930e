//! Detects if a bucket keeps deleted and overwritten objects.

use aws_sdk_s3::types::BucketVersioningStatus;
use object_store::Result;
use object_store::path::Path;

use super::{Failure, S3Store, at};

impl S3Store {
    /// True if the bucket keeps old versions of objects, so that a delete only hides them. Buckets with suspended
    /// versioning still keep the earlier versions.
    pub(crate) async fn keeps_versions(&self) -> Result<bool> {
        self.versioning_status().await.map_err(at(&Path::default()))
    }

    async fn versioning_status(&self) -> Result<bool, Failure> {
        let connection = self.connection().await?;
        let root = Path::default();
        let request = || connection.client.get_bucket_versioning().bucket(self.bucket()).send();
        let answer = self.attempts("GetBucketVersioning", connection, &root).until_done(request).await?;
        Ok(matches!(answer.status, Some(BucketVersioningStatus::Enabled | BucketVersioningStatus::Suspended)))
    }
}
