//! Runs as this build writes and reads them: the golden run of version 1, and every damage to it.

use std::path::PathBuf;

use format::run::SliceEntry;
use model::{Columns, FencingToken, JobSettings, SeriesKey, ShardId, TaskId};
use object_store::memory::InMemory;
use storage::Root;
use storage::segment::SegmentAccess;
use tokio::runtime::Runtime;

use super::*;
use crate::limits::SlotLimits;
use crate::map::pack;
use crate::runs::{Combiner, Merger, RunWriter};
use crate::task::{Progress, Stores, Work};

const PARTITIONS: u32 = 2;

/// Row of a run: partition, key, metadata, points.
type Row = (u32, SeriesKey, Vec<u8>, Vec<(i64, u64)>);

fn assignment() -> Assignment {
    Assignment {
        job: "j".parse().expect("a job's name"),
        shard: ShardId::Shared(1),
        task: TaskId::reduce(PartitionId(0)),
        attempt: model::AttemptId { number: 1, token: FencingToken(1) },
        settings: JobSettings::default(),
        partitions: PARTITIONS,
        shard_bytes: 0,
        work: Work::Reduce { partition: PartitionId(0), list: Digest(0), runs: Vec::new() },
    }
}

/// Store in memory with the context of an attempt.
struct Bench {
    runtime: Runtime,
    stores: Stores,
    progress: Arc<Progress>,
}

impl Bench {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
        let root = Root::of_store("memory://", Arc::new(InMemory::new()));
        let stores = Stores {
            input: root.clone(),
            dataset: root.clone(),
            scratch: root.clone(),
            local: root,
            access: SegmentAccess::Auto,
            runtime: runtime.handle().clone(),
        };
        Self { runtime, stores, progress: Arc::default() }
    }

    /// Writes the rows as one run, a slice for each partition.
    fn write(&self, key: &str, rows: &[Row]) -> ObjectEntry {
        let mut run = RunWriter::new(&self.stores.scratch, key.to_owned(), &self.stores.runtime);
        let mut encoder = format::column::ColumnEncoder::new();
        let mut body = Vec::new();
        for (partition, key, metadata, points) in rows {
            if run.open_partition() != Some(PartitionId(*partition)) {
                run.begin_slice(PartitionId(*partition), 0, 0).expect("memory");
            }
            run.begin_series(*key, metadata);
            for points in points.chunks(4) {
                let timestamps: Vec<_> = points.iter().map(|(at, _)| *at).collect();
                let values: Vec<_> = points.iter().map(|(_, bits)| f64::from_bits(*bits)).collect();
                let header = pack(&mut encoder, &timestamps, &values, &mut body);
                run.chunk(&header, &body).expect("memory");
            }
            run.end_series();
        }
        run.finish().expect("memory").expect("a run with a slice").object
    }

    fn bytes(&self, key: &str) -> Vec<u8> {
        self.runtime.block_on(self.stores.scratch.read(key)).expect("it was written").to_vec()
    }

    /// Reads all of `bytes` as a run of `size` bytes.
    fn read(&self, bytes: &[u8], size: u64) -> Result<Vec<Row>, WorkError> {
        self.runtime.block_on(self.stores.scratch.replace("read", bytes.to_vec())).expect("memory");
        let ctx = AttemptContext { stores: &self.stores, belongs: &|_| true, progress: &self.progress };
        let run = ObjectEntry { key: "read".to_owned(), size, digest: model::digest::Digest(0) };
        let assignment = assignment();
        let mut rows = Vec::new();
        for partition in 0..PARTITIONS {
            let limits = SlotLimits::within(1 << 20);
            let runs = [RunEntry { map_task: 0, object: run.clone() }];
            let slices = locate(&assignment, PartitionId(partition), (Digest(0), &runs), &ctx)?;
            let mut combiner = Combiner::new(&assignment, &ctx, limits.reduce_budget());
            let mut merger = Merger::new(combiner.open(PartitionId(partition), slices)?);
            while let Some(key) = merger.next_series()? {
                let mut columns = Columns::default();
                while merger.next_points(&mut columns)? {}
                let points = columns.timestamps.iter().zip(&columns.values).map(|(at, value)| (*at, value.to_bits()));
                rows.push((partition, key, merger.metadata().to_vec(), points.collect()));
            }
        }
        Ok(rows)
    }
}

