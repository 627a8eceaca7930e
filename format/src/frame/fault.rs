//! Faults of a frame: one variant per cause, with the facts that an operator needs to find it.

/// Fault that makes a frame unreadable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// The segment ends inside a length.
    #[error("the segment ends inside the length: {have} of 4 bytes")]
    TornLength {
        /// Bytes of the length that are there.
        have: usize,
    },
    /// The length is 0, so the frame would be empty.
    #[error("the length is 0")]
    LengthZero,
    /// The length is larger than any writer produces.
    #[error("the length {length} is over the limit of {} bytes", model::limits::FRAME_BYTES_MAX)]
    LengthOverLimit {
        /// Value of the length.
        length: u32,
    },
    /// The segment ends inside the frame.
    #[error("the length {length} reaches past the segment's end: {have} bytes are left")]
    PastEnd {
        /// Value of the length.
        length: u32,
        /// Bytes of the segment after the length.
        have: u64,
    },
    /// The body does not start with the zstd magic.
    #[error("the body is not zstd")]
    NotZstd,
    /// The body starts with a skippable zstd frame.
    #[error("the body begins with a skippable zstd frame; write the zstd frame of the payload first")]
    SkippableFirst,
    /// The body was compressed with a dictionary, which no segment carries.
    #[error("the zstd frame needs dictionary {id}; write it without a dictionary")]
    NeedsDictionary {
        /// The id in the frame's header.
        id: u32,
    },
    /// The body asks for more memory than a payload may take.
    #[error("the zstd window of 2^{log} bytes is over the limit of 2^{}", model::limits::ZSTD_WINDOW_LOG_MAX)]
    WindowOverLimit {
        /// Base-2 logarithm of the window's size.
        log: u32,
    },
    /// The payload is larger than any payload may be.
    #[error("the decoded size {size} is over the limit of {} bytes", model::limits::PAYLOAD_BYTES_MAX)]
    DecodedOverLimit {
        /// Size that the frame declares, or that decoding reached.
        size: u64,
    },
    /// zstd refused the body.
    #[error("the zstd frame is corrupt or truncated: {cause}")]
    Corrupt {
        /// Message of zstd.
        cause: String,
    },
    /// The content is not the protobuf message `Payload`.
    #[error("the content is not a Payload: {what} at byte {at} of the decoded content")]
    NotPayload {
        /// Part of the message that could not be read.
        what: &'static str,
        /// Offset in the decoded content.
        at: usize,
    },
    /// The organisation is missing or 0.
    #[error("the payload has no org_id")]
    MissingOrg,
    /// The metric is missing or 0.
    #[error("the payload has no metric_id")]
    MissingMetric,
    /// The columns differ in length.
    #[error("the payload has {timestamps} timestamps and {values} values")]
    UnequalArrays {
        /// Number of timestamps.
        timestamps: usize,
        /// Number of values.
        values: usize,
    },
    /// The payload has more points than a payload may have.
    #[error("the payload has {points} points, over the limit of {}", model::limits::PAYLOAD_POINTS_MAX)]
    TooManyPoints {
        /// Number of points.
        points: usize,
    },
    /// The metadata is longer than it may be.
    #[error("the payload has {bytes} bytes of metadata, over the limit of {}", model::limits::METADATA_BYTES_MAX)]
    MetadataOverLimit {
        /// Bytes of metadata.
        bytes: usize,
    },
}

impl FrameFault {
    /// Returns a stable name for records and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TornLength { .. } => "torn-length",
            Self::LengthZero => "length-zero",
            Self::LengthOverLimit { .. } => "length-over-limit",
            Self::PastEnd { .. } => "past-end",
            Self::NotZstd => "not-zstd",
            Self::SkippableFirst => "skippable-first",
            Self::NeedsDictionary { .. } => "needs-dictionary",
            Self::WindowOverLimit { .. } => "window-over-limit",
            Self::DecodedOverLimit { .. } => "decoded-over-limit",
            Self::Corrupt { .. } => "corrupt-zstd",
            Self::NotPayload { .. } => "not-a-payload",
            Self::MissingOrg => "missing-org",
            Self::MissingMetric => "missing-metric",
            Self::UnequalArrays { .. } => "unequal-arrays",
            Self::TooManyPoints { .. } => "too-many-points",
            Self::MetadataOverLimit { .. } => "metadata-over-limit",
        }
    }
}
