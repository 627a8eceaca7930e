use proptest::prelude::*;

use super::*;

proptest! {
    /// Instants with an offset are read as the same instants that another library writes.
    #[test]
    fn instants_are_read_as_another_library_writes_them(
        second in -62_167_219_200i64..253_402_000_000,
        nanos in 0i32..1_000_000_000,
        offset_minutes in -1080i32..1080,
    ) {
        let instant = jiff::Timestamp::new(second, nanos).expect("in range");
        let offset = jiff::tz::Offset::from_seconds(offset_minutes * 60).expect("in range");
        let zone = TimeZone::UTC;
        let reader = TimeReader::new(&TimeFormat::Rfc3339, &zone, SkippedTime::Refuse);
        let ms = instant.as_nanosecond().div_euclid(1_000_000) as i64;
        let text = instant.display_with_offset(offset).to_string();
        if !text.starts_with('-') {
            let reading = reader.read(text.as_bytes());
            prop_assert_eq!(reading.map(|reading| reading.at), Ok(Instants::One(ms)), "{}", text);
        }
    }

    /// No text makes a reader panic.
    #[test]
    fn no_text_is_too_odd(text in "[0-9TZ:.+\\[\\]a-zA-Z/ eE-]{0,40}") {
        for format in ["rfc3339", "unix-s", "unix-ns", "%Y-%m-%d %H:%M:%S%.f %z", "%a %b %d %I %p %Y", "%s.%f", "%G-W%V-%u"] {
            let format: TimeFormat = format.parse().expect("a format");
            let zone = TimeZone::UTC;
            let reader = TimeReader::new(&format, &zone, SkippedTime::Refuse);
            let _ = reader.read(text.as_bytes());
        }
        let _ = guess::formats(text.as_bytes());
        let _ = parse_zone(&text);
    }
}
