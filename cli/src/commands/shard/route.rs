//! `tailor shard route`: which shard an organisation goes to, and why. Asks no cluster.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use format::manifest::API_VERSION;
use model::OrgId;
use serde::Serialize;
use shard_config::{ShardMap, Why};

use crate::args::OutputStyle;
use crate::exit::{Code, Exit};
use crate::out;

/// Options of `tailor shard route`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The organisation.
    #[arg(long)]
    org: u64,
    /// The shard map; without one, 64 shared shards.
    #[arg(long, value_name = "FILE")]
    shard_config: Option<PathBuf>,
    /// How to show it.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
}

/// The object behind `-o json`.
#[derive(Debug, Serialize)]
struct RouteReport {
    api_version: &'static str,
    kind: &'static str,
    org: u64,
    shard: String,
    rule: &'static str,
    why: String,
    map_version: u32,
}

pub(super) fn run(args: &Args) -> Result<Code> {
    let file = args.shard_config.as_deref();
    let map = map_of(file, file.map(read_map_text).transpose()?.as_deref())?;
    let route = map.route(OrgId(args.org));
    let report = RouteReport {
        api_version: API_VERSION,
        kind: "Route",
        org: args.org,
        shard: route.shard.to_string(),
        rule: match route.why {
            Why::Remainder { .. } => "remainder",
            Why::Dedicated { .. } => "dedicated",
        },
        why: route.why.to_string(),
        map_version: map.version(),
    };
    out::show(args.output, &report, |_| format!("{route}\n"))?;
    Ok(Code::Done)
}

/// Text of a shard map.
pub(crate) fn read_map_text(file: &Path) -> Result<String> {
    match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Exit::error(Code::NotFound, format!("shard map {} does not exist", file.display())))
        }
        text => text.with_context(|| format!("read shard map {}", file.display())),
    }
}

/// The shard map that a file's text says, or the one that is built in.
pub(crate) fn map_of(file: Option<&Path>, text: Option<&str>) -> Result<ShardMap> {
    match (file, text) {
        (Some(file), Some(text)) => Ok(ShardMap::parse(text, &file.display().to_string())?),
        _ => Ok(ShardMap::default()),
    }
}
