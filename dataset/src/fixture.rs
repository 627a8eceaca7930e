//! Small handmade datasets: one shard, two organisations, eight series, three partitions, a rollup, and the input.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use format::digest::Digest;
use format::keys::{self, AttemptKeys};
use format::manifest::{API_VERSION, Extent, Manifest, ObjectEntry, PartitionEntry, QuarantineEntry, RollupEntry};
use format::part::{PartKind, PartWriter, RollupColumns};
use format::segments::Inputs;
use interchange::parquet::{RawParquetWriter, RollupParquetWriter};
use interchange::{Raw, RawRows, Rollup, RollupRows, RowSink, Table};
use model::books::{Books, MapBooks, ReduceBooks};
use model::{
    AttemptId, ByteRange, Columns, Encoding, FencingToken, JobId, JobSettings, MapTask, OnBadFrame, OutputFormat,
    PartitionId, RollupStep, SegmentRef, SeriesKey, ShardId, ShardPlan, Split, TaskId, Window,
};
use prost::Message;
use proto::v1::Payload;
use storage::Root;
use tempfile::TempDir;

use crate::catalog::{Catalog, name_of};
use crate::rollup::RollupBuilder;

/// Window of all fixtures: ten minutes.
pub(crate) const WINDOW: Window = Window::of(0, 600_000);

/// Default shard of all fixtures.
pub(crate) const SHARD: ShardId = ShardId::Shared(7);

pub(crate) fn step() -> RollupStep {
    "5m".parse().expect("five minutes divide a day")
}

/// Metadata and points by series.
pub(crate) type SeriesMap = BTreeMap<SeriesKey, (Vec<u8>, Columns)>;

/// Output of a job. Its books are counted from the content, so it is always consistent with itself.
#[derive(Clone)]
pub(crate) struct Output {
    pub(crate) window: Window,
    pub(crate) shard: ShardId,
    pub(crate) version: u32,
    pub(crate) partitions: u32,
    pub(crate) settings: JobSettings,
    pub(crate) inputs: Vec<SegmentRef>,
    pub(crate) series: SeriesMap,
    pub(crate) map: MapBooks,
    /// Changes a rollup before it is written.
    pub(crate) on_rollup: fn(SeriesKey, &mut RollupColumns),
    /// Chooses the partition of a series.
    pub(crate) place: fn(SeriesKey, u32) -> PartitionId,
    /// Changes the manifest before it is written.
    pub(crate) on_manifest: fn(&mut Manifest),
}

