//! Timestamps in every form, and refusals.

use super::*;

#[test]
fn times_are_read_in_every_format_and_rounded_down() {
    let new_year = 1_767_225_600_000;
    assert_eq!(times("rfc3339", "UTC", &["2026-01-01T00:00:00.0009Z", "2026-01-01 01:00:00+01:00"]), [new_year; 2]);
    assert_eq!(times("rfc3339", "+05:30", &["2026-01-01 05:30:00"]), [new_year]);
    assert_eq!(times("rfc3339", "UTC", &["1969-12-31T23:59:59.9991Z"]), [-1]);
    assert_eq!(times("unix-s", "UTC", &["1767225600", "1767225600.0019", "-0.0001"]), [new_year, new_year + 1, -1]);
    assert_eq!(times("unix-us", "UTC", &["1767225600000999", "-1"]), [new_year, -1]);
    assert_eq!(times("unix-ns", "UTC", &["1767225600000999999"]), [new_year]);
    assert_eq!(times("%d.%m.%Y %H:%M", "Europe/Berlin", &["01.01.2026 01:00"]), [new_year]);
    assert_eq!(times("%Y-%m-%d", "UTC", &["2026-01-01"]), [new_year]);
    assert_eq!(times("%Y-%m-%dT%H:%M:%S%z", "UTC", &["2026-01-01T02:00:00+0200"]), [new_year]);
}

fn instants(format: &str, zone: &str, rows: &[&str]) -> Vec<String> {
    let show = |at: i64| jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |at| at.to_string());
    times(format, zone, rows).into_iter().map(show).collect()
}

/// Checks that each text is refused with a message that has the words.
fn refused(settings: &CsvSettings, cases: &[(&str, &str)]) {
    for (text, words) in cases {
        let error = times_by(settings, &[text]).expect_err(text);
        assert!(error.contains(words), "{text}: {error}");
    }
}

fn with_format(format: &str) -> CsvSettings {
    CsvSettings { time_format: format.parse().expect("a format"), ..CsvSettings::default() }
}

fn berlin() -> CsvSettings {
    CsvSettings { zone: parse_zone("Europe/Berlin").expect("a zone"), ..CsvSettings::default() }
}

#[test]
fn a_zone_that_a_text_names_counts() {
    let rows = ["2024-07-19T17:50:00[America/New_York]", "2024-07-19T18:50[Europe/Berlin]", "2024-07-19 18:50:00 UTC"];
    assert_eq!(
        instants("rfc3339", "+09:00", &rows),
        ["2024-07-19T21:50:00Z", "2024-07-19T16:50:00Z", "2024-07-19T18:50:00Z"]
    );
    let rows = [
        "2024-07-19T18:50:00+02:00[Europe/Berlin]",
        "2024-07-19T16:50:00Z[Europe/Berlin]",
        "2024-07-19T16:50:00Z[u-ca=gregory]",
        "2024-07-19T18:50:00+0200",
        "2024-07-19T18:50:00+02",
        "2024-07-19 16:50:00-00:00",
        "2024-07-19T17:50[+01:00]",
    ];
    assert!(instants("rfc3339", "UTC", &rows).iter().all(|at| at == "2024-07-19T16:50:00Z"));
    refused(
        &CsvSettings::default(),
        &[
            ("2024-07-19T18:50:00+05:00[Europe/Berlin]", "an offset that Europe/Berlin does not have"),
            ("2024-07-19T18:50:00[Mars/Olympus]", "is not a time"),
            ("2024-07-19T18:50:00Z[!u-ca=hebrew]", "is not a time"),
            ("2024-07-19T18:50:00Z[Europe/Berlin", "is not a time"),
            ("2024-07-19T18:50:00+25:00", "is not a time"),
            ("2024-07-19T18:50:00 CET", "is not a time"),
            ("2024-02-30", "is not a time"),
            ("2024-07-19T24:00:01Z", "is not a time"),
        ],
    );
    assert_eq!(instants("rfc3339", "UTC", &["2024-12-31T24:00:00"]), ["2025-01-01T00:00:00Z"]);
}

#[test]
fn every_year_of_four_digits_is_read_to_its_last_millisecond() {
    assert_eq!(times("rfc3339", "UTC", &["9999-12-31T23:59:59.999Z"]), [253_402_300_799_999]);
    assert_eq!(times("rfc3339", "-12:00", &["9999-12-31T23:59:59.999"]), [253_402_300_799_999 + 12 * 3_600_000]);
    assert_eq!(times("rfc3339", "UTC", &["0000-01-01T00:00:00Z"]), [-62_167_219_200_000]);
}

