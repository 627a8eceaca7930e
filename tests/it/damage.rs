//! Damaged datasets: every reader names the object and the block, and exits with the code for damage; none returns a
//! wrong value.

use std::fs;

use serde_json::Value;
use tests::Place;
use tests::tailor::{Ended, code};

/// Options for a few series in one shard, raw and rolled up, with several blocks per part.
const DATA: &str = "--points 40000 --orgs 1 --partitions 1 --big-share 0 --kinds noisy";
const OPTIONS: &str = "--rollup 5m --partition-size 1GiB --window 2026-01-01T00:00:00Z/1d";

/// Number of places at which an object is damaged.
const PLACES: usize = 16;

/// Dataset, with the right results while it is undamaged.
struct Sound {
    place: Place,
    points: String,
    buckets: String,
}

impl Sound {
    fn new(options: &str) -> Self {
        let place = Place::generated(DATA);
        place.run(&format!("{OPTIONS} {options}")).done();
        let mut sound = Self { place, points: String::new(), buckets: String::new() };
        sound.points = sound.export("").expect("a sound dataset");
        if !options.contains("parquet") {
            sound.buckets = sound.export("--rollup 5m").expect("a sound dataset");
        }
        sound
    }

    /// Exports the dataset; returns the text, or the failed command, which must leave no file.
    fn export(&self, options: &str) -> Result<String, Ended> {
        let file = self.place.path().join("export.csv");
        let ended = self.place.dataset_verb("export", &format!("--format csv --to {} {options}", file.display()));
        let written = fs::read_to_string(&file);
        let _ = fs::remove_file(&file);
        match ended.code {
            Some(code::DONE) => Ok(written.expect("an export that is done is there")),
            _ => {
                assert!(written.is_err(), "an export that failed leaves no file");
                Err(ended)
            }
        }
    }

    /// Lists the keys of the objects whose names end with `ending`.
    fn keys(&self, ending: &str) -> Vec<String> {
        self.place.files("dataset").into_iter().filter(|key| key.ends_with(ending)).collect()
    }

    /// Replaces the bytes at `key` while `look` runs.
    fn with_damaged(&self, key: &str, damaged: &[u8], look: impl FnOnce()) {
        let (path, sound) = (self.place.dataset().join(key), self.place.object(key));
        fs::write(&path, damaged).expect("damage an object");
        look();
        fs::write(&path, sound).expect("mend it");
    }

    /// Asserts that every level of verification names the object.
    fn assert_found(&self, key: &str, what: &str) {
        for level in ["objects", "rows"] {
            let ended = self.place.dataset_verb("verify", &format!("-o json --level {level}")).expect(code::DIFFERENCE);
            let listed = ended.json()["differences"]["listed"].clone();
            let names = |difference: &Value| difference["place"].as_str().is_some_and(|place| place.contains(key));
            assert!(listed.as_array().is_some_and(|listed| listed.iter().any(names)), "{what} of {key}: {listed:#}");
        }
    }

    /// Asserts that a reader returned the right result, or ended with the code for damage and named the object;
    /// returns true for damage.
    fn assert_right_or_damaged(&self, given: Result<String, Ended>, right: &str, key: &str, what: &str) -> bool {
        match given {
            Ok(given) => {
                assert!(given == right, "{what} of {key}: a wrong value");
                false
            }
            Err(ended) => {
                let _ = ended.expect(code::DIFFERENCE).says(&[key]);
                true
            }
        }
    }
}

/// Places all over an object, its first and last bytes included.
fn places(len: usize) -> impl Iterator<Item = usize> {
    let spread = (0..PLACES).map(move |place| place * len / PLACES);
    let mut places: Vec<_> = spread.chain([7, 8, 9, 11, 12]).chain((1..=12).map(|back| len - back)).collect();
    places.retain(|place| *place < len);
    places.sort_unstable();
    places.dedup();
    places.into_iter()
}

fn flipped(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[at] ^= 1 << (at % 8);
    flipped
}

/// Variants of other lengths: a little shorter, half, empty, and longer.
fn other_lengths(bytes: &[u8]) -> [Vec<u8>; 5] {
    let cut = |len: usize| bytes[..len].to_vec();
    [cut(0), cut(1), cut(bytes.len() / 2), cut(bytes.len() - 1), [bytes, b"\0"].concat()]
}

#[test]
fn a_flipped_bit_anywhere_in_a_part_is_found_and_never_read_as_a_value() {
    let sound = Sound::new("");
    let [raw] = &sound.keys(".part").into_iter().filter(|key| !key.contains("rollup")).collect::<Vec<_>>()[..] else {
        panic!("one raw part")
    };
    let [rollup] = &sound.keys(".rollup-5m.part")[..] else { panic!("one rollup part") };
    for (key, options, right) in [(raw, "", &sound.points), (rollup, "--rollup 5m", &sound.buckets)] {
        let bytes = sound.place.object(key);
        let mut refused = 0;
        for at in places(bytes.len()) {
            let what = format!("byte {at} of {}", bytes.len());
            sound.with_damaged(key, &flipped(&bytes, at), || {
                sound.assert_found(key, &what);
                refused += u32::from(sound.assert_right_or_damaged(sound.export(options), right, key, &what));
            });
        }
        assert!(refused > 20, "an export reads every block, so it meets nearly every flip: {refused}");
    }
}

