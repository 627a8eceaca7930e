use format::manifest::Manifest;
use model::{Columns, PartitionId, SeriesKey};

use super::*;
use crate::fixture::{Fixture, Output};

async fn verified(fixture: &Fixture, level: Level) -> Verification {
    let oracle = Some(OracleOptions { input: fixture.input.clone(), memory_bytes: 1 << 20 });
    let options = VerifyOptions { level, oracle, ..VerifyOptions::default() };
    verify(&fixture.catalog, &options).await.expect("a folder does not fail")
}

/// Changes an output, commits it, and returns the classes that a level finds.
async fn classes(level: Level, bend: impl FnOnce(&mut Output)) -> Vec<(Class, u64)> {
    let fixture = Fixture::new();
    let mut output = fixture.output().await;
    bend(&mut output);
    fixture.commit(&output).await;
    verified(&fixture, level).await.differences.by_class.into_iter().collect()
}

fn first_raw(manifest: &Manifest) -> &str {
    let raw = manifest.partitions.iter().find_map(|entry| entry.raw.as_ref());
    &raw.expect("the fixture has points").key
}

#[tokio::test]
async fn a_sound_dataset_is_clean_at_every_level() {
    let (fixture, _, _) = Fixture::committed().await;
    for (_, level) in Level::ALL {
        let verification = verified(&fixture, level).await;
        assert!(verification.is_clean(), "{level}: {:#?}", verification.differences);
        assert_eq!(verification.warnings, Vec::<String>::new());
    }
    let checked = verified(&fixture, Level::Rows).await.checked;
    assert_eq!((checked.manifests, checked.series, checked.points, checked.rollup_rows), (1, 8, 80, 16));
}

#[tokio::test]
async fn any_flipped_byte_of_a_part_is_found_and_its_block_or_footer_is_named() {
    let (fixture, _, manifest) = Fixture::committed().await;
    let key = first_raw(&manifest);
    let path = fixture.object_path(key);
    let sound = std::fs::read(&path).expect("the part is there");
    for at in 0..sound.len() {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).expect("the folder is ours");
        let found = verified(&fixture, Level::Objects).await.differences;
        let classes: Vec<_> = found.by_class.keys().copied().collect();
        assert_eq!(classes, [Class::ObjectDigest, Class::Block], "byte {at}: {found:#?}");
        assert!(found.listed.iter().all(|difference| difference.place == key));
        assert!(
            found.listed[1].detail.contains("block 0 at")
                || found.listed[1].detail.contains("footer")
                || found.listed[1].detail.contains("magic"),
            "byte {at}: {}",
            found.listed[1].detail
        );
    }
}

#[tokio::test]
async fn a_truncated_or_removed_object_is_found_at_each_level() {
    let (fixture, _, manifest) = Fixture::committed().await;
    let path = fixture.object_path(first_raw(&manifest));
    let sound = std::fs::read(&path).expect("the part is there");
    std::fs::write(&path, &sound[..sound.len() - 1]).expect("the folder is ours");
    let classes = |verification: Verification| verification.differences.by_class.into_keys().collect::<Vec<_>>();
    assert_eq!(classes(verified(&fixture, Level::Objects).await), [Class::ObjectSize]);
    std::fs::remove_file(&path).expect("it is there");
    assert_eq!(classes(verified(&fixture, Level::Objects).await), [Class::ObjectMissing]);
    assert_eq!(classes(verified(&fixture, Level::Rows).await), [Class::ObjectMissing]);
}

#[tokio::test]
async fn a_flipped_bit_of_a_manifest_is_found() {
    let (fixture, _, manifest) = Fixture::committed().await;
    let path = fixture.object_path(&crate::catalog::name_of(&manifest).to_string());
    let sound = std::fs::read(&path).expect("the manifest is there");
    for at in (0..sound.len()).step_by(29).chain([sound.len() - 1]) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).expect("the folder is ours");
        let found = verified(&fixture, Level::Manifest).await.differences;
        assert_eq!(found.by_class.into_iter().collect::<Vec<_>>(), [(Class::Manifest, 1)], "byte {at}");
    }
}

