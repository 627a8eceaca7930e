use std::sync::Arc;

use object_store::memory::InMemory;

use super::*;

#[test]
fn a_name_that_is_taken_is_refused_and_keeps_what_it_names() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let local = Root::create(&folder.path().display().to_string()).expect("a folder");
    for root in [local, Root::of_store("memory", Arc::new(InMemory::new()))] {
        let write = |content: &[u8]| {
            let mut writer = ObjectWriter::begin(&root, "data/p00000.part", runtime.handle())?;
            writer.write(content)?;
            writer.finish()
        };
        write(b"first").expect("the name is free");
        let refused = write(b"other").expect_err("the name is taken");
        assert!(matches!(refused, StorageError::AlreadyExists { .. }), "{refused:?}");
        assert_eq!(runtime.block_on(root.read("data/p00000.part")).expect("it is there").as_ref(), b"first");
    }
    let left = std::fs::read_dir(folder.path().join("data")).expect("a folder").count();
    assert_eq!(left, 1, "nothing is left of what was refused");
}
