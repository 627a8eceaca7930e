//! Measures imports: megabytes of input per second of one core.
//!
//! Each input comes from a generator of its own, so that it is the same on every machine; `tailor import` reads it in
//! a process of its own. The figure is the size of the input divided by the CPU time of all threads, including
//! start-up, digests and segments.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::child;

/// Goal for [`Input::Narrow`], in MB per second of one core.
const GOAL_MB: f64 = 150.0;

/// Options of `bench import`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Size of each input, in MB
    #[arg(long, default_value_t = 200)]
    megabytes: usize,
    /// Number of turns; the best one counts, because disturbances only make a turn slower
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Binary of Tailor to measure
    #[arg(long, default_value = "target/release/tailor")]
    tailor: PathBuf,
    /// Print the figures without a verdict
    #[arg(long)]
    quick: bool,
}

/// Input of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Input {
    /// Rows of a time in milliseconds and a value.
    Narrow,
    /// Rows of a time and ten values.
    Wide,
    /// Rows of a time in RFC 3339 and a value.
    Rfc3339,
    /// A hundred series that a label distinguishes.
    Labels,
    /// OTLP/JSON, with one document per line and a hundred points of a gauge in each.
    OtlpJson,
}

impl Input {
    const ALL: [Self; 5] = [Self::Narrow, Self::Wide, Self::Rfc3339, Self::Labels, Self::OtlpJson];

    const fn name(self) -> &'static str {
        match self {
            Self::Narrow => "csv, a time and a value",
            Self::Wide => "csv, a time and ten values",
            Self::Rfc3339 => "csv, times in RFC 3339",
            Self::Labels => "csv, a label of a hundred texts",
            Self::OtlpJson => "OTLP/JSON lines",
        }
    }

    /// Returns the arguments of `import`.
    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Narrow | Self::Wide => &["csv", "--time-format", "unix-ms"],
            Self::Rfc3339 => &["csv"],
            Self::Labels => &["csv", "--time-format", "unix-ms", "--labels", "host"],
            Self::OtlpJson => &["otlp"],
        }
    }

    const fn header(self) -> &'static str {
        match self {
            Self::Narrow | Self::Rfc3339 => "time,value\n",
            Self::Wide => "time,a,b,c,d,e,f,g,h,i,j\n",
            Self::Labels => "time,host,value\n",
            Self::OtlpJson => "",
        }
    }

    fn row(self, ordinal: u64, line: &mut String) {
        let at = 1_700_000_000_000 + ordinal * 1000;
        // Values look like a random walk: two decimals, and repetitions are rare.
        let value = |column: u64| {
            let bits = (ordinal * 10 + column).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44;
            bits as f64 / 100.0
        };
        let written = match self {
            Self::Narrow => writeln!(line, "{at},{}", value(0)),
            Self::Wide => {
                let values: Vec<_> = (0..10).map(|column| value(column).to_string()).collect();
                writeln!(line, "{at},{}", values.join(","))
            }
            Self::Rfc3339 => {
                let (hour, minute, second) = (ordinal / 3600 % 24, ordinal / 60 % 60, ordinal % 60);
                let day = ordinal / 86_400;
                let (month, day) = (1 + day / 28 % 12, 1 + day % 28);
                let year = 2000 + ordinal / (86_400 * 28 * 12);
                writeln!(line, "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z,{}", value(0))
            }
            Self::Labels => writeln!(line, "{},host-{:02},{}", at / 100_000 * 1000, ordinal % 100, value(0)),
            Self::OtlpJson => {
                let at = |of: u64| (1_700_000_000_000 + ordinal * 100_000 + of * 1000) * 1_000_000;
                let point = |of: u64| format!(r#"{{"timeUnixNano":"{}","asDouble":{}}}"#, at(of), value(of));
                let points: Vec<_> = (0..100).map(point).collect();
                writeln!(
                    line,
                    r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"g","gauge":{{"dataPoints":[{}]}}}}]}}]}}]}}"#,
                    points.join(",")
                )
            }
        };
        written.expect("writing to a string cannot fail");
    }

    fn make(self, path: &Path, bytes: usize) -> Result<u64> {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        let mut line = self.header().to_owned();
        let (mut written, mut ordinal) = (0, 0);
        while written < bytes {
            file.write_all(line.as_bytes())?;
            written += line.len();
            line.clear();
            self.row(ordinal, &mut line);
            ordinal += 1;
        }
        file.flush()?;
        Ok(written as u64)
    }
}

/// Measures, and prints the table.
pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.tailor.exists(), "{} is not there: cargo build --release", options.tailor.display());
    let folder = tempfile::tempdir()?;
    println!("{:34} {:>10} {:>10}", "input", "MB/s core", "MB");
    let mut narrow_mb = 0.0;
    for input in Input::ALL {
        let path = folder.path().join(if input == Input::OtlpJson { "m.otlp.json" } else { "m.csv" });
        let bytes = input.make(&path, options.megabytes * 1_000_000)?;
        let mut best_mb: f64 = 0.0;
        for round in 0..options.rounds.max(1) {
            let out = folder.path().join(format!("out-{round}"));
            let mut tailor = Command::new(&options.tailor);
            tailor.arg("import").args(input.options()).arg(&path).args(["--org", "1"]).arg("--out").arg(&out);
            let finished = child::run(&mut tailor).with_context(|| input.name())?;
            best_mb = best_mb.max(bytes as f64 / 1e6 / finished.usage.cpu.as_secs_f64());
            std::fs::remove_dir_all(&out)?;
        }
        println!("{:34} {best_mb:>10.0} {:>10}", input.name(), bytes / 1_000_000);
        if input == Input::Narrow {
            narrow_mb = best_mb;
        }
    }
    println!("goal for {}: {GOAL_MB} MB/s of one core", Input::Narrow.name());
    ensure!(options.quick || narrow_mb >= GOAL_MB, "plain numeric CSV is slower than its goal");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_of_the_size_that_is_asked_for_and_every_row_is_another() {
        let folder = tempfile::tempdir().expect("a folder");
        for input in Input::ALL {
            let path = folder.path().join("x");
            let bytes = input.make(&path, 100_000).expect("a file");
            let text = std::fs::read_to_string(&path).expect("text");
            assert_eq!(text.len() as u64, bytes);
            let lines: std::collections::BTreeSet<_> = text.lines().collect();
            assert_eq!(lines.len(), text.lines().count(), "{}", input.name());
        }
    }
}
