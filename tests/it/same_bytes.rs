//! The same plan gives the same bytes (DT-3): workers, memory, the way of reading, and a second run do not show in a
//! part.

use format::frame::ZSTD_MAGIC;
use serde_json::Value;
use tests::place::{content_digests, number};
use tests::{Place, SegmentBuilder};

const DATA: &str = "--points 600000 --orgs 5 --partitions 2 --big-share 0.2 --hot-series-share 0.1 --tiny-series 2000 --duplicates 0.02";
const OPTIONS: &str = "--rollup 1m,5m --partition-size 512KiB --split-size 256KiB";

/// Lists the digests of the raw and rollup parts of a manifest, in order.
fn part_digests(manifest: &Value) -> Vec<String> {
    let mut digests = vec![manifest["shard"].to_string()];
    for partition in manifest["partitions"].as_array().expect("a list") {
        digests.push(partition.pointer("/raw/digest").unwrap_or(&Value::Null).to_string());
        let rollups = partition["rollups"].as_array().expect("a list");
        digests.extend(rollups.iter().map(|rollup| rollup.pointer("/object/digest").expect("a digest").to_string()));
    }
    digests
}

#[test]
fn workers_memory_and_reading_do_not_show_in_the_output() {
    let place = Place::generated(DATA);
    let mut expected = None;
    for workers in [1, 2, 3] {
        for (memory, read) in [("96MiB", "ranged"), ("96MiB", "auto"), ("1GiB", "ranged"), ("1GiB", "auto")] {
            let resources = format!("--workers {workers} --memory {memory} --read {read}");
            place.run(&format!("{OPTIONS} {resources}")).done();
            let digests: Vec<_> = place.manifests().iter().map(part_digests).collect();
            assert!(digests.len() > 3 && digests.iter().flatten().count() > 20, "shards and partitions: {digests:?}");
            assert_eq!(*expected.get_or_insert_with(|| digests.clone()), digests, "{resources}");
            std::fs::remove_dir_all(place.dataset()).expect("remove the dataset");
        }
    }
}

#[test]
fn the_smallest_memory_spills_and_gives_the_same_bytes() {
    let place = Place::generated("--points 3000000 --orgs 1 --partitions 2 --big-share 0 --kinds noisy");
    let digests = |memory: &str| {
        let report = place.run(&format!("--rollup 5m --workers 2 --memory {memory}")).done().json();
        std::fs::remove_dir_all(place.dataset()).expect("remove the dataset");
        content_digests(&report)
    };
    assert_eq!(digests("64MiB"), digests("1GiB"));
}

#[test]
fn running_a_job_again_gives_the_next_version_with_the_same_content() {
    let place = Place::generated(DATA);
    let runs = [1, 2, 3].map(|version| {
        let report = place.run(&format!("{OPTIONS} --job same")).done().json();
        for shard in report["shards"].as_array().expect("a list") {
            assert_eq!(number(shard, "/version"), version, "{shard:#}");
        }
        content_digests(&report)
    });
    assert!(runs[0] == runs[1] && runs[1] == runs[2]);
    for manifest in place.manifests() {
        let version = number(&manifest, "/version");
        assert_eq!(manifest["replaces"].as_u64(), (version > 1).then(|| version - 1));
    }
    for (shard, _) in &runs[0] {
        place.dataset_verb("diff", &format!("--shard {shard} --before 1 --after 3")).done();
    }
    place.dataset_verb("verify", "--level rows").done();
}

#[test]
fn jobs_that_run_at_the_same_time_each_commit_a_version_of_the_same_content() {
    let place = Place::generated(DATA);
    let jobs = ["one", "two", "three"];
    let running = jobs.map(|job| place.job("run", &format!("-o json {OPTIONS} --job {job}")).spawn());
    let reports = running.map(|job| job.wait().done().json());
    let digests = reports.each_ref().map(content_digests);
    assert!(digests[0] == digests[1] && digests[1] == digests[2]);
    for (at, (shard, _)) in digests[0].iter().enumerate() {
        let mut versions = reports.each_ref().map(|report| number(report, &format!("/shards/{at}/version")));
        versions.sort_unstable();
        assert_eq!(versions, [1, 2, 3], "{shard}");
    }
    place.dataset_verb("verify", "--level rows").done();
    assert!(!place.dataset().join("scratch").exists(), "the last one takes the folder along");
}

#[test]
fn the_oracle_agrees_with_every_rule_for_duplicates() {
    let place = Place::generated(DATA);
    for rule in ["last", "first", "max", "min", "sum", "keep"] {
        place.run(&format!("{OPTIONS} --duplicates {rule}")).done();
        let oracle = format!("--level oracle --input {}", place.input().display());
        place.dataset_verb("verify", &oracle).done();
    }
}

/// Builds a segment of some 22 MiB: small frames, and one of 4 MiB whose values imitate a length and the magic of
/// zstd.
fn segment_full_of_imitations() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(9);
    let mut series = |metric: u64, count: i64, every: i64, segment: SegmentBuilder| {
        let values = |at: i64| {
            let bits = if every > 0 && at % every == 0 {
                // The bytes as they lie in the payload: a length of up to 8 MiB, then the magic.
                let length = random.u32(9..8 << 20).to_be_bytes();
                u64::from_le_bytes([&length[..], &ZSTD_MAGIC].concat().try_into().expect("eight bytes"))
            } else {
                // The values have no pattern that zstd finds, and no NaN.
                random.u64(..) & 0xbfff_ffff_ffff_ffff
            };
            (at * 1000 + 7 * metric as i64 % 1000, f64::from_bits(bits))
        };
        let points: Vec<_> = (0..count).map(values).collect();
        segment.points((64, metric), &points)
    };
    let mut segment = SegmentBuilder::new();
    for metric in 1..500 {
        segment = series(metric, 2000, 0, segment);
    }
    segment = series(500, 1 << 18, 32, segment);
    for metric in 501..1000 {
        segment = series(metric, 2000, 0, segment);
    }
    segment.build()
}

#[test]
fn values_that_imitate_frames_cost_no_reading() {
    let segment = segment_full_of_imitations();
    let imitations = segment.windows(4).filter(|window| *window == ZSTD_MAGIC).count();
    assert!(imitations > 5000, "zstd leaves only {imitations} magics");
    let (place, size) = (Place::new(), segment.len() as u64);
    place.put_segment("shard=org-mod-00/a.seg", segment);
    // The kernel adds a process's reads to the account of the shell that waited for it.
    let job = place.job("run", "--read ranged --workers 1 --split-size 1MiB --memory 1GiB");
    let ended = job.counting_reads().run().done();
    let read = ended.stdout.lines().find_map(|line| line.strip_prefix("rchar: ")).expect("the shell's account");
    let read: u64 = read.trim().parse().expect("a number");
    // Each split is read twice, plus one window and the piece that is read ahead; runs, parts and the binary's own
    // files come on top.
    let splits = size.div_ceil(1 << 20);
    let most = 2 * size + splits * (4 << 20) + 5 * (32 << 20) + 4 * size;
    assert!(read <= most, "{read} bytes read of a segment of {size}, over {most}");
    place.run("--read auto").done();
    let digests: Vec<_> = place.manifests().iter().map(|manifest| manifest["content_digest"].to_string()).collect();
    assert!(digests.windows(2).all(|pair| pair[0] == pair[1]), "{digests:?}");
}
