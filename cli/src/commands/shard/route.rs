//! `tailor shard route`: the shard of an organisation, and the rule behind it. Asks no cluster.

use std::path::{Path, PathBuf};

use anyhow::Result;
use format::manifest::API_VERSION;
use model::OrgId;
use serde::Serialize;
use shard_config::{ShardMap, Why};

use crate::args::OutputStyle;
use crate::exit::Code;
use crate::files::read_text;
use crate::out;

/// Options of `tailor shard route`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Organisation to route.
    ///
    /// For example `--org 7`.
    #[arg(long)]
    org: u64,
    /// Shard map, as TOML. Without it, 64 shared shards.
    ///
    /// For example `--shard-config shards.toml`.
    #[arg(long, value_name = "FILE")]
    shard_config: Option<PathBuf>,
    /// Style of the result.
    ///
    /// For example `-o json`.
    #[arg(short, long, value_enum, default_value_t)]
    output: OutputStyle,
}

/// Document behind `-o json`.
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
    let (map, _) = read_map(args.shard_config.as_deref())?;
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

/// Reads the shard map in a file, and its text. Without a file, returns the built-in map and no text.
pub(crate) fn read_map(file: Option<&Path>) -> Result<(ShardMap, String)> {
    let Some(file) = file else { return Ok((ShardMap::default(), String::new())) };
    let text = read_text("shard map", file)?;
    Ok((ShardMap::parse(&text, &file.display().to_string())?, text))
}
