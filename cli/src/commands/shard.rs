//! `tailor shard route`: which shard an organisation goes to, and why.

use std::path::PathBuf;

use anyhow::{Context, Result};
use model::OrgId;
use serde::Serialize;
use shard_config::{ShardMap, Why};

use super::print_json;
use crate::args::OutputStyle;
use crate::exit::{Code, Exit};

/// Verbs on shards.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Shard {
    /// Tell which shard an organisation goes to, and why.
    Route(Route),
}

/// Options of `tailor shard route`.
#[derive(Debug, clap::Args)]
pub(crate) struct Route {
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

pub(crate) fn run(shard: &Shard) -> Result<Code> {
    let Shard::Route(args) = shard;
    let map = read_map(args.shard_config.as_deref())?;
    let route = map.route(OrgId(args.org));
    match args.output {
        OutputStyle::Table => println!("{route}"),
        OutputStyle::Json => print_json(&RouteReport {
            api_version: "tailor/v1",
            kind: "Route",
            org: args.org,
            shard: route.shard.to_string(),
            rule: match route.why {
                Why::Remainder { .. } => "remainder",
                Why::Dedicated { .. } => "dedicated",
            },
            why: route.why.to_string(),
            map_version: map.version(),
        })?,
    }
    Ok(Code::Done)
}

/// The shard map in a file, or the one that is built in.
pub(crate) fn read_map(file: Option<&std::path::Path>) -> Result<ShardMap> {
    let Some(file) = file else { return Ok(ShardMap::default()) };
    let name = file.display().to_string();
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Exit::error(Code::NotFound, format!("shard map {name} does not exist")));
        }
        text => text.with_context(|| format!("read shard map {name}"))?,
    };
    Ok(ShardMap::parse(&text, &name)?)
}