#[tokio::test]
async fn a_stray_a_renamed_manifest_and_a_gap_between_versions_are_found() {
    let (fixture, mut output, manifest) = Fixture::committed().await;
    let folder = fixture.object_path("manifests/window=0-600000/shard=org-mod-07");
    std::fs::write(folder.join("notes.txt"), "hello").expect("the folder is ours");
    std::fs::write(folder.join("v00002.json"), manifest.to_bytes()).expect("the folder is ours");
    output.version = 4;
    fixture.commit(&output).await;
    let found = verified(&fixture, Level::Manifest).await.differences;
    assert_eq!(found.by_class.into_iter().collect::<Vec<_>>(), [(Class::Manifest, 2), (Class::Version, 1)]);
}

#[tokio::test]
async fn partitions_that_are_not_each_there_once_are_found() {
    let found = classes(Level::Manifest, |output| {
        output.on_manifest = |manifest| manifest.partitions[1].partition = PartitionId(2);
    });
    assert_eq!(found.await, [(Class::Partitions, 1)]);
}

#[tokio::test]
async fn books_that_lose_a_point_are_found() {
    let found = classes(Level::Manifest, |output| output.on_manifest = |manifest| manifest.books.map.points_read += 1);
    assert_eq!(found.await, [(Class::Books, 1)]);
    let found = classes(Level::Manifest, |output| {
        output.on_manifest = |manifest| {
            manifest.books.reduce.points_written -= 1;
            manifest.books.reduce.points_duplicate += 1;
        };
    });
    assert_eq!(found.await, [(Class::Books, 1)]);
}

#[tokio::test]
async fn a_wrong_count_is_found() {
    let found = classes(Level::Rows, |output| {
        output.on_manifest = |manifest| {
            let extent = manifest.partitions.iter_mut().find_map(|entry| entry.extent.as_mut());
            extent.expect("the fixture has points").time_max_ms += 1;
        };
    });
    assert_eq!(found.await, [(Class::Count, 1)]);
}

#[tokio::test]
async fn two_points_of_one_instant_are_found_where_duplicates_are_not_kept() {
    let bend = |output: &mut Output| {
        let (_, points) = output.series.get_mut(&SeriesKey::new(7, 1)).expect("a series of the fixture");
        points.timestamps[1] = points.timestamps[0];
    };
    assert_eq!(classes(Level::Rows, bend).await, [(Class::Order, 1)]);
    let kept = classes(Level::Rows, |output| {
        bend(output);
        output.settings.duplicates = model::DuplicateRule::Keep;
    });
    assert_eq!(kept.await, []);
}

#[tokio::test]
async fn rows_out_of_order_are_found_whatever_the_reader_lets_through() {
    let (fixture, _, manifest) = Fixture::committed().await;
    let (parts, mut differences) = (Parts::new(fixture.catalog.root()), Differences::default());
    let chunk = |metric, timestamps: Vec<i64>| {
        let values = vec![1.0; timestamps.len()];
        let rows = crate::rows::Rows::Points(Columns { timestamps, values });
        crate::rows::Chunk { key: SeriesKey::new(7, metric), metadata: None, rows }
    };
    let entry = &manifest.partitions[0];
    let mut check = row_check::RowCheck::new(&parts, &manifest, entry, "part".to_owned());
    for chunk in [chunk(2, vec![5, 4, 6]), chunk(1, vec![0])] {
        check.check_chunk(&chunk, &mut differences).await.expect("nothing is read");
    }
    assert_eq!(differences.by_class.get(&Class::Order), Some(&2));
}

#[tokio::test]
async fn a_series_in_another_partition_is_found() {
    let found = classes(Level::Rows, |output| {
        output.place = |key, partitions| match key {
            key if key == SeriesKey::new(7, 1) => PartitionId((key.partition(partitions).0 + 1) % partitions),
            key => key.partition(partitions),
        };
    });
    assert_eq!(found.await, [(Class::Placement, 1)]);
}

