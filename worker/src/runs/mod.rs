//! Runs: written slice by slice, read and merged by any number of slices within a budget.

mod combine; // many slices to one, or to as few as one merge reads
mod located; // a slice and its run, and the begin of its reading
mod merge; //   several slices as one ordered stream
pub(crate) mod reads; //   plan of the reads of a merge
mod slice; //   cursor over one slice
mod writer;

pub(crate) use combine::Combiner;
pub(crate) use located::Located;
pub(crate) use merge::Merger;
pub(crate) use reads::ReadBudget;
pub(crate) use writer::{RunWriter, WrittenRun};