/// Dataset with its input, in a folder that is removed with it.
pub(crate) struct Fixture {
    dir: TempDir,
    pub(crate) input: Root,
    pub(crate) catalog: Catalog,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let create = |name: &str| Root::create(&dir.path().join(name).display().to_string()).expect("a folder");
        let (input, catalog) = (create("input"), Catalog::new(create("dataset")));
        Self { dir, input, catalog }
    }

    /// Creates a fixture with its input and one committed version.
    pub(crate) async fn committed() -> (Self, Output, Manifest) {
        let fixture = Self::new();
        let output = fixture.output().await;
        let manifest = fixture.commit(&output).await;
        fixture.know(&job()).await;
        (fixture, output, manifest)
    }

    /// Marks the dataset as ours, and makes `job` known to it: writes its spec, and a plan of the fixture's shard.
    pub(crate) async fn know(&self, job: &JobId) {
        let root = self.catalog.root();
        crate::marks::mark_dataset(root).await.expect("the folder is ours");
        let plan = ShardPlan {
            job: job.clone(),
            shard: SHARD,
            settings: JobSettings { window: WINDOW, on_bad_frame: OnBadFrame::Quarantine, ..JobSettings::default() },
            segments: [SegmentRef { key: "shard=org-mod-07/1.seg".to_owned(), size: 1, etag: None }]
                .into_iter()
                .collect(),
            map_tasks: vec![MapTask::of(vec![Split { segment: 0, range: ByteRange::new(0, 1) }])],
            partitions: 3,
        };
        let plan = serde_json::to_vec(&plan).expect("a plan is numbers and names");
        let objects = [(keys::spec(job, Digest(0)), b"{}".to_vec()), (keys::plan(job, SHARD, Digest::of(&plan)), plan)];
        for (key, bytes) in objects {
            root.replace(&key, bytes).await.expect("the folder is ours");
        }
    }

    /// Makes everything in the dataset older.
    pub(crate) fn age(&self, by: Duration) {
        fn age(folder: &Path, by: Duration) {
            for entry in std::fs::read_dir(folder).expect("the folder is ours").flatten() {
                if entry.path().is_dir() {
                    age(&entry.path(), by);
                    continue;
                }
                let file = std::fs::File::open(entry.path()).expect("the file is ours");
                let modified = entry.metadata().and_then(|metadata| metadata.modified()).expect("it is there");
                file.set_modified(modified - by).expect("the file is ours");
            }
        }
        age(&self.path("dataset"), by);
    }

    /// Returns the path of a folder beside the dataset.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Returns the path of an object of the dataset.
    pub(crate) fn object_path(&self, key: &str) -> PathBuf {
        self.path("dataset").join(key)
    }

    pub(crate) async fn put_segment(&self, key: &str, frames: &[Vec<u8>]) -> SegmentRef {
        let bytes = frames.concat();
        self.input.replace(key, bytes.clone()).await.expect("the folder is ours");
        let etag = self.input.head(key).await.expect("it was just written").e_tag;
        SegmentRef { key: key.to_owned(), size: bytes.len() as u64, etag }
    }

    /// Returns the output of a valid job over an input of two segments, which are written too: each series comes in
    /// two payloads, with an early point, a late one and a duplicate each.
    pub(crate) async fn output(&self) -> Output {
        self.output_of(series()).await
    }

    /// Returns the output for other series, each with two points or more.
    pub(crate) async fn output_of(&self, series: SeriesMap) -> Output {
        let (mut first, mut second, mut map) = (Vec::new(), Vec::new(), MapBooks::default());
        for (key, (metadata, points)) in &series {
            let half = points.len() / 2;
            let payload = |range: std::ops::Range<usize>, metadata: &[u8]| Payload {
                org_id: key.org.0,
                metric_id: key.metric.0,
                timestamps: points.timestamps[range.clone()].to_vec(),
                values: points.values[range].to_vec(),
                metadata: metadata.to_vec().into(),
            };
            // The later half comes first; the last point of the earlier half is sent with a value that will be
            // replaced.
            let mut early = payload(half - 1..points.len(), b"old");
            early.values[0] = -1.0;
            early.timestamps.push(WINDOW.end_ms);
            early.values.push(1.0);
            let mut late = payload(0..half, metadata);
            late.timestamps.push(WINDOW.start_ms - 1);
            late.values.push(2.0);
            map.points_read += (points.len() + 3) as u64;
            (map.points_early, map.points_late) = (map.points_early + 1, map.points_late + 1);
            first.push(frame(&early));
            second.push(frame(&late));
        }
        map.frames_read = (first.len() + second.len()) as u64;
        map.frames_routed = map.frames_read;
        map.points_routed = map.points_read - map.points_early - map.points_late;
        let inputs = vec![
            self.put_segment("a/shard=org-mod-07/1.seg", &first).await,
            self.put_segment("b/shard=org-mod-07/2.seg", &second).await,
        ];
        let settings = JobSettings { window: WINDOW, rollups: vec![step()], ..JobSettings::default() };
        Output {
            window: WINDOW,
            shard: SHARD,
            version: 1,
            partitions: 3,
            settings,
            inputs,
            series,
            map,
            on_rollup: |_, _| {},
            place: |key, partitions| key.partition(partitions),
            on_manifest: |_| {},
        }
    }

    /// Writes the parts and the manifest.
    pub(crate) async fn commit(&self, output: &Output) -> Manifest {
        let mut reduce = ReduceBooks::default();
        let mut partitions = Vec::new();
        for partition in (0..output.partitions).map(PartitionId) {
            partitions.push(self.write_partition(output, partition, &mut reduce).await);
        }
        reduce.points_duplicate = output.map.points_routed.saturating_sub(reduce.points_written);
        let quarantine = self.write_quarantine(output).await;
        let mut manifest = Manifest {
            api_version: API_VERSION.to_owned(),
            window: output.window,
            shard: output.shard,
            version: output.version,
            job: job(),
            replaces: Some(output.version - 1).filter(|version| *version > 0),
            base: None,
            forced: None,
            reason: "run".to_owned(),
            committed_at_ms: 1_000_000,
            settings: output.settings.clone(),
            settings_digest: Digest(0),
            inputs: Inputs::Inline(output.inputs.clone().into()),
            partitions,
            quarantine,
            books: Books { map: output.map.clone(), reduce },
            warnings: Vec::new(),
        };
        (output.on_manifest)(&mut manifest);
        let key = name_of(&manifest).to_string();
        self.catalog.root().create_object(&key, manifest.to_bytes()).await.expect("a new version");
        manifest
    }

    async fn write_partition(
        &self,
        output: &Output,
        partition: PartitionId,
        books: &mut ReduceBooks,
    ) -> PartitionEntry {
        let (encoding, format) = (Encoding::Packed, output.settings.format);
        let mut parquet: Box<dyn RowSink<Raw>> = Box::new(RawParquetWriter::new());
        let mut rollup_parquet: Box<dyn RowSink<Rollup>> = Box::new(RollupParquetWriter::new());
        let (job, attempt) = (job(), attempt(output));
        let keys = AttemptKeys { window: output.window, shard: output.shard, job: &job, attempt };
        let mut raw = PartWriter::new(PartKind::Raw, encoding);
        let mut rollup = PartWriter::new(PartKind::Rollup(step()), encoding);
        let (mut extent, mut rollup_rows) = (None, 0);
        for (key, (metadata, points)) in &output.series {
            if (output.place)(*key, output.partitions) != partition || points.is_empty() {
                continue;
            }
            raw.begin_series(*key);
            raw.append(&points.timestamps, &points.values);
            raw.end_series(metadata);
            let rows = RawRows { timestamps_ms: &points.timestamps, values: &points.values };
            parquet.append(*key, rows).expect("series are sorted");
            extend(&mut extent, *key, points);
            books.points_nan += points.values.iter().filter(|value| value.is_nan()).count() as u64;
            let mut builder = RollupBuilder::new(step());
            builder.add(points);
            let mut rows = builder.take(true);
            (output.on_rollup)(*key, &mut rows);
            rollup_rows += rows.len() as u64;
            rollup.begin_series(*key);
            rollup.append_rollup(&rows);
            rollup_parquet.append(*key, lent(&rows)).expect("series are sorted");
            rollup.end_series(&[]);
        }
        books.points_written += extent.map_or(0, |extent: Extent| extent.points);
        books.series_written += extent.map_or(0, |extent| extent.series);
        let mut entry = PartitionEntry { partition, attempt, raw: None, rollups: Vec::new(), extent };
        if extent.is_some() {
            let bytes = match format {
                OutputFormat::Part => finish(raw),
                OutputFormat::Parquet => finish_parquet(parquet),
            };
            entry.raw = Some(self.put_object(keys.part(partition, format), bytes).await);
        }
        if rollup_rows > 0 && !output.settings.rollups.is_empty() {
            books.rollup_rows_written += rollup_rows;
            let bytes = match format {
                OutputFormat::Part => finish(rollup),
                OutputFormat::Parquet => finish_parquet(rollup_parquet),
            };
            let object = self.put_object(keys.rollup(partition, step(), format), bytes).await;
            entry.rollups.push(RollupEntry { step: step(), rows: rollup_rows, object });
        }
        entry
    }

    async fn write_quarantine(&self, output: &Output) -> Vec<QuarantineEntry> {
        let frames = output.map.frames_quarantined;
        if frames == 0 {
            return Vec::new();
        }
        let (job, attempt) = (job(), attempt(output));
        let keys = AttemptKeys { window: output.window, shard: output.shard, job: &job, attempt };
        let object = self.put_object(keys.quarantine(TaskId::map(0)), b"{}\n".to_vec()).await;
        vec![QuarantineEntry { frames, object }]
    }

    pub(crate) async fn put_object(&self, key: String, bytes: Vec<u8>) -> ObjectEntry {
        let entry = ObjectEntry { key, size: bytes.len() as u64, digest: Digest::of(&bytes) };
        self.catalog.root().create_object(&entry.key, bytes).await.expect("attempts write under their own keys");
        entry
    }
}

