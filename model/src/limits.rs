//! Limits of the system, each with its unit and its reason.

use std::time::Duration;

/// Longest frame body that is read, in bytes: brokers refuse messages a tenth of this by default, and a payload of
/// [`PAYLOAD_POINTS_MAX`] incompressible points fits.
pub const FRAME_BYTES_MAX: u32 = 8 << 20;

/// Shortest possible zstd frame, in bytes: magic, header descriptor, window or size byte, one block header.
pub const FRAME_BYTES_MIN: u32 = 9;

/// Largest decoded payload, in bytes. Checked against the frame's declared size before memory is taken, and
/// enforced while decoding when the frame declares none.
pub const PAYLOAD_BYTES_MAX: usize = 8 << 20;

/// Largest zstd window that a frame may ask for, as a power of two of bytes (128 MiB): zstd's own limit for a decoder.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Most points in one payload: three days at one second. A payload is held decoded, so this bounds a worker's memory.
pub const PAYLOAD_POINTS_MAX: usize = 1 << 18;

/// Longest metadata of a series, in bytes.
pub const METADATA_BYTES_MAX: usize = 64 << 10;

/// Number of frames that must follow one another before a mid-segment reader accepts a frame's start. A wrong guess
/// costs a re-run (the stitch catches it), never data.
pub const RESYNC_CHAIN_FRAMES: usize = 4;

/// Most candidate offsets that a search for a frame's start keeps: one in 64 bytes of the longest frame, as many as
/// zstd's fastest level leaves of values that imitate a length and the magic. They take up to 12 MiB.
pub const RESYNC_CANDIDATES_MAX: usize = FRAME_BYTES_MAX as usize / 64;

/// Most points in one chunk of a run; a merge holds a decoded chunk for each slice that it reads.
pub const CHUNK_POINTS_MAX: usize = 1024;

/// Most points in one block of a part; a reader of one series decodes at least a block.
pub const BLOCK_POINTS_MAX: usize = 16 << 10;

/// Most points of one series that a spill sorts at once, in memory; if more overlap, they go to several layers.
pub const OVERLAP_POINTS_MAX: usize = 1 << 18;

/// Most series in one block of a part. It bounds the directory of a block of tiny series.
pub const BLOCK_SERIES_MAX: usize = 2048;

/// Most segments that a plan or a manifest holds inline: some 200 KiB of JSON. A longer list is an object of its own.
pub const SEGMENTS_INLINE_MAX: usize = 1000;

/// Most segments of one shard: a worker holds the list of each shard that it works on, at some 30 bytes a segment.
pub const SEGMENTS_PER_SHARD_MAX: usize = 4_000_000;

/// Most segments of one job: the leader holds all lists until their shards have ended, at some 30 bytes a segment.
pub const SEGMENTS_PER_JOB_MAX: usize = 16_000_000;

/// Most segments of a shard, of those that share their size with another one, whose first and last bytes are
/// compared: two requests each, done within seconds.
pub const COPIES_COMPARED_MAX: usize = 1000;

/// First and last bytes of a segment that are compared with those of others of its size.
pub const COPY_SAMPLE_BYTES: u64 = 64 << 10;

/// Most bytes of a shard's segments that are read to tell if segments that agree so far are the same: some seconds of
/// one store's bandwidth, before any task runs.
pub const COPY_BYTES_MAX: u64 = 256 << 20;

/// Attempts that a task gets before its shard fails.
pub const ATTEMPTS_PER_TASK_MAX: u32 = 4;

/// Most partitions of a shard's shuffle. It bounds a run's index and the parts of a manifest.
pub const PARTITIONS_PER_SHARD_MAX: u32 = 1024;

/// Most map tasks of a shard; splits grow beyond their target rather than exceed it.
pub const MAP_TASKS_PER_SHARD_MAX: usize = 4096;

/// Most segments that one map task reads: its report names each of them, in some 120 bytes, and has to fit into a
/// message.
pub const SPLITS_PER_TASK_MAX: usize = 32 << 10;

