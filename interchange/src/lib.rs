//! The same rows for other tools: Parquet and CSV.