/// Encodes a payload as a frame.
pub(crate) fn frame(payload: &Payload) -> Vec<u8> {
    let body = zstd::bulk::compress(&payload.encode_to_vec(), 1).expect("zstd compresses");
    let length = u32::try_from(body.len()).expect("a small payload");
    [length.to_be_bytes().as_slice(), &body].concat()
}

/// Series of organisations 7 and 71, metrics 1 to 4, with a point a minute: irregular values, a NaN, a -0.0 and an
/// infinity.
pub(crate) fn series() -> SeriesMap {
    let mut series = SeriesMap::new();
    for (org, metric) in [7, 71].into_iter().flat_map(|org| (1..=4).map(move |metric| (org, metric))) {
        let mut points = Columns::default();
        for minute in 0..10 {
            let value = match (metric, minute) {
                (2, 3) => f64::NAN,
                (3, 4) => -0.0,
                (3, 5) => f64::INFINITY,
                _ => metric as f64 * 0.1 + minute as f64,
            };
            points.push(minute * 60_000, value);
        }
        series.insert(SeriesKey::new(org, metric), (format!("metric-{metric}").into_bytes(), points));
    }
    series
}

pub(crate) fn job() -> JobId {
    "nightly".parse().expect("a job name")
}

fn attempt(output: &Output) -> AttemptId {
    AttemptId { number: 1, token: FencingToken(u64::from(output.version)) }
}