#[test]
fn damage_in_a_block_is_told_with_the_block_and_its_offset() {
    let sound = Sound::new("");
    let keys = sound.keys(".part");
    let raw = keys.iter().find(|key| !key.contains("rollup")).expect("a raw part");
    let bytes = sound.place.object(raw);
    sound.with_damaged(raw, &flipped(&bytes, bytes.len() / 2), || {
        let verified = sound.place.dataset_verb("verify", "").expect(code::DIFFERENCE);
        assert!(verified.stdout.contains(raw.as_str()), "{}", verified.stdout);
        assert!(verified.stdout.contains(" of block ") && verified.stdout.contains("at offset"), "{}", verified.stdout);
        let exported = sound.export("").expect_err("a block does not open");
        let _ =
            exported.expect(code::DIFFERENCE).says(&[raw, " of block ", "at offset", "checksum", "replay the shard"]);
    });
}

#[test]
fn one_series_reads_right_or_not_at_all() {
    let sound = Sound::new("");
    let keys = sound.keys(".part");
    let raw = keys.iter().find(|key| !key.contains("rollup")).expect("a raw part");
    let row = sound.points.lines().nth(1).expect("a row").split(',').collect::<Vec<_>>();
    let cat = || {
        let ended = sound.place.dataset_verb("cat", &format!("--org {} --metric {} -o json", row[0], row[1]));
        if ended.code == Some(code::DONE) { Ok(ended.stdout) } else { Err(ended) }
    };
    let right = cat().expect("a sound dataset");
    let bytes = sound.place.object(raw);
    let mut refused = 0;
    for at in places(bytes.len()) {
        sound.with_damaged(raw, &flipped(&bytes, at), || {
            refused += u32::from(sound.assert_right_or_damaged(cat(), &right, raw, &format!("byte {at}")));
        });
    }
    assert!(refused > 0, "its own block and the footer are among the places");
}

#[test]
fn a_part_of_another_length_is_found() {
    let sound = Sound::new("");
    for key in sound.keys(".part") {
        let (options, right) =
            if key.contains("rollup") { ("--rollup 5m", &sound.buckets) } else { ("", &sound.points) };
        let sound_bytes = sound.place.object(&key);
        for damaged in other_lengths(&sound_bytes) {
            let what = format!("{} bytes", damaged.len());
            sound.with_damaged(&key, &damaged, || {
                sound.assert_found(&key, &what);
                let is_refused = sound.assert_right_or_damaged(sound.export(options), right, &key, &what);
                assert!(
                    is_refused || damaged.len() > sound_bytes.len(),
                    "what is missing cannot be read: {what} of {key}"
                );
            });
        }
    }
}

#[test]
fn a_part_that_is_gone_is_named() {
    let sound = Sound::new("");
    let key = &sound.keys(".part")[0];
    fs::remove_file(sound.place.dataset().join(key)).expect("remove a part");
    sound.assert_found(key, "all");
    let options = if key.contains("rollup") { "--rollup 5m" } else { "" };
    let exported = sound.export(options).expect_err("a part is gone");
    let _ = exported.expect(code::DIFFERENCE).says(&[key, "is gone"]);
}

#[test]
fn a_damaged_parquet_part_is_found_and_never_read_as_a_value() {
    let sound = Sound::new("--format parquet");
    let keys = sound.keys(".parquet");
    let key = keys.iter().find(|key| !key.contains("rollup")).expect("a raw part");
    let bytes = sound.place.object(key);
    let flips = places(bytes.len()).map(|at| flipped(&bytes, at));
    for (ordinal, damaged) in flips.chain(other_lengths(&bytes)).enumerate() {
        let what = format!("damage {ordinal}");
        sound.with_damaged(key, &damaged, || {
            sound.assert_found(key, &what);
            sound.assert_right_or_damaged(sound.export(""), &sound.points, key, &what);
        });
    }
}

#[test]
fn a_damaged_manifest_is_found_by_every_reader() {
    let sound = Sound::new("");
    let [key] = &sound.place.manifest_keys()[..] else { panic!("one manifest") };
    let bytes = sound.place.object(key);
    let flips = places(bytes.len()).map(|at| flipped(&bytes, at));
    for (ordinal, damaged) in flips.chain(other_lengths(&bytes)).enumerate() {
        let what = format!("damage {ordinal}");
        sound.with_damaged(key, &damaged, || {
            let ended = sound.place.dataset_verb("verify", "--level manifest").expect(code::DIFFERENCE);
            assert!(ended.stdout.contains("manifests/"), "{what}: {}", ended.stdout);
            for options in ["", "--rollup 5m"] {
                let exported = sound.export(options).expect_err("a damaged manifest");
                let _ = exported.expect(code::DIFFERENCE).says(&[key]);
            }
            let cat = sound.place.dataset_verb("cat", "--org 7 --metric 1");
            let _ = cat.expect(code::DIFFERENCE).says(&[key]);
        });
    }
}

#[test]
fn a_shard_that_was_damaged_is_whole_again_when_it_is_run_again() {
    let sound = Sound::new("");
    let key = &sound.keys(".part")[0];
    fs::write(sound.place.dataset().join(key), b"damaged").expect("damage a part");
    sound.place.run(OPTIONS).done();
    assert_eq!(sound.export("").expect("the new version is sound"), sound.points);
}
