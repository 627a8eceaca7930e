//! Bytes to values and back: frames, payloads, runs, parts, manifests, every key. Pure.

pub mod column; //   codecs of timestamps, values and integers
pub mod part; //     the part file: writer, footer, blocks, rollup columns
