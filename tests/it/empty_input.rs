//! Empty input: an empty segment and an empty shard are processed, and a manifest says so; an input without segments
//! is an error.

use tests::place::number;
use tests::tailor::{code, tailor};
use tests::{Place, SegmentBuilder};

#[test]
fn an_empty_segment_is_processed_and_stands_in_the_manifest() {
    let place = Place::new();
    place.put_segment("a/shard=org-mod-05/empty.seg", b"");
    place.run("--rollup 5m").done();
    let [manifest] = &place.manifests()[..] else { panic!("one manifest") };
    assert_eq!(manifest["inputs"][0]["key"], "a/shard=org-mod-05/empty.seg");
    assert_eq!(number(manifest, "/inputs/0/size"), 0);
    assert_eq!(number(manifest, "/books/map/frames_read"), 0);
    place.dataset_verb("verify", "--level rows").done();
}

#[test]
fn an_empty_segment_beside_others_takes_nothing_from_them() {
    let place = Place::new();
    place.put_segment("shard=org-mod-05/0.seg", b"");
    place.put_segment("shard=org-mod-05/1.seg", SegmentBuilder::new().points((5, 1), &[(1000, 1.0)]).build());
    place.put_segment("shard=org-mod-05/2.seg", b"");
    place.run("").done();
    let [manifest] = &place.manifests()[..] else { panic!("one manifest") };
    assert_eq!(manifest["inputs"].as_array().map(Vec::len), Some(3));
    assert_eq!(number(manifest, "/books/reduce/points_written"), 1);
}

#[test]
fn a_shard_that_is_named_and_has_no_segments_gets_a_manifest_of_nothing() {
    let place = Place::generated("--points 1000 --orgs 1 --big-share 0");
    let report = place.run("--shard org-mod-05").done().json();
    assert_eq!(report["shards"].as_array().map(Vec::len), Some(1), "the others were not asked for");
    let [manifest] = &place.manifests()[..] else { panic!("one manifest") };
    assert_eq!(manifest["shard"], "org-mod-05");
    for list in ["inputs", "partitions", "quarantine"] {
        assert_eq!(manifest[list].as_array().map(Vec::len), Some(0), "{list}");
    }
    place.dataset_verb("verify", "--level rows").done();
}

#[test]
fn no_input_at_all_is_not_found_and_the_prefix_is_named() {
    let place = Place::new();
    let prefix = place.input().display().to_string();
    for options in ["", "--shard org-mod-05"] {
        place.run(options).expect(code::NOT_FOUND).says(&["no segments under", &prefix, "check the prefix"]);
        place.assert_nothing_committed();
    }
    std::fs::write(place.input().join("shard=org-mod-05.txt"), "no segment").expect("write a file");
    place.run("").expect(code::NOT_FOUND).says(&[&prefix]);
    let gone = place.path().join("elsewhere").display().to_string();
    let ended = tailor(&format!("run --input {gone} --dataset {}", place.dataset().display())).run();
    ended.expect(code::NOT_FOUND).says(&[&gone, "does not exist"]);
}

#[test]
fn a_segment_whose_shard_cannot_be_told_is_an_error_never_left_out() {
    let place = Place::generated("--points 1000 --orgs 1 --big-share 0");
    place.put_segment("shard=org-mod-99/a.seg", b"");
    place.run("").expect(code::FAILED).says(&["shard=org-mod-99/a.seg", "lost in silence"]);
    place.assert_nothing_committed();
}
