//! The shard map: which organisation belongs to which shard, and why.
//!
//! A TOML file is read as [`RawShardMap`], with the position of everything that can be wrong, and resolved once into a
//! [`ShardMap`], which is immutable and total: every organisation has exactly one shard. Whatever is refused is named with its
//! line. `default.toml` documents the file and is the map that holds when no other is given.

mod error; //  what is wrong, and at which line
mod map; //    the resolved map: routes, digest
mod raw; //    the file as it is written
mod route; //  where an organisation goes, and why

pub use error::ShardMapError;
#[doc(hidden)]
pub use map::fuzz;
pub use map::{DEFAULT_TOML, ShardMap};
pub use raw::{RawDedicated, RawShardMap};
pub use route::{Route, Why};

#[cfg(test)]
mod tests;
