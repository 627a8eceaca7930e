use async_trait::async_trait;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, PutOptions, PutPayload, PutResult, Result};

use super::*;
use crate::bent::{Bend, Bent};

/// Store that does every put, and loses its answer.
#[derive(Debug, Default)]
struct Forgetful(InMemory);

#[async_trait]
impl Bend for Forgetful {
    fn inner(&self) -> &dyn ObjectStore {
        &self.0
    }

    async fn put(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.0.put_opts(location, payload, options).await?;
        Err(object_store::Error::Generic { store: "forgetful", source: "the answer is lost".into() })
    }
}

#[tokio::test]
async fn the_bytes_that_are_found_tell_whose_object_it_is_if_the_answer_is_lost_too() {
    let stores: [Arc<dyn ObjectStore>; 2] = [Arc::new(InMemory::new()), Arc::new(Bent(Forgetful::default()))];
    for store in stores {
        let root = Root::of_store("memory", store);
        assert_eq!(root.create_exclusive("v1", "ours").await.expect("it is there"), Creation::Ours);
        assert_eq!(root.create_exclusive("v1", "ours").await.expect("a repetition"), Creation::Ours);
        assert_eq!(root.create_exclusive("v1", "theirs").await.expect("it is read"), Creation::Taken);
        assert_eq!(root.read("v1").await.expect("it is there"), "ours");
    }
}

#[tokio::test]
async fn a_name_with_a_digest_is_put_again_and_refuses_other_bytes() {
    let stores: [Arc<dyn ObjectStore>; 2] = [Arc::new(InMemory::new()), Arc::new(Bent(Forgetful::default()))];
    for store in stores {
        let root = Root::of_store("memory", store);
        for _ in 0..2 {
            root.put_by_digest("plan-1", "a plan").await.expect("the same bytes");
        }
        let damaged = root.put_by_digest("plan-1", "another plan").await.expect_err("the name lies");
        assert!(matches!(&damaged, StorageError::AlreadyExists { object } if object == "memory/plan-1"), "{damaged}");
        assert_eq!(root.read("plan-1").await.expect("it is there"), "a plan");
    }
}
