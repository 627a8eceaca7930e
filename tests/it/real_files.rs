//! CSV files of real packages, each with the options that read it, compared value by value with Python's `csv` and
//! `float` (`real_files.py`). Files without a time column are refused with the reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tests::Place;
use tests::python::{package_folder, python};
use tests::tailor::{code, tailor};

/// Expected result of a file.
enum Becomes {
    /// Points, separated by labels: time columns, Python's format of their texts, value columns, label columns.
    Points(&'static str, &'static str, &'static str, &'static str),
    /// Refusal that contains these words.
    Refused(&'static str),
}

use Becomes::{Points, Refused};

/// Package, file, options, and expected result.
const FILES: &[(&str, &str, &str, Becomes)] = &[
    ("vega_datasets", "_data/airports.csv", "", Refused("is not a time")),
    (
        "vega_datasets",
        "_data/iowa-electricity.csv",
        "--labels source",
        Points("year", "%Y-%m-%d", "net_generation", "source"),
    ),
    (
        "vega_datasets",
        "_data/la-riots.csv",
        "--timestamp death_date --value longitude,latitude --labels last_name,first_name",
        Points("death_date", "%Y-%m-%d", "longitude,latitude", "last_name,first_name"),
    ),
    (
        "vega_datasets",
        "_data/seattle-temps.csv",
        "--time-format '%Y/%m/%d %H:%M'",
        Points("date", "%Y/%m/%d %H:%M", "temp", ""),
    ),
    (
        "vega_datasets",
        "_data/seattle-weather.csv",
        "--time-format %Y/%m/%d --value precipitation,temp_max,temp_min,wind",
        Points("date", "%Y/%m/%d", "precipitation,temp_max,temp_min,wind", ""),
    ),
    (
        "vega_datasets",
        "_data/sf-temps.csv",
        "--timestamp date --time-format '%Y/%m/%d %H:%M:%S'",
        Points("date", "%Y/%m/%d %H:%M:%S", "temp", ""),
    ),
    (
        "vega_datasets",
        "_data/stocks.csv",
        "--timestamp date --time-format '%b %d %Y' --labels symbol",
        Points("date", "%b %d %Y", "price", "symbol"),
    ),
    (
        "vega_datasets",
        "_data/us-employment.csv",
        "--value nonfarm,private",
        Points("month", "%Y-%m-%d", "nonfarm,private", ""),
    ),
    (
        "plotly",
        "package_data/datasets/stocks.csv.gz",
        "",
        Points("date", "%Y-%m-%d", "GOOG,AAPL,AMZN,FB,NFLX,MSFT", ""),
    ),
    (
        "plotly",
        "package_data/datasets/gapminder.csv.gz",
        "--timestamp year --time-format %Y --labels country --value lifeExp,pop,gdpPercap",
        Points("year", "%Y", "lifeExp,pop,gdpPercap", "country"),
    ),
    ("plotly", "package_data/datasets/iris.csv.gz", "", Refused("is not a time")),
    ("plotly", "package_data/datasets/wind.csv.gz", "", Refused("is not a time")),
    ("pmdarima", "arima/tests/data/issue_191.csv", "--value 2", Points("Month", "%Y-%m-%d", "0", "")),
    ("statsmodels", "datasets/co2/co2.csv", "--time-format %Y%m%d", Points("date", "%Y%m%d", "co2", "")),
    (
        "statsmodels",
        "datasets/elec_equip/elec_equip.csv",
        "--time-format %b-%d-%Y",
        Points("DATE", "%b-%d-%Y", "STS.M.I7.W.TOVT.NS0016.4.000", ""),
    ),
    (
        "statsmodels",
        "datasets/elnino/elnino.csv",
        "--time-format %Y --value JAN,DEC",
        Points("YEAR", "%Y", "JAN,DEC", ""),
    ),
    (
        "statsmodels",
        "datasets/macrodata/macrodata.csv",
        "--timestamp year,quarter --time-format '%Y %q' --value realgdp,cpi",
        Points("year,quarter", "quarter", "realgdp,cpi", ""),
    ),
    (
        "statsmodels",
        "datasets/interest_inflation/E6.csv",
        "--timestamp year,quarter --time-format '%Y %q'",
        Points("year,quarter", "quarter", "Dp,R", ""),
    ),
    (
        "statsmodels",
        "datasets/danish_data/data.csv",
        "--time-format %YQ%q --value lrm,ide",
        Points("period", "quarter", "lrm,ide", ""),
    ),
    ("statsmodels", "datasets/nile/nile.csv", "--time-format %Y", Points("year", "%Y", "volume", "")),
    ("statsmodels", "datasets/sunspots/sunspots.csv", "--time-format %Y", Points("YEAR", "%Y", "SUNACTIVITY", "")),
    (
        "statsmodels",
        "datasets/grunfeld/grunfeld.csv",
        "--timestamp year --time-format %Y.0 --labels firm",
        Refused("is not a time"),
    ),
    (
        "statsmodels",
        "datasets/grunfeld/grunfeld.csv",
        "--timestamp year --time-format %Y --labels firm",
        Points("year", "%Y", "invest,value,capital", "firm"),
    ),
    (
        "bokeh_sampledata",
        "_data/emissions.csv.gz",
        "--timestamp year --time-format %Y.0 --labels country",
        Points("year", "%Y.0", "emissions", "country"),
    ),
    (
        "bokeh_sampledata",
        "_data/lincoln_weather.csv",
        "--timestamp DATE --value TMAX,TMIN",
        Points("DATE", "%Y-%m-%d", "TMAX,TMIN", ""),
    ),
    (
        "bokeh_sampledata",
        "_data/stocks.csv.gz",
        "--timestamp Date --labels Ticker --value Close,Volume",
        Points("Date", "%Y-%m-%d", "Close,Volume", "Ticker"),
    ),
    (
        "bokeh_sampledata",
        "_data/unemployment1948.csv",
        "--time-format %Y --value Jan,Annual",
        Points("Year", "%Y", "Jan,Annual", ""),
    ),
    (
        "bokeh_sampledata",
        "_data/us_marriages_divorces.csv",
        "--time-format %Y --value Marriages,Divorces",
        Points("Year", "%Y", "Marriages,Divorces", ""),
    ),
    (
        "bokeh_sampledata",
        "_data/sprint.csv",
        "--timestamp Year --time-format %Y --value Time --labels Name",
        Refused("has a quote and does not start with one"),
    ),
    ("bokeh_sampledata", "_data/cycling.csv.gz", "", Refused("is not a time")),
];

/// Points of each series: the bits of the value by the instant in milliseconds.
type Series = BTreeMap<String, BTreeMap<i64, u64>>;

/// Splits a command line into words; quotes keep spaces together.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, piece) in text.split('\'').enumerate() {
        match index % 2 {
            0 => words.extend(piece.split_whitespace().map(str::to_owned)),
            _ => words.push(piece.to_owned()),
        }
    }
    words
}