#[test]
fn fractions_have_any_length() {
    let rows = ["2024-03-01T00:00:00.1234567891Z", "2024-03-01T00:00:00,123Z", "2024-03-01T00:00:00.1230000000000000Z"];
    let content: String = rows.iter().map(|row| format!("\"{row}\",1\n")).collect();
    let settings = CsvSettings { has_header: false, ..CsvSettings::default() };
    let (summary, _, read) = read("x.csv", content.as_bytes(), &settings);
    assert_eq!(summary.expect("good rows").details.times_rounded, 1, "of three, one is finer than a millisecond");
    assert!(read.series.into_values().flatten().all(|(at, _)| at == 1_709_251_200_123));
}

#[test]
fn epochs_have_fractions_and_exponents_in_every_format() {
    assert_eq!(times("%s.%f", "UTC", &["1700000000.25", "-1.25", "-0.0001"]), [1_700_000_000_250, -1250, -1]);
    assert_eq!(
        times("unix-s", "UTC", &["1.7E9", "1.70000006E+09", "-1.25", ".5", "1e0"]),
        [1_700_000_000_000, 1_700_000_060_000, -1250, 500, 1000]
    );
    assert_eq!(
        times("unix-ms", "UTC", &["1.7e12", "1700000000000.9", "-0.1"]),
        [1_700_000_000_000, 1_700_000_000_000, -1]
    );
    assert_eq!(times("unix-ns", "UTC", &["1.7000000005e18"]), [1_700_000_000_500]);
    refused(
        &with_format("unix-s"),
        &[
            ("1e30", "not a time"),
            ("1e", "not a time"),
            (".", "not a time"),
            ("0x10", "not a time"),
            ("nan", "not a time"),
            ("--1", "not a time"),
            ("1.2.3", "not a time"),
        ],
    );
}

#[test]
fn a_leap_second_is_the_last_millisecond_of_its_day_and_no_other_second_60_passes() {
    let settings = CsvSettings { has_header: false, ..CsvSettings::default() };
    let (summary, _, read) = read("x.csv", b"2016-12-31T23:59:60Z,1\n2017-01-01T08:59:60.5+09:00,2\n", &settings);
    assert_eq!(summary.expect("good rows").details.leap_seconds, 2);
    assert!(read.series.into_values().flatten().all(|(at, _)| at == 1_483_228_799_999));
    refused(
        &CsvSettings::default(),
        &[
            ("2016-12-30T23:59:60Z", "no leap second"),
            ("2016-12-31T23:58:60Z", "no leap second"),
            ("2016-12-31T23:59:61Z", "not a time"),
        ],
    );
}

#[test]
fn a_local_time_that_comes_twice_is_refused_or_what_the_option_says() {
    let rows = [
        "2024-10-27 02:00:00",
        "2024-10-27 02:30:00",
        "2024-10-27 02:00:00",
        "2024-10-27 02:30:00",
        "2024-10-27 03:00:00",
    ];
    let refusal = times_by(&berlin(), &rows).expect_err("twice");
    assert!(refusal.contains("x.csv:1: ") && refusal.contains("--repeated-time"), "{refusal}");
    let by = |rule, rows: &[&str]| {
        let times = times_by(&CsvSettings { repeated_time: rule, ..berlin() }, rows)?;
        Ok::<_, String>(times.into_iter().map(|at| (at - 1_729_987_200_000) / 60_000).collect::<Vec<_>>())
    };
    assert_eq!(by(RepeatedTime::Earlier, &rows), Ok(vec![0, 30, 0, 30, 120]));
    assert_eq!(by(RepeatedTime::Later, &rows), Ok(vec![60, 90, 60, 90, 120]));
    assert_eq!(by(RepeatedTime::Infer, &rows), Ok(vec![0, 30, 60, 90, 120]));
    let newest_first: Vec<_> = ["2024-10-27 03:30:00"].into_iter().chain(rows.into_iter().rev()).collect();
    assert_eq!(by(RepeatedTime::Infer, &newest_first), Ok(vec![150, 120, 90, 60, 30, 0]));
    assert!(
        by(
            RepeatedTime::Infer,
            &["2024-10-27 03:00:00", "2024-10-27 02:00:00", "2024-10-27 02:30:00", "2024-10-27 02:10:00"]
        )
        .is_err()
    );
}

#[test]
fn a_local_time_that_never_comes_is_refused_or_moved_forward() {
    refused(&berlin(), &[("2025-03-30T02:30:00", "--skipped-time forward")]);
    let forward = CsvSettings { skipped_time: SkippedTime::Forward, ..berlin() };
    let [skipped, moved] = times_by(&forward, &["2025-03-30T02:30:00", "2025-03-30T03:30:00"]).expect("times")[..]
    else {
        panic!("two points");
    };
    assert_eq!(skipped, moved);
}

