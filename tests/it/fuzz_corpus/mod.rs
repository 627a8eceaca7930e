//! Replays the fuzzers' seeds: their properties must still hold.

use std::path::{Path, PathBuf};

mod admitted; //  input from others: specs, reports, records, messages, runs
mod collected; // output of collectors

use ingest::segment::FrameEncoder;
use model::SeriesKey;
use proptest::collection::vec;
use proptest::prelude::*;
use tests::fuzz;
use tests::segments::{Flaw, Message, Sent, SentSegment, decoy_frames};

type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 12] = [
    ("frames", fuzz::frames),
    ("payload", fuzz::payload),
    ("part", fuzz::part),
    ("manifest", fuzz::manifest),
    ("shard_map", fuzz::shard_map),
    ("csv", fuzz::csv),
    ("otlp", fuzz::otlp),
    ("spec", fuzz::spec),
    ("report", fuzz::report),
    ("state_record", fuzz::state_record),
    ("wire", fuzz::wire),
    ("run", fuzz::run),
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads the seeds of a target, in order.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = repository().join("fuzz/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a seed")).collect()
}

#[test]
fn every_seed_of_every_fuzz_target_holds() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        assert!(!seeds.is_empty(), "{name} has seeds");
        seeds.iter().for_each(|seed| target(seed));
    }
}

proptest! {
    #[test]
    fn every_fuzz_target_holds_near_its_seeds(
        seed in any::<prop::sample::Index>(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        for (name, target) in TARGETS {
            let seeds = seeds(name);
            let mut bytes = seed.get(&seeds).clone();
            let len = bytes.len();
            if len > 0 {
                changes.iter().for_each(|(at, byte)| bytes[at.index(len)] = *byte);
                bytes.truncate(cut.map_or(len, |cut| cut.index(len)));
            }
            target(&bytes);
        }
    }
}

/// Compares a seed with the output of today's writer; writes it if requested.
fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder = repository().join("fuzz/corpus").join(target);
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(name), bytes).expect("a seed");
    }
    let seed = std::fs::read(folder.join(name)).expect("the seed is committed");
    assert!(seed == bytes, "{target}/{name} is not what is written today: WRITE_GOLDEN=1 writes it again");
}

/// Good inputs of every kind, as a start for a fuzzer. `WRITE_GOLDEN=1` writes them again when a format has changed.
#[test]
fn the_seeds_are_what_today_s_writers_write() {
    let message = |metric: u64, metadata: Vec<u8>, is_stored| {
        let points = (0..5).map(|at| (1_700_000_000_000 + at * 10_000, (at as f64).to_bits())).collect();
        Sent::Payload(Message { key: SeriesKey::new(1, metric), points, metadata, is_stored })
    };
    let flaws = [Flaw::Corrupt, Flaw::NotPayload, Flaw::MissingOrg, Flaw::UnequalArrays, Flaw::Bomb];
    for (name, sent) in [
        ("good", (1..7).map(|metric| message(metric, b"host:a".to_vec(), metric % 2 == 0)).collect()),
        ("bad", flaws.map(Sent::BadFrame).into_iter().chain([message(1, Vec::new(), false)]).collect()),
        ("decoy", vec![message(1, decoy_frames(), true), Sent::Garbage(vec![0; 9]), message(2, Vec::new(), true)]),
        ("empty", Vec::new()),
    ] {
        write("frames", name, &SentSegment { key: String::new(), sent }.bytes());
    }
    let mut frame = Vec::new();
    FrameEncoder::new(1).payload(SeriesKey::new(1, 2), &[3, 4], &[0.5, -0.0], b"host:a", &mut frame);
    let mut decoder = format::frame::FrameDecoder::default();
    write("payload", "whole", decoder.decode(&frame[4..]).expect("a good frame"));
    let in_pieces = [0x25, 9, 0, 0, 0, 8, 1, 16, 2, 0x19, 1, 0, 0, 0, 0, 0, 0, 0, 0x19, 2, 0, 0, 0, 0, 0, 0, 0];
    let values = [0x22, 16, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
    write("payload", "in-pieces", &[&in_pieces[5..], &values].concat());
    for golden in
        ["raw-packed.part", "raw-pco.part", "rollup-packed.part", "rollup-pco.part", "tiny.part", "empty.part"]
    {
        let bytes = std::fs::read(repository().join("format/golden/v1").join(golden)).expect("a golden part");
        write("part", golden, &bytes);
    }
    let manifest = std::fs::read(repository().join("format/golden/v1/manifest.json")).expect("a golden manifest");
    write("manifest", "golden.json", &manifest);
    let default = std::fs::read(repository().join("shard-config/default.toml")).expect("the default map");
    write("shard_map", "default.toml", &default);
    let dedicated =
        "version = 2\nshared_shards = 64\n[[dedicated]]\norgs = [7, 64]\nreason = \"large\"\nsince = \"2026\"\n";
    write("shard_map", "dedicated.toml", dedicated.as_bytes());
    let (first, second) = ("2024-03-01T00:00:00Z", "2024-03-01T00:01:00Z");
    for (name, text) in [
        ("plain", format!("time,a,b\n{first},1,2\n{second},,3\n")),
        ("quoted", format!("time,\"a,\"\"b\"\"\"\r\n\"{first}\",\"1\"\r\n\r\n{second},2")),
        ("unclosed", format!("time,a\n{first},1\n{second},\"2\n{first},3\n")),
        ("stray", format!("#c\rtime,a\r{first},5\"\r{second},\"6\"x\r{first},,7\r")),
    ] {
        write("csv", name, text.as_bytes());
    }
}
