//! Imports files by their kind: `import OUT ORG PATH...`.

use std::path::PathBuf;

use anyhow::Context;
use ingest::import::{CsvSettings, OnBadRow, Target, csv, find_files, import_csv, import_otlp, otlp};
use ingest::segment::Output;
use model::OrgId;
use storage::Root;

#[allow(clippy::print_stdout, reason = "its data")]
fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().context("name the output")?;
    let org = arguments.next().context("name the organisation")?.parse().context("read the organisation")?;
    let paths: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let output = Output::new(Root::create(&out)?, runtime.handle().clone());
    let target = Target::new(&output, OrgId(org));
    let is_otlp = |path: &PathBuf| otlp::EXTENSIONS.iter().any(|end| path.to_string_lossy().ends_with(end));
    if paths.iter().any(is_otlp) {
        println!("{:#?}", import_otlp(&paths, &target)?);
    } else {
        let files = find_files(&paths, &csv::EXTENSIONS)?;
        let settings = CsvSettings { on_bad_row: OnBadRow::Skip, ..CsvSettings::default() };
        println!("{:#?}", import_csv(&files, &settings, &target, &mut |row| println!("{row}"))?);
    }
    Ok(())
}
