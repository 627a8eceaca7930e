use super::*;
use crate::import::find_files;

/// Returns the options that a preview of `content` suggests.
fn options(name: &str, content: &[u8]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("a file");
    let file = find_files(std::slice::from_ref(&path), &EXTENSIONS).expect("a file").files.remove(0);
    let shown = preview(&file, &CsvSettings::default()).expect("a text");
    let line = shown.lines().find(|line| line.contains("tailor import csv")).expect("a line to type");
    let start = format!("  tailor import csv {} ", path.display());
    line.strip_prefix(&start).expect("the file").strip_suffix(" --org N --out URI").expect("the end").trim().to_owned()
}

#[test]
fn a_preview_says_what_to_type() {
    for (name, content, expected) in [
        ("a.csv", &b"time,value\n2024-03-01T00:00:00Z,1\n"[..], ""),
        ("a.csv", b"time;value\n2024-03-01;1,5\n2024-03-02;-0,25\n", "--delimiter ';' --decimal-comma"),
        (
            "a.csv",
            b"symbol,date,price\nA,2024-03-01,1\nB,2024-03-01,2\nA,2024-03-02,3\n",
            "--timestamp date --labels symbol",
        ),
        ("a.csv", b"Month,Passengers\n1949-01,112\n", "--time-format '%Y-%m'"),
        ("a.csv", b"2024-03-01T00:00:00Z,1\n2024-03-01T00:01:00Z,2\n", "--no-header"),
        ("a.csv", b"station 17\n\ntime,a,b\n2024-03-01,1,NA\n2024-03-02,2,3\n", "--skip-lines 2 --null 'NA'"),
        (
            "a.csv",
            b"date,hour,pm25\n2010-01-01,0,129\n2010-01-01,1,148\n",
            "--timestamp date,hour --time-format '%Y-%m-%d %H'",
        ),
        ("a.csv", b"t,v\n1700000000,1\n1700000060,2\n", "--time-format 'unix-s'"),
        ("a.csv", b"\xff\xfet\0,\0v\0\n\x002\x000\x002\x004\0-\x000\x003\0-\x000\x001\0,\x001\0\n\0", ""),
    ] {
        assert_eq!(options(name, content), expected, "{}", String::from_utf8_lossy(content));
    }
}

#[test]
fn a_preview_of_a_file_without_rows_or_times_says_so() {
    for content in [&b""[..], b"a,b\n", b"x,y\n1,2\n", b"\"", b"\n\n\n"] {
        options("e.csv", content);
    }
}
