//! Reads and checks what was committed: series, export, verify, oracle, gc.