/// Locates the slices of each partition, and counts the requests for them.
fn locate_all(bench: &Bench, runs: &[RunEntry], list: Digest) -> (Vec<Vec<SliceEntry>>, u64) {
    let tally = Arc::new(storage::Tally::default());
    let stores = Stores { scratch: bench.stores.scratch.counted(Arc::clone(&tally)), ..bench.stores.clone() };
    let ctx = AttemptContext { stores: &stores, belongs: &|_| true, progress: &bench.progress };
    let assignment = assignment();
    let of = |partition| {
        let located = locate(&assignment, PartitionId(partition), (list, runs), &ctx).expect("they are there");
        assert!(located.iter().all(|slice| runs.iter().any(|run| *slice.run == *run.object.key)));
        located.iter().map(|located| located.slice).collect()
    };
    let found = (0..PARTITIONS).map(of).collect();
    (found, tally.requests().get)
}

#[test]
fn a_table_costs_two_requests_a_partition_and_a_damaged_one_is_passed_over() {
    let bench = Bench::new();
    let entry = |at: u32| RunEntry { map_task: at, object: bench.write(&format!("run-{at}"), &sample()) };
    let runs: Vec<_> = (0..9).map(entry).collect();
    let list = Digest(9);
    let (expected, requests) = locate_all(&bench, &runs, list);
    assert_eq!(requests, u64::from(PARTITIONS) * (9 + 1), "a look for the table, and each index");

    let mut table = format::slices::SliceTable::new(PARTITIONS);
    for (at, run) in runs.iter().enumerate() {
        let bytes = bench.bytes(&run.object.key);
        let len = RunIndex::len_in(&bytes).expect("a run") + TRAILER_BYTES;
        table.add(at, &RunIndex::from_bytes(&bytes[bytes.len() - len..]).expect("an index"));
    }
    let bytes = table.to_bytes(list);
    let assignment = assignment();
    let key = keys::slice_table(&assignment.job, assignment.shard, list);
    let put =
        |bytes: &[u8]| bench.runtime.block_on(bench.stores.scratch.replace(&key, bytes.to_vec())).expect("memory");
    put(&bytes);
    assert_eq!(locate_all(&bench, &runs, list), (expected.clone(), 2 * u64::from(PARTITIONS)));
    for damaged in [&bytes[..bytes.len() - 1], &bytes[..20], &[0; 400], &[]] {
        put(damaged);
        assert_eq!(locate_all(&bench, &runs, list).0, expected);
    }
}

fn sample() -> Vec<Row> {
    let regular = (0..10).map(|at| (1_700_000_000_000 + at * 10_000, (at as f64 / 4.0).to_bits())).collect();
    let odd = [i64::MIN, -1, -1, i64::MAX].into_iter().zip([f64::NAN, -0.0, f64::INFINITY, 0.1].map(f64::to_bits));
    vec![
        (0, SeriesKey::new(1, 1), b"host:a".to_vec(), regular),
        (0, SeriesKey::new(1, 2), Vec::new(), odd.collect()),
        (1, SeriesKey::new(u64::MAX, 9), b"x".to_vec(), vec![(5, 7f64.to_bits())]),
    ]
}

#[test]
fn a_golden_run_of_version_1_is_read_and_written_again() {
    let bench = Bench::new();
    bench.write("golden", &sample());
    let written = bench.bytes("golden");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../format/golden/v1/sample.run");
    if std::env::var_os("WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &written).expect("write golden run");
    }
    let golden = std::fs::read(&path).expect("read golden run");
    assert_eq!(bench.read(&golden, golden.len() as u64).expect("a golden run is sound"), sample());
    assert!(golden == written, "today's writer gives other bytes for the same series");
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_run_is_seen() {
    let bench = Bench::new();
    let size = bench.write("whole", &sample()).size;
    let bytes = bench.bytes("whole");
    // The magic at the start is for people. Readers begin at the end, and go from the index to the slices.
    for bit in format::run::MAGIC.len() * 8..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(bench.read(&flipped, size).is_err(), "bit {bit}");
    }
    for len in 0..bytes.len() {
        assert!(bench.read(&bytes[..len], len as u64).is_err(), "{len} bytes");
        assert!(bench.read(&bytes[..len], size).is_err(), "{len} bytes of a run that had {size}");
    }
}