#[tokio::test]
async fn a_point_outside_the_window_is_found() {
    let found = classes(Level::Rows, |output| {
        let (_, points) = output.series.get_mut(&SeriesKey::new(7, 1)).expect("a series of the fixture");
        points.push(600_000, 1.0);
    });
    assert_eq!(found.await, [(Class::Extra, 1)]);
}

#[tokio::test]
async fn a_rollup_that_the_points_do_not_give_is_found() {
    let found = classes(Level::Rows, |output| {
        output.on_rollup = |key, rows| {
            if key == SeriesKey::new(7, 1) {
                rows.sum[0] += 0.5;
            }
        }
    });
    assert_eq!(found.await, [(Class::Rollup, 1)]);
    let found = classes(Level::Rows, |output| {
        output.on_rollup = |key, rows| {
            if key == SeriesKey::new(71, 4) {
                let first = rows.row(0);
                rows.clear();
                rows.push(first);
            }
        }
    });
    assert_eq!(found.await, [(Class::Count, 1), (Class::Rollup, 1)]);
}

#[tokio::test]
async fn a_part_under_the_name_of_another_kind_is_found() {
    let (fixture, mut output, _) = Fixture::committed().await;
    output.version = 2;
    output.on_manifest = |manifest| {
        let entry = manifest.partitions.iter_mut().find(|entry| entry.raw.is_some()).expect("the fixture has points");
        entry.rollups[0].object = entry.raw.clone().expect("it was just looked for");
    };
    fixture.commit(&output).await;
    let found = verified(&fixture, Level::Rows).await.differences;
    assert!(found.by_class.contains_key(&Class::Block), "{found:#?}");
}

#[tokio::test]
async fn nothing_to_verify_is_not_found_and_no_input_is_refused() {
    let fixture = Fixture::new();
    let error = verify(&fixture.catalog, &VerifyOptions::default()).await.expect_err("nothing is there");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let options = VerifyOptions { level: Level::Oracle, ..VerifyOptions::default() };
    let error = verify(&fixture.catalog, &options).await.expect_err("no input is given");
    assert_eq!(error.kind(), ErrorKind::Failed);
}

#[tokio::test]
async fn series_longer_than_a_block_and_their_metadata_are_compared_to_the_end() {
    let fixture = Fixture::new();
    let mut series = crate::fixture::series();
    let (_, points) = series.get_mut(&SeriesKey::new(7, 1)).expect("a series of the fixture");
    points.clear();
    (0..40_000i64).for_each(|at| points.push(at * 15, (at * 37 % 1009) as f64 / 3.0));
    let mut output = fixture.output_of(series).await;
    fixture.commit(&output).await;
    let sound = verified(&fixture, Level::Oracle).await;
    assert!(sound.is_clean(), "{:#?}", sound.differences);
    assert_eq!(sound.checked.points, 40_070);
    let (metadata, points) = output.series.get_mut(&SeriesKey::new(7, 1)).expect("a series of the fixture");
    *metadata = b"another".to_vec();
    points.values[39_999] += 1e-9;
    output.version = 2;
    fixture.commit(&output).await;
    let found = verified(&fixture, Level::Oracle).await.differences;
    let found: Vec<_> = found.by_class.into_iter().collect();
    assert_eq!(found, [(Class::Rollup, 1), (Class::Metadata, 1), (Class::Changed, 1)]);
}

