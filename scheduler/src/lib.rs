//! Decides: plans shards and drives tasks; no I/O, no clock.
