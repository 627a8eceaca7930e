//! Single test binary, for tests that need more than one crate.

mod engine_property; // any input, splits, workers, memory, order and loss: the same points, the same bytes
mod bad_frames; //      bad frames: fail, or quarantine
mod empty_input; //     empty input
mod changed_input; //   segments that change
mod overtaken; //       newer versions that are committed meanwhile
mod coverage; //        windows that are complete, or are not
mod timestamps; //      instants wrong by an epoch or a unit
mod values; //          NaN, -0.0, infinities
mod no_room; //         full disks, missing permissions
mod killed; //          SIGKILL and SIGTERM at any moment
mod stop; //            SIGTERM in every state of a server
mod damage; //          damaged datasets
mod same_bytes; //      conditions that may change the output, and those that must not
mod commands; //        the command line itself
mod scripts; //         promises to scripts
mod cases; //           inputs that imports get wrong
mod real_data; //       real series come out as they went in
mod real_files; //      CSV files of real packages
mod parquet_peers; //   readers of other projects see the same rows
mod fuzz_corpus; //     seeds of the fuzz targets
mod golden_segment; //  segments of every released version
mod golden_dataset; //  datasets of every released version
mod cluster; //         the cluster on bad days
mod hostile; //         hostile clients of a coordinator
mod command_line; //    arguments of any kind
mod gameday; //         chaos/: the runner, and its fast scenarios
mod metrics; //         code, page and servers name the same metrics
mod tidy; //            promises of ARCHITECTURE.md, and rules of prose
