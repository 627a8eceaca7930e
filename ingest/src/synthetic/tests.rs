use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use format::frame::{FrameDecoder, FrameFault, Frames};
use format::keys::segment_shard;
use format::payload::PayloadReader;
use prost::Message;
use storage::Root;

use super::*;

/// Settings for a few thousand payloads of every shape.
fn small() -> GenSettings {
    GenSettings {
        points: 120_000,
        points_per_series: 700,
        orgs: 70,
        hot_series_share: 0.1,
        tiny_series: 3000,
        partitions: 3,
        correction_share: 0.05,
        ..GenSettings::default()
    }
}

/// Generates every segment, by key, and the summary.
fn made(settings: &GenSettings) -> (BTreeMap<String, Vec<u8>>, GenSummary) {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let root = Root::create(&folder.path().display().to_string()).expect("a root");
    let heard = AtomicU64::new(0);
    let progress = |points| {
        heard.fetch_add(points, Ordering::Relaxed);
    };
    let summary =
        generate(settings, &SegmentOutput::new(root, runtime.handle().clone()), &progress).expect("it is made");
    assert_eq!(heard.into_inner(), summary.totals.points_emitted, "progress hears of every point");
    let mut files = BTreeMap::new();
    read_folder(folder.path(), "", &mut files);
    let sidecar = files.remove(SIDECAR).expect("the sidecar");
    assert_eq!(sidecar, serde_json::to_vec_pretty(&summary).expect("plain data"));
    (files, summary)
}

fn read_folder(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let key = format!("{prefix}{}", entry.file_name().display());
        if entry.path().is_dir() {
            read_folder(&entry.path(), &format!("{key}/"), files);
        } else {
            files.insert(key, std::fs::read(entry.path()).expect("a file"));
        }
    }
}

/// Walks a segment as a job with `--on-bad-frame quarantine` does.
fn read_segment(
    segment: &[u8],
    mut put: impl FnMut(u64, Result<&proto::v1::Payload, FrameFault>),
) -> Vec<(u64, u64, &'static str)> {
    let (mut source, mut decoder, mut reader) = (segment, FrameDecoder::default(), PayloadReader::default());
    let mut frames = Frames::new(&mut source, 0, segment.len() as u64);
    let mut faults = Vec::new();
    while let Some(frame) = frames.next().expect("memory") {
        let offset = frame.offset;
        let content = frame.body.and_then(|body| decoder.decode(body));
        let read = content.and_then(|content| reader.read(content).map(|payload| (payload, content)));
        match read {
            Ok((payload, content)) => {
                let message = proto::v1::Payload::decode(content).expect("prost reads what we read");
                assert_eq!((payload.key.org.0, payload.key.metric.0), (message.org_id, message.metric_id));
                assert!(payload.timestamps().eq(message.timestamps.iter().copied()));
                assert!(payload.values().map(f64::to_bits).eq(message.values.iter().map(|value| value.to_bits())));
                assert_eq!(payload.metadata, message.metadata);
                put(offset, Ok(&message));
            }
            Err(fault) => {
                let name = fault.name();
                put(offset, Err(fault));
                let range = frames.reject().expect("memory");
                faults.push((range.start, range.len(), name));
            }
        }
    }
    faults
}

#[test]
fn the_bytes_do_not_depend_on_the_number_of_threads() {
    let plant = DamageKind::all().map(|kind| Damage { kind, count: 2 }).collect();
    let settings = GenSettings { plant, ..small() };
    let [one, three] = [1, 3].map(|threads| made(&GenSettings { threads, ..settings.clone() }));
    assert_eq!(one.0, three.0);
    assert_eq!(one.1.totals, three.1.totals);
    assert_eq!(one.1.damages, three.1.damages);
    let other = made(&GenSettings { seed: 2, ..settings });
    assert_ne!(one.0, other.0);
}

#[test]
fn the_totals_are_what_a_reader_finds() {
    let (segments, summary) = made(&small());
    let mut series = BTreeMap::<_, BTreeSet<i64>>::new();
    let mut found = GenTotals { segments: segments.len() as u64, ..GenTotals::default() };
    for (key, segment) in &segments {
        let shard = segment_shard(key).expect("a key").expect("a segment").to_string();
        found.bytes += segment.len() as u64;
        let faults = read_segment(segment, |_, payload| {
            let payload = payload.expect("nothing is planted");
            found.payloads += 1;
            found.points_emitted += payload.values.len() as u64;
            let is_big = payload.org_id == BIG_ORG;
            assert_eq!(
                shard,
                if is_big { "org-1000000".into() } else { format!("org-mod-{:02}", payload.org_id % 64) }
            );
            series.entry((payload.org_id, payload.metric_id)).or_default().extend(&payload.timestamps);
        });
        assert_eq!(faults, []);
    }
    found.series = series.len() as u64;
    found.points_unique = series.values().map(|timestamps| timestamps.len() as u64).sum();
    let GenTotals { corrections, payloads_again, .. } = summary.totals;
    assert_eq!(GenTotals { corrections, payloads_again, ..found }, summary.totals);
    assert!(corrections > 100 && payloads_again > 5, "{:?}", summary.totals);
    let mut of_shards = GenTotals::default();
    summary.shards.values().for_each(|totals| of_shards.add(totals));
    assert_eq!(of_shards, summary.totals);
}

