//! Real series: import, run and export return them exactly, with the same bits, in order of time, and with the last
//! of several values at one time.
//!
//! The files are read a second time here, plainly and without Tailor's code, for the comparison.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::{Map, Value};
use tests::Place;
use tests::place::number;
use tests::python::sample_data;
use tests::tailor::{Ended, code, repository, tailor};

/// Points of a series: the bits of the value by the instant in milliseconds.
type Points = BTreeMap<i64, u64>;

/// Points by the name of the series.
type Series = BTreeMap<String, Points>;

/// Reads the rows of a CSV file, gzip or not, each by the header's names.
fn rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let file = File::open(path).unwrap_or_else(|error| panic!("open {}: {error}", path.display()));
    let is_gzip = path.extension().is_some_and(|extension| extension == "gz");
    let content: Box<dyn Read> = if is_gzip { Box::new(GzDecoder::new(file)) } else { Box::new(file) };
    let mut reader = csv::Reader::from_reader(content);
    reader.deserialize().map(|row| row.expect("a row of text")).collect()
}

/// Parses `2014-03-01 17:36:00`, with a T or a space, with a zone or none (then UTC), to milliseconds since 1970.
fn instant(text: &str) -> i64 {
    let field = |at: usize, len: usize| -> i64 { text[at..at + len].parse().expect("digits") };
    let (year, month, day) = (field(0, 4), field(5, 2), field(8, 2));
    let is_leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days_of_years: i64 = (1970..year).map(|year| 365 + i64::from(is_leap(year))).sum();
    let days = days_of_years + lengths[..month as usize - 1].iter().sum::<i64>() + day - 1;
    let seconds = ((days * 24 + field(11, 2)) * 60 + field(14, 2)) * 60 + field(17, 2);
    let offset_minutes = match &text[19..] {
        "" | "Z" => 0,
        zone => {
            let minutes = field(20, 2) * 60 + field(23, 2);
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    (seconds - offset_minutes * 60) * 1000
}

/// Reads a column of a CSV file as a series; an empty cell is not a point, and the last row of an instant wins.
fn column(path: &Path, time: &str, value: &str) -> Points {
    let cells = rows(path).into_iter().filter(|row| !row[value].is_empty());
    cells.map(|row| (instant(&row[time]), row[value].parse::<f64>().expect("a number").to_bits())).collect()
}

/// Runs `tailor import FORMAT PATH.. OPTIONS`, for one organisation.
fn import(place: &Place, format: &str, paths: &[&Path], options: &str) -> Ended {
    let mut import = tailor(&format!(
        "import {format} --out {} --org 77 -o json --allow-collisions {options}",
        place.input().display()
    ));
    for path in paths {
        import = import.arg(path);
    }
    import.run().done()
}

/// Reads the metadata of each series by its metric.
fn metadata(place: &Place) -> BTreeMap<String, Value> {
    let listed = place.dataset_verb("series", "--metadata -o jsonl").done().stdout;
    let series = listed.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is a JSON object"));
    let named = series.map(|series| {
        let metric = series["metric"].as_str().expect("an id is text").to_owned();
        (metric, series["metadata"].clone())
    });
    named.collect()
}

/// Exports with `tailor dataset export --format csv`; returns the points by metric, and asserts that rows are in
/// order, with each instant once.
fn exported(place: &Place) -> BTreeMap<String, Points> {
    let file = place.path().join("export.csv");
    place.dataset_verb("export", &format!("--format csv --to {}", file.display())).done();
    let mut series = BTreeMap::<String, Points>::new();
    let mut last = None;
    for row in rows(&file) {
        let number = |name: &str| row[name].parse::<i128>().expect("a whole number");
        let place = (number("org_id"), number("metric_id"), number("timestamp"));
        assert!(last < Some(place), "{last:?} comes before {place:?}");
        last = Some(place);
        assert_eq!(place.0, 77);
        let value = row["value"].parse::<f64>().expect("a number").to_bits();
        series.entry(row["metric_id"].clone()).or_default().insert(place.2 as i64, value);
    }
    series
}

/// Runs the imported segments with every way of writing parts, and expects `series` from each.
fn assert_comes_out_as(place: &Place, series: &Series) {
    for options in ["--rollup 5m", "--encoding pco", "--workers 2 --memory 64MiB --split-size 16KiB --read ranged"] {
        place.run(options).done();
        let metadata = metadata(place);
        let name = |metric: &String| metadata[metric]["name"].as_str().expect("a name").to_owned();
        let found: Series = exported(place).into_iter().map(|(metric, points)| (name(&metric), points)).collect();
        assert_eq!(found.keys().collect::<Vec<_>>(), series.keys().collect::<Vec<_>>());
        for (name, points) in series {
            assert!(found[name] == *points, "{name} is not what went in, with '{options}'");
        }
        place.dataset_verb("verify", &format!("--level oracle --input {}", place.input().display())).done();
    }
}

/// Returns the folder of data that is too large for the repository; says once what is not tested without it.
fn shared_data(what: &str) -> Option<PathBuf> {
    let beside = || repository().parent().map(|parent| parent.join("shared/data"));
    let folder = std::env::var_os("TAILOR_SHARED_DATA").map(PathBuf::from).or_else(beside)?;
    if folder.exists() {
        return Some(folder);
    }
    // Written past the capture of the test runner, which hides the output of a test that passes.
    let line = format!("not run: {what}, for there is no {} (TAILOR_SHARED_DATA names another)\n", folder.display());
    std::io::stderr().write_all(line.as_bytes()).expect("write to stderr");
    None
}

#[test]
fn every_series_of_the_numenta_benchmark_comes_out_as_it_went_in() {
    let Some(folder) = shared_data("the 23 series of the Numenta benchmark") else { return };
    let place = Place::new();
    let report = import(&place, "csv", &[&folder.join("nab")], "").json();
    assert_eq!((number(&report, "/files"), number(&report, "/rows_imported")), (23, 77_350));

    let files = ["realAWSCloudwatch", "realAdExchange"].map(|set| folder.join("nab").join(set));
    let files = files.iter().flat_map(|set| std::fs::read_dir(set).expect("a folder")).map(|file| file.unwrap().path());
    let stem = |path: &Path| path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
    let series: Series = files.map(|file| (stem(&file), column(&file, "timestamp", "value"))).collect();
    assert_eq!(series.len(), 23);
    assert_comes_out_as(&place, &series);

    let network = folder.join("nab/realAWSCloudwatch/ec2_network_in_5abac7.csv");
    let rows = rows(&network);
    let times = |row: &BTreeMap<String, String>| instant(&row["timestamp"]);
    let most = rows.chunk_by(|one, other| times(one) == times(other)).max_by_key(|rows| rows.len()).expect("rows");
    assert_eq!(most.len(), 12, "the file that has twelve rows at one instant");
    let last = most[11]["value"].parse::<f64>().expect("a number").to_bits();
    assert_eq!(series["ec2_network_in_5abac7"][&times(&most[0])], last, "of which the last is kept");
}

#[test]
fn an_otlp_batch_comes_out_as_it_went_in() {
    let Some(folder) = shared_data("the captured OTLP batch") else { return };
    let folder = folder.join("otlp-metrics");
    let place = Place::new();
    let report = import(&place, "otlp", &[&folder.join("hipstershop.otlp.pb.zst")], "").json();
    assert_eq!((number(&report, "/rows_imported"), number(&report, "/series")), (66_816, 2179));
    place.run("--rollup 5m").done();

    let mut expected = BTreeMap::<u64, Points>::new();
    for row in rows(&folder.join("hipstershop.points.csv.gz")) {
        let nanos: i64 = row["time_unix_nano"].parse().expect("nanoseconds");
        let value: f64 = row["value"].parse().expect("a number");
        let series = expected.entry(row["series"].parse().expect("a number")).or_default();
        series.insert(nanos.div_euclid(1_000_000), value.to_bits());
    }

    let labels = labels(&folder.join("hipstershop.series.ndjson.gz"));
    let (found, metadata) = (exported(&place), metadata(&place));
    assert_eq!((found.len(), expected.len(), labels.len()), (2179, 2179, 2179));
    for (metric, points) in &found {
        let series =
            labels.get(&identity(&metadata[metric])).unwrap_or_else(|| panic!("nobody's: {}", metadata[metric]));
        assert!(*points == expected[series], "series {series}, metric {metric}");
    }
    place.dataset_verb("verify", &format!("--level oracle --input {}", place.input().display())).done();
}

/// Reads the number of each series in the capture, by its name, scope and labels.
fn labels(path: &Path) -> BTreeMap<String, u64> {
    let mut text = String::new();
    GzDecoder::new(File::open(path).expect("open the labels")).read_to_string(&mut text).expect("read the labels");
    let series = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON object"));
    let labelled = series.map(|series| {
        let mut attributes = series["resource"].as_object().expect("attributes").clone();
        attributes.extend(series["attributes"].as_object().expect("attributes").clone());
        (identity_of(&series["name"], attributes, &series["scope"]), number(&series, "/series"))
    });
    labelled.collect()
}

/// Builds the same identity from the importer's metadata, in which the scope is an attribute; its version is not in
/// the labels. An attribute of the resource that the point has too was renamed, and the labels hold the point's alone.
fn identity(metadata: &Value) -> String {
    let mut attributes = metadata["attributes"].as_object().expect("attributes").clone();
    let renamed = metadata["renamed"].as_object().into_iter().flatten();
    renamed.for_each(|(name, _)| drop(attributes.remove(name)));
    let scope = attributes.remove("otel.scope.name").unwrap_or_else(|| "".into());
    attributes.remove("otel.scope.version");
    identity_of(&metadata["name"], attributes, &scope)
}

fn identity_of(name: &Value, attributes: Map<String, Value>, scope: &Value) -> String {
    let attributes: BTreeMap<_, _> = attributes.into_iter().map(|(key, value)| (key, value.to_string())).collect();
    format!("{name} {scope} {attributes:?}")
}

#[test]
fn hourly_points_through_a_change_of_the_clocks_come_out_as_they_went_in() {
    let Some(folder) = shared_data("the hourly water flow with zone offsets") else { return };
    let file = folder.join("irregular/water-flow.csv");
    let place = Place::new();
    import(&place, "csv", &[&file], "--metric flow");
    let points = column(&file, "Time", "Water flow [l/s]");
    assert!(points.len() > 1200);
    assert_comes_out_as(&place, &[("flow".to_owned(), points)].into());
}

#[test]
fn the_sea_surface_temperature_comes_out_as_it_went_in() {
    let file = sample_data("sea_surface_temperature.csv.gz");
    let place = Place::new();
    import(&place, "csv", &[&file], "--metric sea");
    let points = column(&file, "time (UTC)", "temperature (celsius)");
    assert_eq!(points.len(), 19_225, "two of its 19,226 rows are of one instant");
    assert_comes_out_as(&place, &[("sea".to_owned(), points)].into());
}

#[test]
fn both_columns_of_a_glucose_monitor_come_out_as_they_went_in() {
    let file = sample_data("CGM.csv.gz");
    let place = Place::new();
    let out = place.input().display().to_string();
    let command = format!("import csv --out {out} --org 77 -o json --timestamp datetime");
    let file_name = file.to_str().expect("paths are text");
    tailor(&command).arg(&file).run().expect(code::FAILED).says(&[file_name, ":39460:", "'nil'", "--on-bad-row skip"]);
    assert_eq!(place.files("in"), [""; 0], "an import that fails leaves no segment");

    let is_reading = |row: &&BTreeMap<String, String>| row["isig"].parse::<f64>().is_ok();
    let rows = rows(&file);
    let skipped = rows.len() - rows.iter().filter(is_reading).count();
    let imported = tailor(&command).arg("--on-bad-row").arg("skip").arg(&file).run().expect(code::PARTLY);
    assert_eq!(number(&imported.json(), "/rows_skipped"), skipped as u64);
    assert_eq!(imported.stderr.lines().filter(|line| line.contains("skipped")).count(), skipped);

    let series = ["isig", "glucose"].map(|name| {
        let readings = rows.iter().filter(is_reading).filter(|row| !row[name].is_empty());
        let point = |row: &BTreeMap<String, String>| {
            (instant(&row["datetime"]), row[name].parse::<f64>().expect("a number").to_bits())
        };
        (format!("CGM.{name}"), readings.map(point).collect::<Points>())
    });
    assert!(series.iter().all(|(_, points)| points.len() > 30_000));
    assert_comes_out_as(&place, &series.into());
}
