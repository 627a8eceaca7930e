//! One test binary: everything that needs more than one crate.

mod tidy;