/// Most slices that one merge reads at once; more are merged in groups first.
pub const MERGE_FAN_IN_MAX: usize = 256;

/// Files that a slot may have open at once: the slices of one merge ([`MERGE_FAN_IN_MAX`]), its output, its segment.
pub const OPEN_FILES_PER_SLOT: u64 = MERGE_FAN_IN_MAX as u64 + 32;

/// Files that a process has open beside its slots: connections to stores, etcd and coordinators, listeners, logs.
pub const OPEN_FILES_BASE: u64 = 512;

/// Most shards of a job, so that a spec that names each of them is still one small message.
pub const SHARDS_PER_JOB_MAX: usize = 1 << 16;

/// Most tasks of a job: its leader keeps up to a kilobyte for each in memory.
pub const TASKS_PER_JOB_MAX: usize = 2_000_000;

/// Most jobs that a cluster has open at once: a leader reads and watches over all of them.
pub const OPEN_JOBS_MAX: usize = 4096;
/// Most rollup steps of a job. Each step is a file, and all files of a partition are written at once.
pub const ROLLUPS_MAX: usize = 16;

/// Largest target of a split or a partition, in bytes. No store has larger segments, and sums of targets do not
/// overflow.
pub const TARGET_BYTES_MAX: u64 = 1 << 40;

/// Longest URI of an input or a dataset, in bytes, as long as the longest key of S3. The state's limit for a
/// dataset's URI is smaller.
pub const URI_BYTES_MAX: usize = 1024;

/// Longest reason that an operator gives, in bytes: a sentence or two, kept in records and shown in tables.
pub const REASON_BYTES_MAX: usize = 1024;

/// Longest name of a worker or a coordinator, in bytes; DNS limits a host name to 253.
pub const NAME_BYTES_MAX: usize = 256;

/// Longest name of a submitter, in bytes: a user and a host.
pub const SUBMITTER_BYTES_MAX: usize = 512;

/// Longest message of a failed attempt, in bytes: a chain of causes with its objects. A longer message is cut.
pub const FAILURE_BYTES_MAX: usize = 8 << 10;

/// Most organisations that books list by name as misplaced; a producer of random ids would make as many as it sends
/// frames.
pub const MISPLACED_LISTED_MAX: usize = 1000;

/// Largest count of a report, so that the sum over a thousand partitions does not overflow.
pub const COUNT_MAX: u64 = 1 << 50;

/// Most requests of operators that are answered at once. Further requests are refused with the length of a pause.
pub const OPERATOR_REQUESTS_MAX: usize = 256;

/// Most requests of workers that are answered at once: enough for a waiting claim, a heartbeat and completions from
/// each of a thousand workers.
pub const WORKER_REQUESTS_MAX: usize = 16 << 10;

/// Most requests that wait for the leader's loop, of operators and workers together: it takes in thousands a second,
/// so what comes beyond would wait for longer than it is worth, and is refused with a pause.
pub const MAILBOX_MAX: usize = 8 << 10;

/// Most changes of tasks that wait for a transaction; further changes wait for room. A few seconds of what etcd takes.
pub const JOURNAL_QUEUE_MAX: usize = 16 << 10;

/// Most dry runs at once: each lists a whole input into memory.
pub const PLANS_AT_ONCE_MAX: usize = 2;

/// Most watchers of jobs at once; those of one job share one view of it.
pub const WATCHERS_MAX: usize = 1024;

/// Most connections at once: each worker and each running command has one.
pub const CONNECTIONS_MAX: usize = 4096;

/// Most requests of one connection at once: a worker of 256 slots has as many completions, a claim and a beat.
pub const REQUESTS_PER_CONNECTION_MAX: usize = 512;

/// Most attempts that one request of a worker names: sixteen times the slots of the largest worker, to include
/// attempts whose report is waiting.
pub const ATTEMPTS_PER_REQUEST_MAX: usize = 4096;

/// Most live workers; the leader keeps a record, a claim and a heartbeat of each.
pub const WORKERS_MAX: usize = 16 << 10;