fn line(text: &str) -> Option<(String, i64, u64)> {
    let mut parts = text.split('\t');
    let (name, at, value) = (parts.next()?, parts.next()?, parts.next()?);
    Some((name.to_owned(), at.parse().ok()?, value.parse::<f64>().ok()?.to_bits()))
}

fn expected(path: &Path, times: &str, format: &str, values: &str, labels: &str) -> Series {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("it/real_files.py");
    let args = [path, Path::new(times), Path::new(format), Path::new(values), Path::new(labels)];
    let mut series = Series::new();
    for (name, at, bits) in python(&[script.to_str().expect("paths are text")], &args).lines().filter_map(line) {
        series.entry(name).or_default().insert(at, bits);
    }
    series
}

/// Reads the exported points, with each series named by its column and labels as in the script.
fn found(place: &Place) -> Series {
    place.run("").done();
    let listed = place.dataset_verb("series", "--metadata -o jsonl").done().stdout;
    let series = listed.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is a JSON object"));
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let named: BTreeMap<String, String> = series
        .map(|series| {
            let metadata = &series["metadata"];
            let labels = metadata["attributes"].as_object().expect("attributes").values().map(text);
            (text(&series["metric"]), [vec![text(&metadata["name"])], labels.collect()].concat().join("|"))
        })
        .collect();
    let file = place.path().join("export.csv");
    place.dataset_verb("export", &format!("--format csv --to {}", file.display())).done();
    let mut points = Series::new();
    for row in std::fs::read_to_string(&file).expect("an export").lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        let bits = fields[3].parse::<f64>().expect("a number").to_bits();
        points.entry(named[fields[1]].clone()).or_default().insert(fields[2].parse().expect("ms"), bits);
    }
    points
}

#[test]
fn each_csv_file_of_a_package_comes_out_as_python_reads_it_or_is_refused() {
    for (package, file, options, becomes) in FILES {
        let path = package_folder(package).join(file);
        let place = Place::new();
        let command = format!("import csv --out {} --org 7 --metric m --allow-collisions", place.input().display());
        let import =
            words(options).into_iter().fold(tailor(&command), |tailor, word| tailor.arg(word)).arg(&path).run();
        match becomes {
            Refused(words) => drop(import.expect(code::FAILED).says(&[words])),
            Points(times, format, values, labels) => {
                import.done();
                let expected = expected(&path, times, format, values, labels);
                assert!(!expected.is_empty(), "{}", path.display());
                assert!(found(&place) == expected, "{} is not what Python reads", path.display());
            }
        }
    }
}
