//! The shard map: assigns each organisation to a shard, with a reason.
//!
//! A TOML file is parsed as [`RawShardMap`], with the positions that error messages need, and resolved once into a
//! [`ShardMap`], which is immutable and total: every organisation has exactly one shard. An error names the line.
//! `default.toml` documents the file; it is also the map that is used when no other is given.

// Errors, with their lines.
mod error;
// Resolved map: routes, digest.
mod map;
// File as it is written.
mod raw;
// Shard of an organisation, with the reason.
mod route;

pub use error::ShardMapError;
#[doc(hidden)]
pub use map::fuzz;
pub use map::{DEFAULT_TOML, ShardMap};
pub use raw::{RawDedicated, RawShardMap};
pub use route::{Route, Why};

#[cfg(test)]
mod tests;
