//! One test binary.

mod engine_property;
mod fuzz_corpus;
mod golden_segment;