#[test]
fn each_damage_is_met_where_and_as_the_sidecar_says_and_nothing_else_is_lost() {
    let plant = DamageKind::all().map(|kind| Damage { kind, count: 4 }).collect();
    let settings = GenSettings { plant, ..small() };
    let (segments, summary) = made(&settings);
    assert_eq!(summary.damages.len(), 17 * 4);
    let (mut payloads, mut points) = (0, 0);
    for (key, segment) in &segments {
        let planted: Vec<_> = summary.damages.iter().filter(|damage| damage.segment == *key).collect();
        let faults = read_segment(segment, |offset, payload| {
            let Ok(payload) = payload else { return };
            if let Some(damage) = planted.iter().find(|damage| damage.offset == offset) {
                assert_eq!(damage.points, payload.values.len() as u64);
                check_sound(damage, payload, key, &settings);
            } else {
                payloads += 1;
                points += payload.values.len() as u64;
            }
        });
        let is_fault = |damage: &&&PlantedDamage| !["misplaced", "early-late", "empty"].contains(&damage.expected);
        let expected = planted.iter().filter(is_fault).map(|damage| (damage.offset, damage.length, damage.expected));
        assert_eq!(faults, expected.collect::<Vec<_>>(), "{key}");
    }
    assert_eq!((payloads, points), (summary.totals.payloads, summary.totals.points_emitted));
}

/// Checks a damage that leaves the frame sound.
fn check_sound(damage: &PlantedDamage, payload: &proto::v1::Payload, key: &str, settings: &GenSettings) {
    let shard = segment_shard(key).expect("a key").expect("a segment");
    match damage.expected {
        "misplaced" => assert_ne!(shard, model::ShardId::Shared((payload.org_id % 64) as u8)),
        "early-late" => {
            let late = payload.timestamps.iter().filter(|at| **at > settings.start_ms);
            assert_eq!((late.count(), payload.timestamps.len()), (2, 4));
        }
        "empty" => assert!(payload.values.is_empty()),
        other => panic!("a frame with {other} is read"),
    }
}

#[test]
fn payloads_of_a_series_are_scattered_over_segments_and_some_are_late() {
    let (segments, _) = made(&small());
    let (mut homes, mut late, mut payloads) = (BTreeMap::<_, BTreeSet<_>>::new(), 0, 0);
    for (key, segment) in &segments {
        let mut reached = BTreeMap::new();
        read_segment(segment, |_, payload| {
            let payload = payload.expect("nothing is planted");
            let series = (payload.org_id, payload.metric_id);
            homes.entry(series).or_default().insert(key);
            let start = payload.timestamps[0];
            let before = reached.insert(series, start).unwrap_or(i64::MIN);
            late += u64::from(start < before);
            payloads += 1;
        });
    }
    assert!(homes.values().filter(|homes| homes.len() == 3).count() > 100, "in all three segments of a shard");
    assert!(late * 200 > payloads && late * 20 < payloads, "{late} of {payloads} come after a later one");
}

/// The data is frozen by content, not by zstd's bytes: a seed names the same data in every later build.
#[test]
fn the_data_of_a_seed_is_frozen() {
    let mut digester = format::digest::Digester::new();
    for (key, segment) in made(&small()).0 {
        digester.update(key.as_bytes());
        read_segment(&segment, |_, payload| digester.update(&payload.expect("nothing is planted").encode_to_vec()));
    }
    assert_eq!(digester.finish().to_string(), "f62a95a7949788fc31f7287e5b84d54b");
}

#[test]
fn corrections_have_other_values_than_what_they_correct() {
    let (segments, summary) = made(&GenSettings { duplicate_share: 0.0, ..small() });
    let mut seen = BTreeMap::<_, BTreeSet<u64>>::new();
    for segment in segments.values() {
        read_segment(segment, |_, payload| {
            let payload = payload.expect("nothing is planted");
            for (timestamp, value) in payload.timestamps.iter().zip(&payload.values) {
                seen.entry((payload.org_id, payload.metric_id, *timestamp)).or_default().insert(value.to_bits());
            }
        });
    }
    let corrected = seen.values().filter(|values| values.len() > 1).count();
    assert_eq!(corrected as u64, summary.totals.corrections);
}

#[test]
fn more_damage_than_there_is_room_for_is_refused() {
    let plant = vec![Damage { kind: DamageKind::TornFrame, count: 100_000 }];
    let settings = GenSettings { plant, ..small() };
    let streams = layout::streams(&settings);
    let error = plan::plan(&settings, &streams).expect_err("one torn end a segment");
    assert_eq!(error.kind, "torn-frame");
}

