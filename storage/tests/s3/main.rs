//! The S3 store against a real server (`scripts/servers.sh start`), directly and through a proxy that misbehaves.

mod conformance;
mod faults;
mod objects;
mod server;
mod stores;
