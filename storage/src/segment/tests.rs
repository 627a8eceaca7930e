use super::*;

fn fixture() -> (tempfile::TempDir, Root, SegmentRef, Vec<u8>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let content: Vec<u8> = (0..9_000_001u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(folder.path().join("a.seg"), &content).expect("a file");
    let root = Root::open(folder.path().to_str().expect("UTF-8")).expect("the folder");
    let segment = SegmentRef { key: "a.seg".to_owned(), size: content.len() as u64, etag: None };
    (folder, root, segment, content)
}

#[test]
fn both_ways_of_reading_give_the_same_bytes() {
    let (_folder, root, segment, content) = fixture();
    let runtime = tokio::runtime::Builder::new_multi_thread().build().expect("a runtime");
    for access in [SegmentAccess::Auto, SegmentAccess::Ranged] {
        let mut open = Segment::open(&root, &segment, access, runtime.handle()).expect("it is there");
        let mut offset = 0;
        while offset < content.len() {
            for len in [4, 70_000] {
                let end = (offset + len).min(content.len());
                assert_eq!(open.bytes(offset as u64, len).expect("it reads"), &content[offset..end]);
            }
            offset += 65_537;
        }
        assert_eq!(open.bytes(content.len() as u64, 8).expect("it reads"), b"");
        assert_eq!(open.bytes(3, 5).expect("back to the start"), &content[3..8]);
    }
}

#[test]
fn a_segment_that_shrinks_is_named() {
    let (folder, root, segment, _) = fixture();
    let runtime = tokio::runtime::Builder::new_multi_thread().build().expect("a runtime");
    for access in [SegmentAccess::Auto, SegmentAccess::Ranged] {
        let path = folder.path().join("a.seg");
        let object = std::fs::metadata(&path).expect("the file");
        let mut segment = segment.clone();
        segment.size = object.len();
        let mut open = Segment::open(&root, &segment, access, runtime.handle()).expect("it is there");
        open.bytes(0, 10).expect("it reads");
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("the file");
        file.set_len(object.len() - 4_000_000).expect("the file shrinks");
        let error = open.bytes(object.len() - 10, 10).expect_err("the segment changed").to_string();
        assert!(error.contains("a.seg"), "{error}");
        file.set_len(object.len()).expect("the file grows");
    }
}

#[test]
fn a_mapped_segment_that_is_cut_short_under_a_reader_is_torn_and_the_process_lives() {
    let (folder, root, segment, content) = fixture();
    let runtime = tokio::runtime::Builder::new_multi_thread().build().expect("a runtime");
    let path = folder.path().join("a.seg");
    for kept in [0usize, 100_000, 1_000_000] {
        std::fs::write(&path, &content).expect("a file");
        let mut open = Segment::open(&root, &segment, SegmentAccess::Auto, runtime.handle()).expect("it is there");
        let window = open.bytes(0, 4_000_000).expect("it reads");
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("the file");
        file.set_len(kept as u64).expect("the file shrinks");
        let gone = &window[kept.next_multiple_of(64 << 10)..];
        assert!(gone.iter().all(|byte| *byte == 0), "what is gone reads as zeros");
        let error = open.bytes(0, 1).expect_err("the segment changed").to_string();
        assert!(error.contains("a.seg") && error.contains(&format!("now {kept}")), "{error}");
    }
}
