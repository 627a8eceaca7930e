//! Speed and size of the column codecs, and the size of whole parts, on a mix of series as metrics have them: 40 %
//! gauges with two decimals, 20 % counters, 15 % constants, 15 % sparse small integers, 10 % noise; timestamps every
//! 10 s, with jitter in a tenth of the series. Run it with `cargo run --release -p format --example column_speed`.
#![allow(clippy::print_stdout, reason = "a measurement is printed")]

use std::hint::black_box;
use std::time::Instant;

use format::column::{ColumnDecoder, ColumnEncoder, Encoding};
use format::part::{Block, PartKind, PartWriter, RollupColumns, RollupRow, Tail, read_tail};
use model::{Columns, SeriesKey};

const START_MS: i64 = 1_700_000_000_000;

/// xorshift64*, so that the mix is the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: u64) -> u64 {
        ((self.next() >> 32) * bound) >> 32
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn series(random: &mut Random, ordinal: usize, points: usize) -> Columns {
    // The shares are exact, not drawn at random: the few series of noise make up half of all bytes.
    let kind = ordinal * 37 % 100;
    let jitter = if (ordinal * 37 / 100).is_multiple_of(10) { 41 } else { 1 };
    let mut level = random.below(100_000) as i64;
    let constant = random.below(100_000) as f64 / 100.0;
    let mut columns = Columns::default();
    for i in 0..points as i64 {
        let value = match kind {
            0..40 => {
                level += random.below(201) as i64 - 100;
                level as f64 / 100.0
            }
            40..60 => {
                level += random.below(181) as i64;
                level as f64
            }
            60..75 => constant,
            75..90 if random.below(20) > 0 => 0.0,
            75..90 => 1.0 + random.below(9) as f64,
            _ => 50.0 + 50.0 * random.unit(),
        };
        columns.push(START_MS + i * 10_000 + random.below(jitter) as i64, value);
    }
    columns
}

fn nanoseconds_per_point(points: usize, mut work: impl FnMut()) -> f64 {
    let run = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed().as_nanos() as f64 / points as f64
    };
    // The fastest of several runs is the time that the code takes when nothing disturbs it.
    (0..15).map(|_| run(&mut work)).fold(f64::INFINITY, f64::min)
}

fn measure_columns(name: &str, all: &[Columns], encoding: Encoding) {
    let points = all.iter().map(Columns::len).sum::<usize>();
    let (mut encoder, mut decoder) = (ColumnEncoder::new(), ColumnDecoder::new());
    let mut bytes = Vec::new();
    let encode = nanoseconds_per_point(points, || {
        bytes.clear();
        for columns in all {
            encoder.timestamps(&columns.timestamps, encoding, &mut bytes);
            encoder.values(&columns.values, encoding, &mut bytes);
        }
    });
    let mut columns = Columns::default();
    let decode = nanoseconds_per_point(points, || {
        let mut input = bytes.as_slice();
        for expected in all {
            columns.clear();
            decoder.timestamps(&mut input, expected.len(), &mut columns.timestamps).expect("own bytes");
            decoder.values(&mut input, expected.len(), &mut columns.values).expect("own bytes");
            black_box(&columns);
        }
    });
    let bits = bytes.len() as f64 * 8.0 / points as f64;
    println!("{name:28} {encoding:7} encode {encode:6.2} ns/pt, decode {decode:5.2} ns/pt, {bits:6.2} bits/pt");
}

/// Metadata of about a hundred bytes, as agents send it: names from a small set, hosts from a larger one, a unique
/// id.
fn metadata(random: &mut Random, metric: usize) -> String {
    let name = ["http.requests", "cpu.user", "queue.depth", "gc.pause"][random.below(4) as usize];
    let (host, zone, id) = (random.below(2000), random.below(6), random.next() >> 48);
    format!(
        r#"{{"name":"{name}.{metric}","host":"web-{host:04}","zone":"eu-west-{zone}","env":"prod","container":"{id:04x}"}}"#
    )
}

fn write_part(all: &[(String, Columns)], encoding: Encoding) -> Vec<u8> {
    let mut writer = PartWriter::new(PartKind::Raw, encoding);
    for (metric, (metadata, columns)) in all.iter().enumerate() {
        writer.begin_series(SeriesKey::new(metric as u64 / 400, metric as u64 * 7919));
        writer.append(&columns.timestamps, &columns.values);
        writer.end_series(metadata.as_bytes());
    }
    writer.finish().0
}

