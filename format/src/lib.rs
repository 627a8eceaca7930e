//! Bytes to values and back: frames, payloads, runs, parts, manifests, every key. Pure.