/// Most orders to leave that are kept by name for workers that are not connected.
pub const DRAIN_ORDERS_MAX: usize = 1000;

/// Smallest memory budget of a worker, in bytes; the fixed buffers alone would not fit in less.
pub const MEMORY_BYTES_MIN: u64 = 32 << 20;

/// Number of shared shards: `org_id % 64`.
pub const SHARED_SHARDS: u64 = 64;

/// Most differences that a verification lists by name; further ones are only counted.
pub const DIFFERENCES_LISTED_MAX: usize = 100;

/// Most requests to a store that one step of a job sends at once. At 20 ms each, 100,000 of them take half a minute
/// instead of half an hour, and a connection pool of the usual size serves them.
pub const REQUESTS_AT_ONCE_MAX: usize = 64;

/// Size at which a piece of an event log is full, in bytes; every write of a piece rewrites it as a whole.
pub const EVENT_PIECE_BYTES_MAX: usize = 256 << 10;

/// Most bytes of one job's event log that wait for a store that is away: several minutes of a large job, and no attempt
/// ends while its dataset is away. In the worst case a leader holds that much for each open job.
pub const EVENTS_UNWRITTEN_BYTES_MAX: usize = 20 << 20;

/// Most bytes of a job's event log under one leader, but for the ends of attempts. It bounds the log to a few hundred
/// objects.
pub const EVENTS_BYTES_MAX: usize = 64 << 20;

/// Most bytes of the ends of attempts in a job's event log under one leader: a million at half a KiB each, so that none
/// is left out of a job of 300,000 tasks.
pub const ATTEMPT_EVENTS_BYTES_MAX: usize = 512 << 20;

/// Most jobs in one answer of a listing; the rest is requested page by page.
pub const JOBS_PER_PAGE_MAX: usize = 5000;

/// Most datasets whose history is read at once for one listing or one job.
pub const DATASETS_AT_ONCE_MAX: usize = 16;

/// Most segments that a warning or a cause names; further segments are counted. A manifest may have 100,000, and
/// nobody reads more than the first few.
pub const SEGMENTS_NAMED_MAX: usize = 10;

/// Largest value of a key in the cluster's state, in bytes: a record, never a history. Plans and reports are objects.
pub const STATE_VALUE_BYTES_MAX: usize = 1024;

/// Most bytes of keys and values in the cluster's state, with [`OPEN_TASKS_MAX`] tasks open. etcd keeps all keys in
/// memory and refuses every write once its quota (2 GiB by default, history included) is used up.
pub const STATE_BYTES_MAX: usize = 50 << 20;

/// Most open tasks of all shards, the number for which [`STATE_BYTES_MAX`] is planned.
pub const OPEN_TASKS_MAX: usize = 100_000;

/// Most comparisons, and most operations, in one transaction: etcd's own default.
pub const STATE_TXN_OPS_MAX: usize = 128;

/// Most keys that one read of a listing asks for. etcd counts all keys of the range again for each page, so few large
/// pages are several times faster than many small ones. As many records of the largest size fit into
/// [`MESSAGE_BYTES_MAX`].
pub const STATE_PAGE_KEYS_MAX: usize = 10_000;

/// Most tries of a transaction with an unknown outcome, before the caller gets the answer that it is unknown.
pub const STATE_SETTLE_TRIES_MAX: u32 = 8;

/// Largest message of gRPC, in bytes. It has room for several times the report of a map task that read thousands of
/// splits, or a job with all its shards.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Largest report of an attempt, in bytes, so that the report and the attempt's name fit into [`MESSAGE_BYTES_MAX`].
pub const REPORT_BYTES_MAX: usize = MESSAGE_BYTES_MAX - (64 << 10);

/// Largest spec on the wire, in bytes; it has room for the names of [`SHARDS_PER_JOB_MAX`] shards.
pub const SPEC_BYTES_MAX: usize = 1 << 20;

/// Largest request of an operator, in bytes: a spec with its framing. No other request is as long.
pub const REQUEST_BYTES_MAX: usize = SPEC_BYTES_MAX + (64 << 10);