#[test]
fn patterns_read_what_they_name_and_nothing_else() {
    for (format, text, expected) in [
        ("%Y-%m", "1949-02", "1949-02-01T00:00:00Z"),
        ("%Y", "1949", "1949-01-01T00:00:00Z"),
        ("%YQ%q", "2024Q3", "2024-07-01T00:00:00Z"),
        ("%Y-%j", "2024-366", "2024-12-31T00:00:00Z"),
        ("%G-W%V-%u", "2020-W53-5", "2021-01-01T00:00:00Z"),
        ("%G-W%V", "2024-W01", "2024-01-01T00:00:00Z"),
        ("%Y-%m-%dT%H:%M:%S%z", "2024-03-01T00:00:00+01:00", "2024-02-29T23:00:00Z"),
        ("%Y-%m-%dT%H:%M:%S%z", "2024-03-01T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("%Y-%m-%dT%H:%M:%S%:z", "2024-03-01T00:00:00-0130", "2024-03-01T01:30:00Z"),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-03-01 00:00:00 Europe/Berlin", "2024-02-29T23:00:00Z"),
        ("%b %d %Y", "Sep  9 2024", "2024-09-09T00:00:00Z"),
        ("%B %d, %Y", "September 9, 2024", "2024-09-09T00:00:00Z"),
        ("%d-%b-%y", "09-SEP-24", "2024-09-09T00:00:00Z"),
        ("%a, %d %b %Y %T %z", "Mon, 09 Sep 2024 10:00:00 +0200", "2024-09-09T08:00:00Z"),
        ("%m/%d/%Y %I:%M:%S %p", "9/9/2024 12:00:01 AM", "2024-09-09T00:00:01Z"),
        ("%m/%d/%Y %I:%M %p", "9/9/2024 12:30 p.m.", "2024-09-09T12:30:00Z"),
        ("%Y%m%d%H%M%S", "20240909101112", "2024-09-09T10:11:12Z"),
        ("%Y-%m-%d %H", "2010-01-01 5", "2010-01-01T05:00:00Z"),
        ("%Y-%m-%d %H:%M", "2010-01-01 24:00", "2010-01-02T00:00:00Z"),
        ("%F %T%.f", "2024-03-01 00:00:00.5", "2024-03-01T00:00:00.5Z"),
        ("%F %T%.f", "2024-03-01 00:00:00", "2024-03-01T00:00:00Z"),
        ("%F %T.%3f", "2024-03-01 00:00:00.123456789012", "2024-03-01T00:00:00.123Z"),
        ("%d.%m.%Y %-H Uhr", "1.3.2024 7 Uhr", "2024-03-01T07:00:00Z"),
    ] {
        assert_eq!(instants(format, "UTC", &[text]), [expected], "{format}");
    }
    for (format, text) in [
        ("%Y-%m-%d", "2024-03-01x"),
        ("%Y-%m-%d", "24-03-01"),
        ("%Y-%m-%d", "2023-02-29"),
        ("%a %Y-%m-%d", "Tue 2024-09-09"),
        ("%YQ%q", "2024Q5"),
        ("%m/%d/%Y %I:%M %p", "9/9/2024 13:30 PM"),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-03-01 00:00:00 CST"),
    ] {
        assert!(times_by(&with_format(format), &[text]).is_err(), "{format}: {text}");
    }
    for format in
        ["%H:%M", "%d.%Y", "%Y %y", "%s %Y", "%I %Y", "%Y-%m-%d %p", "%Y %U", "%Y-%V", "%c", "%Y %M", "%Y.%f", "%s%z"]
    {
        assert!(format.parse::<TimeFormat>().is_err(), "{format}");
    }
}

#[test]
fn a_refused_time_says_which_format_would_read_it() {
    refused(
        &CsvSettings::default(),
        &[("1949-01", "'%Y-%m'"), ("1700000000", "unix-s"), ("03/04/2024", "'%m/%d/%Y' or '%d/%m/%Y'")],
    );
}

#[test]
fn date_and_time_of_day_may_lie_in_columns_of_their_own() {
    let settings = CsvSettings {
        timestamp: vec!["date".parse().expect("a name"), "hour".parse().expect("a name")],
        time_format: "%Y-%m-%d %H".parse().expect("a format"),
        ..CsvSettings::default()
    };
    let seen = import("t.csv", b"date,hour,pm25\n2010-01-01,0,129\n2010-01-01,1,148\n", &settings);
    assert_eq!(seen.series(), ["t{} 1262304000000=129 1262307600000=148"]);
}
