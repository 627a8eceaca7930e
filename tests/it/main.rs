//! Single test binary, for tests that need more than one crate.

// Any input, splits, workers, memory, order and loss: the same points, the same bytes.
mod engine_property;
// Bad frames: fail, or quarantine.
mod bad_frames;
// Empty input.
mod empty_input;
// Segments that change.
mod changed_input;
// Newer versions that are committed meanwhile.
mod overtaken;
// Windows that are complete, or are not.
mod coverage;
// Instants wrong by an epoch or a unit.
mod timestamps;
// NaN, -0.0, infinities.
mod values;
// Full disks, missing permissions.
mod no_room;
// SIGKILL and SIGTERM at any moment.
mod killed;
// SIGTERM in every state of a server.
mod stop;
// Damaged datasets.
mod damage;
// Conditions that may change the output, and those that must not.
mod same_bytes;
// The command line itself.
mod commands;
// Promises to scripts.
mod scripts;
// Inputs that imports get wrong.
mod cases;
// Real series come out as they went in.
mod real_data;
// CSV files of real packages.
mod real_files;
// Readers of other projects see the same rows.
mod parquet_peers;
// Seeds of the fuzz targets.
mod fuzz_corpus;
// Segments of every released version.
mod golden_segment;
// Datasets of every released version.
mod golden_dataset;
// The cluster on bad days.
mod cluster;
// Hostile clients of a coordinator.
mod hostile;
// Arguments of any kind.
mod command_line;
// `chaos/`: the runner, and its fast scenarios.
mod gameday;
// Code, page and servers name the same metrics.
mod metrics;
// Code and page have the same settings.
mod settings_page;
// Promises of ARCHITECTURE.md, and rules of prose.
mod tidy;