/// Largest page of a listing, in bytes of its entries: a quarter of a message, so that one more entry of any size
/// still fits.
pub const PAGE_BYTES_MAX: usize = MESSAGE_BYTES_MAX / 4;

/// Longest text of an error on the wire, in bytes. It travels in HTTP headers, which peers limit to 16 KiB, in three
/// copies, of which one is escaped to up to three times its length.
pub const STATUS_TEXT_BYTES_MAX: usize = 2 << 10;

/// Longest wait until a folder is open: a dead mount never answers, and a client of ours still listens by then. A
/// disk that wakes up later is open for the next request.
pub const FOLDER_OPEN_MAX: Duration = Duration::from_secs(5);

/// Interval at which the runner of a job refreshes the job's mark in its dataset.
pub const JOB_MARK_EVERY: Duration = Duration::from_secs(5 * 60);

/// Age, by the store's clock, at which an open job's mark counts as that of a dead runner: twelve refreshes were
/// missed. A collector with a longer minimum age waits for that instead.
pub const JOB_MARK_STALE_AFTER: Duration = Duration::from_secs(60 * 60);

/// Most garbage that one report lists by name; the rest is only counted, because a report is one document in memory.
pub const GARBAGE_LISTED_MAX: usize = 10_000;

/// Most requests of a collector at once; a shard of a thousand partitions has as many folders to list.
pub const GC_REQUESTS_MAX: usize = 32;

/// Most current versions that a coordinator's index of one dataset keeps: those of 1,500 windows of 65 shards, about
/// 30 MB. The windows that were asked for longest ago are read again when they are asked for.
pub const COVERAGE_CELLS_MAX: usize = 100_000;

/// Most datasets of which a coordinator keeps an index of coverage.
pub const COVERAGE_DATASETS_MAX: usize = 8;

/// Most ended jobs whose windows an index of coverage knows, the newest first; about 20 MB.
pub const COVERAGE_JOBS_MAX: usize = 100_000;

/// Most commits and ends that wait for the next question about coverage. Beyond that, the question looks at the store.
pub const COVERAGE_NOTES_MAX: usize = 10_000;

/// Most shards in one answer about coverage, unless one window has more: a few MB on the wire.
pub const COVERAGE_PAGE_CELLS_MAX: usize = 20_000;

/// Most causes of shards that are not complete in one window of an answer; each has up to a kilobyte or so.
pub const COVERAGE_CAUSES_MAX: usize = 1000;

/// Most windows in one answer about coverage.
pub const COVERAGE_WINDOWS_MAX: usize = 500;

/// Age up to which an answer about coverage uses facts of the store without another look, unless the caller asks for
/// fresher ones: others than the cluster's own jobs rarely commit.
pub const COVERAGE_FRESH_FOR: Duration = Duration::from_secs(30);

/// Shortest time between two listings of a dataset for its coverage; callers who ask sooner get the last one.
pub const COVERAGE_LOOK_EVERY: Duration = Duration::from_secs(1);

/// Checks that a page of a listing fits into one message, keys and framing included.
const _: () = assert!(STATE_PAGE_KEYS_MAX * (STATE_VALUE_BYTES_MAX + 512) <= MESSAGE_BYTES_MAX);

/// Most series of one import. Without the limit, a column that differs in every row and is taken for a label would
/// fill the memory.
pub const IMPORT_SERIES_MAX: usize = 1 << 20;

/// Longest row of CSV, in bytes, so that a quote that is never closed fails here and not at the end of the file.
pub const CSV_ROW_BYTES_MAX: usize = 1 << 20;

/// Most columns of a CSV file; a header of [`CSV_ROW_BYTES_MAX`] can hardly hold more meaningful names.
pub const CSV_COLUMNS_MAX: usize = 1 << 16;

/// Most points that are sorted at once when an import looks for several values at one time: 96 MiB.
pub const COLLISION_POINTS_MAX: usize = 4 << 20;
