//! Makes segments: synthetic ones, and from CSV and OTLP.