/// Opens each block of a part, and calls `read` for the index of each of its series.
fn for_each_series(bytes: &[u8], mut read: impl FnMut(&Block<'_>, usize)) {
    let Ok(Tail::Footer(footer)) = read_tail(bytes, bytes.len() as u64) else { panic!("own bytes") };
    for (ordinal, info) in footer.blocks().iter().enumerate() {
        let range = info.range.start as usize..info.range.end as usize;
        let block = Block::open(&footer, ordinal, &bytes[range]).expect("own bytes");
        (0..block.series().len()).for_each(|index| read(&block, index));
    }
}

fn read_part(bytes: &[u8]) {
    let (mut decoder, mut columns) = (ColumnDecoder::new(), Columns::default());
    for_each_series(bytes, |block, index| {
        columns.clear();
        block.points(index, &mut decoder, &mut columns).expect("own bytes");
        black_box(&columns);
    });
}

fn read_rollups(bytes: &[u8]) {
    let (mut decoder, mut rows) = (ColumnDecoder::new(), RollupColumns::default());
    for_each_series(bytes, |block, index| {
        rows.clear();
        block.rollups(index, &mut decoder, &mut rows).expect("own bytes");
        black_box(&rows);
    });
}

fn measure_part(name: &str, all: &[Columns], encoding: Encoding) {
    let mut random = Random(2);
    let all: Vec<_> = all.iter().enumerate().map(|(i, c)| (metadata(&mut random, i), c.clone())).collect();
    let points = all.iter().map(|(_, columns)| columns.len()).sum::<usize>();
    let mut bytes = Vec::new();
    let encode = nanoseconds_per_point(points, || bytes = write_part(&all, encoding));
    let decode = nanoseconds_per_point(points, || read_part(&bytes));
    let bits = bytes.len() as f64 * 8.0 / points as f64;
    println!("part, {name:22} {encoding:7} write  {encode:6.2} ns/pt, read   {decode:5.2} ns/pt, {bits:6.2} bits/pt");
}

fn roll_up(columns: &Columns) -> RollupColumns {
    let mut rows = RollupColumns::default();
    for (timestamps, values) in columns.timestamps.chunks(30).zip(columns.values.chunks(30)) {
        rows.push(RollupRow {
            bucket_start_ms: timestamps[0] - timestamps[0].rem_euclid(10_000),
            count: values.len() as u64,
            sum: values.iter().sum(),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            first: values[0],
            last: values[values.len() - 1],
        });
    }
    rows
}

fn measure_rollup(all: &[Columns], encoding: Encoding) {
    let mut random = Random(2);
    let all: Vec<_> = all.iter().enumerate().map(|(i, c)| (metadata(&mut random, i), roll_up(c))).collect();
    let row_count = all.iter().map(|(_, rows)| rows.len()).sum::<usize>();
    let step = "5m".parse().expect("5m divides a day");
    let mut bytes = Vec::new();
    let encode = nanoseconds_per_point(row_count, || {
        let mut writer = PartWriter::new(PartKind::Rollup(step), encoding);
        for (metric, (metadata, rows)) in all.iter().enumerate() {
            writer.begin_series(SeriesKey::new(metric as u64 / 400, metric as u64 * 7919));
            writer.append_rollup(rows);
            writer.end_series(metadata.as_bytes());
        }
        bytes = writer.finish().0;
    });
    let decode = nanoseconds_per_point(row_count, || read_rollups(&bytes));
    let bits = bytes.len() as f64 * 8.0 / row_count as f64;
    println!(
        "part, rollup at 5m           {encoding:7} write  {encode:6.2} ns/row, read {decode:5.2} ns/row, {bits:6.2} bits/row"
    );
}

fn main() {
    let mut random = Random(1);
    let mut mix = |points: usize, series_count: usize| -> Vec<Columns> {
        (0..series_count).map(|ordinal| series(&mut random, ordinal, points)).collect()
    };
    let sets =
        [("series of 1440", mix(1440, 500)), ("chunks of 60", mix(60, 12_000)), ("series of 20", mix(20, 36_000))];
    for encoding in [Encoding::Packed, Encoding::Pco] {
        for (name, set) in &sets {
            measure_columns(name, set, encoding);
            measure_part(name, set, encoding);
        }
        measure_rollup(&sets[0].1, encoding);
    }
}
