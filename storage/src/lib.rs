//! The only crate that knows where bytes live: object stores and local files.
