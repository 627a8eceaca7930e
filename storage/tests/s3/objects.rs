//! Objects as a worker reads and writes them, over a real store.

use std::sync::Arc;

use fault_proxy::{Fault, FaultProxy, answer, error_body};
use format::digest::Digest;
use format::frame::SegmentBytes;
use futures::{StreamExt, TryStreamExt};
use model::SegmentRef;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use storage::object::{ObjectReader, ObjectWriter};
use storage::segment::{Segment, SegmentAccess};
use storage::{Root, StorageError};
use tokio::runtime::Runtime;

use crate::server::Server;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn content(len: usize) -> Vec<u8> {
    (0..len as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn what_a_writer_wrote_a_reader_and_a_segment_read() {
    let (server, runtime) = (Server::find(), runtime());
    let root = Root::of_store("s3://test", Arc::new(server.store()));
    for len in [0, 1000, 8 << 20, 37_000_001] {
        let (key, content) = (format!("shard=org-1/{len}.seg"), content(len));
        let mut writer = ObjectWriter::begin(&root, &key, runtime.handle()).expect("it begins");
        content.chunks(100_003).for_each(|piece| writer.write(piece).expect("it is written"));
        let written = writer.finish().expect("it completes");
        assert_eq!((written.size, written.digest), (len as u64, Digest::of(&content)));

        let meta = runtime.block_on(root.head(&key)).expect("it is there");
        let segment = SegmentRef { key: key.clone(), size: meta.size, etag: meta.e_tag };
        let mut segment = Segment::open(&root, &segment, SegmentAccess::Auto, runtime.handle()).expect("it opens");
        for (offset, piece) in content.chunks(70_000).enumerate() {
            assert_eq!(segment.bytes(offset as u64 * 70_000, piece.len()).expect("it reads"), piece);
        }
        let reader = ObjectReader::open(&root, &key, runtime.handle()).expect("it opens");
        let mut tail = Vec::new();
        let tail_len = len.min(64);
        if tail_len > 0 {
            reader.read_at((len - tail_len) as u64, tail_len, &mut tail).expect("it reads");
        }
        assert_eq!(tail, content[len - tail_len..]);
    }
    assert_eq!(runtime.block_on(server.pending_uploads()), Vec::<String>::new());
}

#[test]
fn a_writer_never_takes_the_place_of_another_object() {
    let (server, runtime) = (Server::find(), runtime());
    let root = Root::of_store("s3://test", Arc::new(server.store()));
    // The lengths take a single request, and an upload in parts.
    for len in [1000, 20 << 20] {
        let key = format!("part-{len}");
        let write = |content: &[u8]| {
            let mut writer = ObjectWriter::begin(&root, &key, runtime.handle()).expect("it begins");
            content.chunks(1 << 20).for_each(|piece| writer.write(piece).expect("it is written"));
            writer.finish()
        };
        write(&content(len)).expect("the name is free");
        let refused = write(&vec![7; len]).expect_err("the name is taken");
        assert!(matches!(refused, StorageError::AlreadyExists { .. }), "{refused:?}");
        assert_eq!(runtime.block_on(root.read(&key)).expect("it is there"), content(len));
    }
    assert_eq!(runtime.block_on(server.pending_uploads()), Vec::<String>::new());
}

#[test]
fn an_upload_whose_completion_is_not_answered_is_known_again_as_our_own() {
    let (server, runtime) = (Server::find(), runtime());
    let proxy = FaultProxy::before(&server.endpoint);
    // The request is done but its answer is lost: the second try finds no upload, or an object in its way.
    proxy.inject("POST", "uploadId=", 1, Fault::LoseAnswer);
    let root = Root::of_store("s3://test", Arc::new(server.store_at(&proxy.endpoint())));
    let mut writer = ObjectWriter::begin(&root, "part", runtime.handle()).expect("it begins");
    content(20 << 20).chunks(1 << 20).for_each(|piece| writer.write(piece).expect("it is written"));
    let written = writer.finish().expect("it is ours");
    assert_eq!(runtime.block_on(root.read("part")).expect("it is there").len() as u64, written.size);
}

#[test]
fn a_writer_that_is_dropped_leaves_no_upload() {
    let (server, runtime) = (Server::find(), runtime());
    let root = Root::of_store("s3://test", Arc::new(server.store()));
    let mut writer = ObjectWriter::begin(&root, "part", runtime.handle()).expect("it begins");
    writer.write(&content(20 << 20)).expect("parts go up");
    drop(writer);
    assert_eq!(runtime.block_on(server.pending_uploads()), Vec::<String>::new());
    assert!(matches!(runtime.block_on(root.head("part")), Err(StorageError::NotFound { .. })));
}

#[test]
fn an_upload_that_fails_is_aborted_wherever_it_fails() {
    let (server, runtime) = (Server::find(), runtime());
    let denied = Fault::Answer(answer(403, "", &error_body("AccessDenied")));
    for (method, part) in [("PUT", "partNumber=1&"), ("PUT", "partNumber=3&"), ("POST", "uploadId=")] {
        let proxy = FaultProxy::before(&server.endpoint);
        proxy.inject(method, part, usize::MAX, denied.clone());
        let root = Root::of_store("s3://test", Arc::new(server.store_at(&proxy.endpoint())));
        let mut writer = ObjectWriter::begin(&root, "part", runtime.handle()).expect("it begins");
        let pieces = content(20 << 20);
        let written = pieces.chunks(1 << 20).try_for_each(|piece| writer.write(piece));
        let failed = match written {
            Ok(()) => writer.finish().map(drop),
            Err(error) => {
                drop(writer);
                Err(error)
            }
        };
        assert!(failed.is_err(), "{method} {part} fails");
        assert_eq!(runtime.block_on(server.pending_uploads()), Vec::<String>::new(), "{method} {part}");
    }
}

#[test]
fn uploads_that_nobody_finished_are_listed_over_pages_and_aborted() {
    let (server, runtime) = (Server::find(), runtime());
    let root = Root::of_bucket("s3://test", server.store());
    // A page has a thousand keys, so this takes more than one page.
    const COUNT: usize = 1003;
    let keys: Vec<_> = (0..COUNT).map(|at| format!("data/{at:04}.part")).collect();
    let begin = async |key: String| root.store().put_multipart(&Path::from(key)).await.expect("it begins");
    runtime.block_on(async {
        futures::stream::iter(keys.clone().into_iter().map(begin)).buffer_unordered(16).for_each(async |_| {}).await;
        begin("elsewhere/part".to_owned()).await;
    });

    let abandoned = |prefix: &str, before| runtime.block_on(root.abandoned_uploads(prefix, before)).expect("listed");
    let all = abandoned("data", i64::MAX);
    assert_eq!(all.iter().map(|upload| upload.key.clone()).collect::<Vec<_>>(), keys);
    assert_eq!(abandoned("", i64::MAX).len(), COUNT + 1);
    assert_eq!(abandoned("data", 0), [], "none is so old");

    let (kept, aborted) = all.split_at(2);
    let abort = |upload| root.abort_upload(upload);
    runtime.block_on(async {
        futures::stream::iter(aborted).map(abort).buffer_unordered(16).try_collect::<()>().await.expect("aborted");
        abort(&aborted[0]).await.expect("a second time is fine");
    });
    assert_eq!(abandoned("data", i64::MAX), kept);
}
