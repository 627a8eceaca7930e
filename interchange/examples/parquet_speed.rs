//! Measures the cost of a point in Parquet: `cargo run --release -p interchange --example parquet_speed [SERIES]`.
//!
//! Prints nanoseconds and bits per point, for the mix of series below and for each kind alone. The writer has one
//! thread, so on an idle machine its time is its CPU.
#![allow(clippy::print_stdout, reason = "its output is its purpose")]

use std::time::Instant;

use interchange::parquet::RawParquetWriter;
use interchange::{Raw, RawRows, RowSink, WriteError};
use model::{Columns, SeriesKey};

/// Points per series: four hours at ten seconds.
const POINTS_PER_SERIES: usize = 1440;

/// Number of runs per figure, of which the best counts: the others measure the neighbours on the machine.
const RUNS: usize = 5;

/// Kind of series, with its share of the mix in percent.
#[derive(Clone, Copy)]
enum Kind {
    Gauge,
    Counter,
    Constant,
    Noise,
    Sparse,
}

const MIX: [(Kind, &str, u64); 5] = [
    (Kind::Gauge, "gauge", 40),
    (Kind::Counter, "counter", 20),
    (Kind::Constant, "constant", 15),
    (Kind::Noise, "noise", 10),
    (Kind::Sparse, "sparse", 15),
];

fn main() -> Result<(), WriteError> {
    let series_count = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3000);
    measure("mix", &generate(series_count, pick_from_mix))?;
    for (kind, name, _) in MIX {
        measure(name, &generate(series_count / 4, |_| kind))?;
    }
    Ok(())
}

fn measure(name: &str, series: &[(SeriesKey, Columns)]) -> Result<(), WriteError> {
    let points = (series.len() * POINTS_PER_SERIES) as f64;
    let (mut best_ns, mut bytes) = (f64::INFINITY, 0);
    for _ in 0..RUNS {
        let started = Instant::now();
        bytes = write(series)?;
        best_ns = best_ns.min(started.elapsed().as_nanos() as f64);
    }
    println!("{name:10} {:6.1} ns/pt  {:6.2} bits/pt", best_ns / points, bytes as f64 * 8.0 / points);
    Ok(())
}

fn write(series: &[(SeriesKey, Columns)]) -> Result<u64, WriteError> {
    let mut sink: Box<dyn RowSink<Raw>> = Box::new(RawParquetWriter::new());
    for (key, columns) in series {
        sink.append(*key, RawRows { timestamps_ms: &columns.timestamps, values: &columns.values })?;
        std::hint::black_box(sink.take());
    }
    Ok(sink.finish()?.1.bytes)
}

fn generate(series_count: u64, pick: impl Fn(&mut Random) -> Kind) -> Vec<(SeriesKey, Columns)> {
    let mut random = Random(7);
    let series = |index: u64| {
        let kind = pick(&mut random);
        (SeriesKey::new(index / 100, index * 7919), points(kind, &mut random))
    };
    (0..series_count).map(series).collect()
}

fn pick_from_mix(random: &mut Random) -> Kind {
    let mut drawn = random.below(100);
    for (kind, _, share) in MIX {
        if drawn < share {
            return kind;
        }
        drawn -= share;
    }
    Kind::Sparse
}

fn points(kind: Kind, random: &mut Random) -> Columns {
    let jitters = random.below(10) == 0;
    let (mut cents, mut total) = (random.below(100_000) as i64, 0);
    let constant = random.below(1000) as f64;
    let mut columns = Columns::default();
    for index in 0..POINTS_PER_SERIES as i64 {
        let jitter_ms = if jitters { random.below(41) as i64 } else { 0 };
        let value = match kind {
            Kind::Gauge => {
                cents += random.below(201) as i64 - 100;
                cents as f64 / 100.0
            }
            Kind::Counter => {
                total += random.below(181);
                total as f64
            }
            Kind::Constant => constant,
            Kind::Noise => f64::from_bits(1f64.to_bits() | random.next() >> 12),
            Kind::Sparse if random.below(100) < 95 => 0.0,
            Kind::Sparse => (1 + random.below(9)) as f64,
        };
        columns.push(1_700_000_000_000 + index * 10_000 + jitter_ms, value);
    }
    columns
}

/// SplitMix64, so that the series are the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
