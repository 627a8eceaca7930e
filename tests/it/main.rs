//! One test binary: everything that needs more than one crate.

mod engine_property; // any input, splits, workers, memory, order and loss: the same points, the same bytes
mod bad_frames; //      frames that cannot be read: fail, or put aside
mod empty_input; //     nothing to read
mod changed_input; //   segments that do not hold still
mod overtaken; //       a newer version was committed meanwhile
mod timestamps; //      instants wrong by an epoch or a unit
mod values; //          NaN, -0.0, infinities
mod no_room; //         full disks, closed doors
mod killed; //          SIGKILL and SIGTERM at any moment
mod stop; //            SIGTERM in every state of a server
mod damage; //          datasets that are no longer what was written
mod same_bytes; //      what may change the output, and what may not
mod commands; //        the command line itself
mod scripts; //         what scripts rely on
mod cases; //           inputs that imports get wrong
mod real_data; //       other people's series come out as they went in
mod real_files; //    CSV files of other people's packages
mod parquet_peers; //   other people's readers see what we see
mod fuzz_corpus; //     the seeds of the fuzz targets
mod golden_segment; //  segments of every released version
mod cluster; //         the cluster on bad days
mod hostile; //         who reaches a coordinator and means harm
mod command_line; //    any arguments at all
mod gameday; //         chaos/: the runner, and its fast scenarios
mod tidy; //            what ARCHITECTURE.md promises of the tree