#[tokio::test]
async fn parquet_parts_are_read_by_every_level() {
    let fixture = Fixture::new();
    let mut output = fixture.output().await;
    output.settings.format = model::OutputFormat::Parquet;
    fixture.commit(&output).await;
    let sound = verified(&fixture, Level::Oracle).await;
    assert!(sound.is_clean(), "{:#?}", sound.differences);
    assert_eq!((sound.checked.series, sound.checked.points, sound.checked.rollup_rows), (8, 80, 16));
    assert_eq!(sound.warnings, Vec::<String>::new());
    let (_, points) = output.series.get_mut(&SeriesKey::new(7, 1)).expect("a series of the fixture");
    points.values[1] += 1.0;
    output.version = 2;
    let manifest = fixture.commit(&output).await;
    let found = verified(&fixture, Level::Oracle).await.differences;
    assert_eq!(found.by_class.into_iter().collect::<Vec<_>>(), [(Class::Rollup, 1), (Class::Changed, 1)]);
    let path = fixture.object_path(first_raw(&manifest));
    let bytes = std::fs::read(&path).expect("the part is there");
    std::fs::write(&path, vec![0; bytes.len()]).expect("the folder is ours");
    let found = verified(&fixture, Level::Rows).await.differences;
    assert_eq!(found.by_class.into_keys().collect::<Vec<_>>(), [Class::ObjectDigest, Class::Block]);
}

#[tokio::test]
async fn a_parquet_rollup_that_the_points_do_not_give_is_found() {
    let fixture = Fixture::new();
    let mut output = fixture.output().await;
    output.settings.format = model::OutputFormat::Parquet;
    output.on_rollup = |key, rows| {
        if key == SeriesKey::new(7, 1) {
            rows.max[0] += 1.0;
        }
    };
    fixture.commit(&output).await;
    for level in [Level::Rows, Level::Oracle] {
        let found = verified(&fixture, level).await.differences;
        assert_eq!(found.by_class.keys().collect::<Vec<_>>(), [&Class::Rollup], "{level}");
        assert!(found.listed[0].detail.contains("max"), "{}", found.listed[0]);
    }
}

#[tokio::test]
async fn the_document_is_versioned_and_names_invariant_place_and_series() {
    let fixture = Fixture::new();
    let mut output = fixture.output().await;
    let (_, points) = output.series.get_mut(&SeriesKey::new(7, 1)).expect("a series of the fixture");
    points.timestamps[1] = points.timestamps[0];
    fixture.commit(&output).await;
    let json = serde_json::to_value(verified(&fixture, Level::Rows).await).expect("plain data");
    assert_eq!((&json["api_version"], &json["kind"]), (&"tailor/v1".into(), &"Verification".into()));
    assert_eq!(json["level"], "rows");
    let listed = &json["differences"]["listed"][0];
    assert_eq!((&listed["class"], &listed["invariant"]), (&"order".into(), &"DT-2".into()));
    assert_eq!(listed["series"], serde_json::json!({ "org": 7, "metric": 1 }));
    assert_eq!((&listed["first_ms"], &listed["count"]), (&0.into(), &1.into()));
    assert_eq!(json["differences"]["by_class"]["order"], 1);
}

/// Commits a changed version over the fixture's first that lacks one of its two segments; returns the findings of the
/// level `manifest`.
async fn verified_with_less_input(bend: fn(&mut Manifest)) -> Verification {
    let (fixture, mut output, _) = Fixture::committed().await;
    output.version = 2;
    output.inputs.truncate(1);
    output.on_manifest = bend;
    fixture.commit(&output).await;
    verified(&fixture, Level::Manifest).await
}

#[tokio::test]
async fn input_that_a_version_lost_is_a_difference_or_a_warning_if_it_was_known() {
    let overtaken = verified_with_less_input(|manifest| manifest.base = Some(0)).await;
    let [difference] = &overtaken.differences.listed[..] else { panic!("{:#?}", overtaken.differences) };
    assert_eq!((difference.class, difference.invariant), (Class::Input, Some("CM-5")));
    assert!(
        difference.detail.contains("lacks 1 segments that v1 was made of, b/shard=org-mod-07/2.seg"),
        "{difference:?}"
    );

    let knew = verified_with_less_input(|_| {}).await;
    let was_forced = verified_with_less_input(|manifest| {
        (manifest.base, manifest.forced) = (Some(0), Some("a test".to_owned()));
    });
    for verification in [knew, was_forced.await] {
        assert!(verification.is_clean(), "{:#?}", verification.differences);
        assert!(verification.warnings.iter().any(|warning| warning.contains("lacks 1 segments")), "{verification:?}");
    }
}
