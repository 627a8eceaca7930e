//! Imports that are run again: files that are left, refused or replaced.

use super::*;

/// Folder of input, and a place that keeps the imported segments.
struct Place {
    folder: tempfile::TempDir,
    output: crate::segment::SegmentOutput,
    _runtime: tokio::runtime::Runtime,
}

impl Place {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
        let store = std::sync::Arc::new(object_store::memory::InMemory::new());
        let output =
            crate::segment::SegmentOutput::new(storage::Root::of_store("memory://", store), runtime.handle().clone());
        Self { folder: tempfile::tempdir().expect("a folder"), output, _runtime: runtime }
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    fn import(&self, names: &[&str], rerun: Rerun) -> Result<CsvSummary, ImportError> {
        let paths: Vec<_> = names.iter().map(|name| self.folder.path().join(name)).collect();
        let files = find_files(&paths, &EXTENSIONS)?.files;
        let settings = CsvSettings { metric: Some("m".to_owned()), ..CsvSettings::default() };
        let target = Target { payload_points: 1, segment_bytes: 1, ..Target::new(&self.output, OrgId(7)) };
        import_csv(&files, &settings, &target, rerun, &mut |_| ())
    }

    fn keys(&self) -> Vec<String> {
        let objects = self.output.wait(self.output.root().list("")).expect("a listing");
        objects.into_iter().map(|object| object.location.to_string()).collect()
    }

    fn segments(&self) -> Vec<String> {
        self.keys().into_iter().filter(|key| key.ends_with(".seg")).collect()
    }
}

const ROW: &str = "time,value\n2024-03-01T00:00:00Z,1\n";

#[test]
fn the_order_of_files_is_the_order_of_keys_also_of_later_imports() {
    let place = Place::new();
    for name in ["data.csv", "correction.csv", "a.csv"] {
        place.write(name, ROW);
    }
    place.import(&["data.csv", "correction.csv"], Rerun::Refuse).expect("an import");
    place.import(&["a.csv"], Rerun::Refuse).expect("a later import");
    let keys =
        ["00000-data", "00001-correction", "00002-a"].map(|name| format!("shard=org-mod-07/import/{name}-0000.seg"));
    assert_eq!(place.segments(), keys);
}

#[test]
fn an_import_that_failed_can_be_run_again_and_leaves_what_was_whole() {
    let place = Place::new();
    place.write("a.csv", ROW);
    place.write("b.csv", "time,value\n2024-03-01T00:00:00Z,x\n");
    place.import(&["a.csv", "b.csv"], Rerun::Refuse).expect_err("b is bad");
    assert_eq!(place.keys(), ["import/00000.json", "shard=org-mod-07/import/00000-a-0000.seg"]);
    place.write("b.csv", ROW);
    let summary = place.import(&["a.csv", "b.csv"], Rerun::Refuse).expect("b is mended");
    assert_eq!((summary.outcome.files, summary.outcome.files_left, summary.outcome.imported.points), (1, 1, 1));
    assert_eq!(place.segments().len(), 2);
}

#[test]
fn other_content_of_one_name_is_refused_and_replaced_in_its_place() {
    let place = Place::new();
    place.write("a.csv", "time,value\n2024-03-01T00:00:00Z,1\n2024-03-01T00:01:00Z,2\n");
    place.write("b.csv", ROW);
    place.import(&["a.csv", "b.csv"], Rerun::Refuse).expect("an import");
    assert_eq!(place.segments().len(), 3, "a payload is a segment here");
    place.write("a.csv", "time,value\n2024-03-01T00:00:00Z,3\n");
    for rerun in [Rerun::Refuse, Rerun::Resume] {
        let refused = place.import(&["a.csv", "b.csv"], rerun);
        assert!(matches!(refused, Err(ImportError::ImportedBefore { .. })), "{refused:?}");
    }
    place.write("a.csv", "time,value\nnonsense\n");
    place.import(&["a.csv"], Rerun::Replace).expect_err("the new content is bad");
    assert_eq!(place.segments().len(), 3, "the old content stays");
    place.write("a.csv", "time,value\n2024-03-01T00:00:00Z,3\n");
    place.import(&["a.csv"], Rerun::Replace).expect("replaced");
    assert_eq!(place.segments(), ["00000-a", "00001-b"].map(|name| format!("shard=org-mod-07/import/{name}-0000.seg")));
    assert_eq!(place.import(&["a.csv", "b.csv"], Rerun::Refuse).expect("as it is").outcome.files_left, 2);
}

#[test]
fn what_a_killed_import_left_is_told_and_resumed() {
    let place = Place::new();
    place.write("a.csv", ROW);
    place.import(&["a.csv"], Rerun::Refuse).expect("an import");
    // This is the state after a kill: a receipt that was begun, and a segment.
    let bytes = place.output.wait(place.output.root().read("import/00000.json")).expect("a receipt");
    let begun = super::super::super::receipt::Receipt { done: None, ..serde_json::from_slice(&bytes).expect("JSON") };
    let begun = serde_json::to_vec(&begun).expect("JSON");
    place.output.wait(place.output.root().replace("import/00000.json", begun)).expect("memory");
    let orphan = "shard=org-mod-07/import/00000-a-0009.seg";
    place.output.wait(place.output.root().replace(orphan, &b"x"[..])).expect("memory");
    let refused = place.import(&["a.csv"], Rerun::Refuse);
    assert!(matches!(refused, Err(ImportError::Unfinished { .. })), "{refused:?}");
    place.import(&["a.csv"], Rerun::Resume).expect("resumed");
    assert_eq!(place.segments(), ["shard=org-mod-07/import/00000-a-0000.seg"]);
}

#[test]
fn files_of_one_name_in_several_folders_and_endings_in_any_case_are_all_imported() {
    let place = Place::new();
    for name in ["d/day=1/data.csv", "d/day=2/data.csv", "d/B.CSV", "d/readme.txt"] {
        place.write(name, ROW);
    }
    std::fs::write(place.folder.path().join("d/c.csv.zst"), zstd::encode_all(ROW.as_bytes(), 1).expect("memory"))
        .expect("a file");
    let summary = place.import(&["d"], Rerun::Refuse).expect("an import");
    assert_eq!((summary.outcome.files, summary.outcome.imported.points), (4, 4));
    let found = find_files(&[place.folder.path().join("d")], &EXTENSIONS).expect("a folder");
    assert_eq!(found.left_out, [place.folder.path().join("d/readme.txt")]);
    let twice = place.import(&["d", "d/B.CSV"], Rerun::Refuse);
    assert!(matches!(twice, Err(ImportError::NamedTwice { .. })), "{twice:?}");
}

#[test]
fn what_an_earlier_version_imported_is_not_imported_again() {
    let place = Place::new();
    place.write("a.csv", ROW);
    let key = "shard=org-mod-07/import/a-0000.seg";
    place.output.wait(place.output.root().replace(key, &b"x"[..])).expect("memory");
    let refused = place.import(&["a.csv"], Rerun::Refuse);
    assert!(matches!(refused, Err(ImportError::Unreceipted { .. })), "{refused:?}");
}
