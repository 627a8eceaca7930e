use async_trait::async_trait;
use model::Term;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload, PutResult, Result};
use storage::bent::{Bend, Bent};

use super::*;

/// Store without conditional puts: it accepts every write.
#[derive(Debug, Default)]
struct Overwriting(InMemory);

#[async_trait]
impl Bend for Overwriting {
    fn inner(&self) -> &dyn ObjectStore {
        &self.0
    }

    async fn put(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.0.put_opts(location, payload, PutOptions { mode: PutMode::Overwrite, ..options }).await
    }
}

fn probes() -> Probes {
    Probes::new(LeaderId { revision: 7, term: Term::drawn(1) })
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_refused_by_its_name_and_is_tried_again() {
    let dataset = Root::of_store("s3://lake/metrics", Arc::new(Bent(Overwriting::default())));
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
