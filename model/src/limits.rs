//! Every bound of the system, with its unit and its reason.

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

/// How many frames must follow one another before a mid-segment reader believes that it found a frame's start.
/// A wrong belief costs a re-run (the stitch catches it), never data.
pub const RESYNC_CHAIN_FRAMES: usize = 4;

/// Most points in one chunk of a run: what a merge holds decoded for each slice that it reads.
pub const CHUNK_POINTS_MAX: usize = 1024;

/// Most points in one block of a part: what a reader of one series decodes at the least.
pub const BLOCK_POINTS_MAX: usize = 16 << 10;

/// Most points of one series that a spill sorts at once, in memory: more that overlap go to several layers.
pub const OVERLAP_POINTS_MAX: usize = 1 << 18;

/// Most series in one block of a part: bounds the directory of a block of tiny series.
pub const BLOCK_SERIES_MAX: usize = 2048;

/// Most segments that a plan or a manifest holds inline: some 200 KiB of JSON. More are an object of their own.
pub const SEGMENTS_INLINE_MAX: usize = 1000;

/// Most segments of one shard: a worker holds the list of each shard that it works on, at some 30 bytes a segment.
pub const SEGMENTS_PER_SHARD_MAX: usize = 4_000_000;

/// Most segments of one job: the leader holds all lists until their shards have ended, at some 30 bytes a segment.
pub const SEGMENTS_PER_JOB_MAX: usize = 16_000_000;

/// Attempts that a task gets before its shard fails.
pub const ATTEMPTS_PER_TASK_MAX: u32 = 4;

/// Most partitions that a shard's shuffle has: bounds a run's index and the parts of a manifest.
pub const PARTITIONS_PER_SHARD_MAX: u32 = 1024;

/// Most map tasks of a shard: splits grow beyond their target rather than exceed it.
pub const MAP_TASKS_PER_SHARD_MAX: usize = 4096;

/// Most slices that one merge reads at once; more are merged in groups first.
pub const MERGE_FAN_IN_MAX: usize = 256;

/// Smallest memory budget of a worker, in bytes: below it the fixed buffers alone do not fit.
pub const MEMORY_BYTES_MIN: u64 = 32 << 20;

/// Most shared shards: `org_id % 64`.
pub const SHARED_SHARDS: u64 = 64;

/// Most differences that a verification lists before it only counts.
pub const DIFFERENCES_LISTED_MAX: usize = 100;

/// Most requests to a store that one step of a job has under way at once: at 20 ms each, 100,000 of them take half a minute
/// instead of half an hour, and a connection pool of the usual size serves them.
pub const REQUESTS_AT_ONCE_MAX: usize = 64;

/// Size from which on a piece of an event log gets no more lines, in bytes: every write of a piece writes it whole.
pub const EVENT_PIECE_BYTES_MAX: usize = 256 << 10;

/// Most bytes of one job's event log that wait for a store that is away: hours of a large job. A leader holds as much for
/// each open job at the worst.
pub const EVENTS_UNWRITTEN_BYTES_MAX: usize = 4 << 20;

/// Most bytes of a job's event log under one leader: bounds its objects to a few hundred.
pub const EVENTS_BYTES_MAX: usize = 64 << 20;

/// Most jobs in one answer of a listing; what remains is asked for page by page.
pub const JOBS_PER_PAGE_MAX: usize = 5000;

/// Most bytes of jobs in one answer of a listing: well below [`MESSAGE_BYTES_MAX`], whatever the reasons' length.
pub const JOBS_PAGE_BYTES_MAX: usize = 4 << 20;

/// Most datasets whose history is asked at once for one listing or one job.
pub const DATASETS_AT_ONCE_MAX: usize = 16;

/// Largest value of a key in the cluster's state, in bytes: a record, never a history. Plans and reports are objects.
pub const STATE_VALUE_BYTES_MAX: usize = 1024;

/// Most keys and values of the cluster's state, in bytes, with [`OPEN_TASKS_MAX`] tasks open: etcd keeps all keys in
/// memory and refuses every write once its quota (2 GiB by default, history included) is used up.
pub const STATE_BYTES_MAX: usize = 50 << 20;

/// Most tasks of all shards that are open at once: what [`STATE_BYTES_MAX`] is planned for.
pub const OPEN_TASKS_MAX: usize = 100_000;

/// Most comparisons, and most operations, in one transaction: etcd's own default.
pub const STATE_TXN_OPS_MAX: usize = 128;

/// Most keys that one read of a listing asks for. etcd counts all keys of the range again for each page, so few large pages
/// are read several times faster than many small ones; as many records of the largest size still fit into
/// [`MESSAGE_BYTES_MAX`].
pub const STATE_PAGE_KEYS_MAX: usize = 10_000;

/// How often a transaction with an unknown outcome is tried again before the caller is told that it is unknown.
pub const STATE_SETTLE_TRIES_MAX: u32 = 8;

/// Largest message of gRPC, in bytes, either way: the report of a map task that read thousands of splits, and a job with
/// every one of its shards, fit several times.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// Longest text of an error on the wire, in bytes: it travels in HTTP headers, which peers bound at 16 KiB, in three
/// copies, one of them escaped to up to three times its length.
pub const STATUS_TEXT_BYTES_MAX: usize = 2 << 10;

/// A page of a listing fits into one message, keys and framing included.
const _: () = assert!(STATE_PAGE_KEYS_MAX * (STATE_VALUE_BYTES_MAX + 512) <= MESSAGE_BYTES_MAX);