fn finish(mut writer: PartWriter) -> Vec<u8> {
    let mut bytes = writer.take();
    bytes.extend(writer.finish().0);
    bytes
}

fn finish_parquet<T: Table>(mut sink: Box<dyn RowSink<T>>) -> Vec<u8> {
    let mut bytes = sink.take();
    bytes.extend(sink.finish().expect("it was sorted").0);
    bytes
}

fn lent(rows: &RollupColumns) -> RollupRows<'_> {
    RollupRows {
        bucket_start_ms: &rows.bucket_start_ms,
        count: &rows.count,
        sum: &rows.sum,
        min: &rows.min,
        max: &rows.max,
        first: &rows.first,
        last: &rows.last,
    }
}

fn extend(extent: &mut Option<Extent>, key: SeriesKey, points: &Columns) {
    let (org, metric, first, last) =
        (key.org.0, key.metric.0, points.timestamps[0], points.timestamps[points.len() - 1]);
    let extent = extent.get_or_insert(Extent {
        series: 0,
        points: 0,
        org_min: org,
        org_max: org,
        metric_min: metric,
        metric_max: metric,
        time_min_ms: first,
        time_max_ms: last,
    });
    extent.series += 1;
    extent.points += points.len() as u64;
    extent.org_max = org;
    extent.metric_min = extent.metric_min.min(metric);
    extent.metric_max = extent.metric_max.max(metric);
    extent.time_min_ms = extent.time_min_ms.min(first);
    extent.time_max_ms = extent.time_max_ms.max(last);
}
