//! One test binary.

mod engine_property;
