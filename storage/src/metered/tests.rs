use model::{Requests, SegmentRef};
use object_store::memory::InMemory;
use tokio::runtime::Handle;

use super::*;
use crate::object::{ObjectReader, ObjectWriter};
use crate::segment::{Segment, SegmentAccess};
use crate::{Root, Tally};

fn counted(root: &Root) -> (Root, Arc<Tally>) {
    let tally = Arc::<Tally>::default();
    (root.counted(Arc::clone(&tally)), tally)
}

#[tokio::test]
async fn each_request_is_counted_once_whether_it_succeeds_or_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = Root::create(folder.path().to_str().expect("a plain name")).expect("it opens");
    for place in [folder, Root::of_store("memory", Arc::new(InMemory::new()))] {
        let (root, tally) = counted(&place);
        root.create_object("a", "text").await.expect("it is free");
        root.create_object("a", "text").await.expect_err("it is taken");
        root.read("a").await.expect("it is there");
        root.read_range("a", 1, 2).await.expect("it is there");
        root.read("b").await.expect_err("it is not there");
        root.head("a").await.expect("it is there");
        root.list("").await.expect("a listing");
        root.remove_all(vec!["a".to_owned()]).await.expect("it goes");
        let expected = Requests { put: 2, get: 3, head: 1, list: 1, delete: 1, ..Requests::default() };
        assert_eq!(tally.requests(), expected, "{root}");
        let (another, fresh) = counted(&root);
        another.read("b").await.expect_err("it is gone");
        assert_eq!((fresh.requests().get, tally.requests().get), (1, 3), "each attempt has its own tally");
    }
}

#[test]
fn files_that_a_slot_reads_and_writes_itself_are_counted_by_piece() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let place = Root::create(folder.path().to_str().expect("a plain name")).expect("it opens");
    let (root, tally) = counted(&place);
    let handle: &Handle = runtime.handle();
    let mut writer = ObjectWriter::begin(&root, "run", handle).expect("a folder");
    writer.write(&[7; 100]).expect("there is room");
    writer.finish().expect("the name is free");
    let reader = ObjectReader::open(&root, "run", handle).expect("it is there");
    for offset in [0, 40, 80] {
        reader.read_at(offset, 20, &mut Vec::new()).expect("it has 100 bytes");
    }
    let segment = SegmentRef { key: "run".to_owned(), size: 100, etag: None };
    let mut mapped = Segment::open(&root, &segment, SegmentAccess::Auto, handle).expect("it is there");
    format::frame::SegmentBytes::bytes(&mut mapped, 0, 100).expect("it has 100 bytes");
    crate::object::remove(&root, "run", handle).expect("it goes");
    let expected = Requests { put: 1, get: 4, delete: 1, ..Requests::default() };
    assert_eq!(tally.requests(), expected);
    let (scratch, unseen) = counted(&place);
    ObjectWriter::begin(&scratch.uncounted(), "own", handle).and_then(ObjectWriter::finish).expect("it is free");
    assert_eq!(unseen.requests(), Requests::default(), "a worker's own disk is no store");
}