#[test]
fn a_place_that_is_not_empty_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("old.seg"), b"").expect("a file");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let root = Root::create(&folder.path().display().to_string()).expect("a root");
    let refused =
        generate(&small(), &SegmentOutput::new(root, runtime.handle().clone()), &|_| ()).expect_err("old data");
    assert!(matches!(&refused, GenError::NotEmpty { object } if object.ends_with("/old.seg")), "{refused}");
}

#[test]
fn the_first_failure_of_the_store_stops_every_thread() {
    let settings = small();
    let streams = layout::streams(&settings);
    let segments = plan::plan(&settings, &streams).expect("nothing is planted");
    let folder = tempfile::tempdir().expect("a folder");
    let spread = segments[9].key.split('/').next().expect("a first component");
    std::fs::write(folder.path().join(spread), b"a file where a folder should be").expect("a file");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let root = Root::create(&folder.path().display().to_string()).expect("a root");
    let output = SegmentOutput::new(root, runtime.handle().clone());
    let failed = run::run(&settings, &segments, &output, 3, &|_| ()).expect_err("a segment that cannot be written");
    assert!(failed.to_string().contains(&segments[9].key), "{failed}");
}

/// Returns the values of some series of one kind, each whole and in order.
fn values_of(kind: SeriesKind) -> Vec<Vec<f64>> {
    let settings = GenSettings { kinds: vec![kind], points: 200 * 1440, ..GenSettings::default() };
    let streams = layout::streams(&settings);
    let stream = &streams[0];
    let of_series = |index| {
        let series = series::Series::new(&settings, stream, index);
        let mut points = series::Points::default();
        (0..series::slices(1440, settings.payload_points)).for_each(|slice| series.write(slice, &mut points));
        assert!(points.timestamps.is_sorted() && points.timestamps.len() == 1440);
        points.values
    };
    (0..stream.series).map(of_series).collect()
}

/// Returns the differences between neighbours.
fn steps(values: &[f64]) -> impl Iterator<Item = f64> {
    values.windows(2).map(|pair| pair[1] - pair[0])
}

#[test]
fn walks_are_continuous_over_slices_and_use_the_whole_width_of_their_steps() {
    for (kind, unit, low, high) in [(SeriesKind::Gauge, 0.01, -135.0, 135.0), (SeriesKind::Counter, 1.0, -60.0, 260.0)]
    {
        let all = values_of(kind);
        let steps: Vec<f64> = all.iter().flat_map(|values| steps(values)).map(|step| (step / unit).round()).collect();
        assert!(steps.iter().all(|step| (low..=high).contains(step)), "{kind:?} jumps");
        let distinct: BTreeSet<i64> = steps.iter().map(|step| *step as i64).collect();
        assert!(distinct.len() > 170, "{kind:?} has steps of {} sizes", distinct.len());
        let backwards = steps.iter().filter(|step| **step < 0.0).count() as f64 / steps.len() as f64;
        assert!(kind == SeriesKind::Gauge || backwards < 0.01, "{kind:?} goes back {backwards}");
    }
}

#[test]
fn the_other_kinds_are_what_their_names_say() {
    assert!(values_of(SeriesKind::Constant).iter().all(|values| steps(values).all(|step| step == 0.0)));
    let noisy: BTreeSet<u64> =
        values_of(SeriesKind::Noisy).iter().flatten().map(|value| value.to_bits() & 0xffff).collect();
    assert!(noisy.len() > 1440, "low bits are random: {}", noisy.len());
    let sparse = values_of(SeriesKind::Sparse).concat();
    let zeros = sparse.iter().filter(|value| **value == 0.0).count() as f64 / sparse.len() as f64;
    assert!((0.93..0.97).contains(&zeros) && sparse.iter().all(|value| (0.0..=9.0).contains(value)), "{zeros}");
}

#[test]
fn damages_and_kinds_parse_back_from_their_names() {
    for kind in DamageKind::all() {
        assert_eq!(kind.name().parse(), Ok(kind));
        assert_eq!(format!("{kind}=3").parse(), Ok(Damage { kind, count: 3 }));
    }
    assert_eq!("bomb".parse(), Ok(Damage { kind: DamageKind::Bomb, count: 1 }));
    assert!("bomb=x".parse::<Damage>().is_err() && "bombs".parse::<Damage>().is_err());
    for (kind, _, name) in SeriesKind::ALL {
        assert_eq!(name.parse(), Ok(kind));
    }
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let bad = [
        GenSettings { points: 0, ..Default::default() },
        GenSettings { big_share: 1.5, ..Default::default() },
        GenSettings { skew: f64::NAN, ..Default::default() },
        GenSettings { kinds: Vec::new(), ..Default::default() },
        GenSettings { interval_ms: u64::MAX, ..Default::default() },
        GenSettings { payload_points: 1, ..Default::default() },
        GenSettings { series: Some(0), ..Default::default() },
    ];
    let named = bad.map(|settings| settings.validate().expect_err("a bad setting").setting);
    assert_eq!(named, ["points", "big_share", "skew", "kinds", "interval_ms", "payload_points", "series"]);
    assert_eq!(GenSettings::default().validate(), Ok(()));
}
