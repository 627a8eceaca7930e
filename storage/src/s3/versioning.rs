//! Whether a bucket keeps what is deleted and overwritten.

use aws_sdk_s3::types::BucketVersioningStatus;
use object_store::Result;
use object_store::path::Path;

use super::{Failure, S3Store, at};

impl S3Store {
    /// Whether the bucket keeps old versions of objects: a delete then only hides them. Buckets whose versioning is
    /// suspended still keep those from before.
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
