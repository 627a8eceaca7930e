use std::fmt;

use async_trait::async_trait;
use futures::stream::BoxStream;
use model::Term;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::*;

/// Store without conditional puts: it accepts every write.
#[derive(Debug, Default)]
struct Overwriting(InMemory);

impl fmt::Display for Overwriting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("overwriting")
    }
}

#[async_trait]
impl ObjectStore for Overwriting {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.0.put_opts(location, payload, PutOptions { mode: PutMode::Overwrite, ..options }).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.0.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.0.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.0.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.0.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.0.copy_opts(from, to, options).await
    }
}

fn probes() -> Probes {
    Probes::new(LeaderId { revision: 7, term: Term::drawn(1) })
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_refused_by_its_name_and_is_tried_again() {
    let dataset = Root::of_store("s3://lake/metrics", Arc::new(Overwriting::default()));
    let probes = probes();
    for _ in 0..2 {
        let refused = probes.check(&dataset).await.expect_err("it overwrites");
        assert!(refused.to_string().contains("the store of s3://lake/metrics overwrites"), "{refused}");
    }
    assert_eq!(dataset.list("").await.expect("it lists").len(), 0, "nothing is left");
}

#[tokio::test]
async fn a_store_that_creates_is_tried_once_and_left_as_it_was() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let local = Root::create(&folder.path().display().to_string()).expect("a folder");
    for dataset in [local, Root::of_store("memory", Arc::new(InMemory::new()))] {
        let probes = probes();
        probes.check(&dataset).await.expect("it is sound");
        assert_eq!(dataset.list("").await.expect("it lists").len(), 0, "nothing is left");
        // A second probe would find this object in its way.
        dataset.create_object(&keys::probe(probes.leader), "foreign").await.expect("it is free");
        probes.check(&dataset).await.expect("it is known to be sound");
    }
}
