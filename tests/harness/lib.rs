//! Test harness.

/// Payloads and frames, and the segments that hold them.
pub mod segments;
/// What a shard's output should be: a plain computation over what was sent.
pub mod expected;
/// What a shard's parts hold.
pub mod found;
/// Runs plans on one thread, in an order drawn from a seed, with workers that are lost and completions that come late.
pub mod executor;
/// Numbers drawn from a seed.
pub mod random;
/// What must hold of any bytes.
pub mod fuzz;
