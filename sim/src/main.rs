//! Command line of the simulation: runs one seed, many, or as many as fit into a time.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use sim::{Mode, Options, PlantedBug, RunVerdict, exhaustive, run};

/// Seeded simulation of coordinators and workers under faults.
#[derive(Debug, Parser)]
struct Arguments {
    /// First seed to run
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of seeds to run [default: 1]
    #[arg(long)]
    seeds: Option<u64>,
    /// Runs as many seeds as fit into this number of minutes
    #[arg(long, conflicts_with = "seeds")]
    minutes: Option<f64>,
    /// Judgement of a run; by default, safety for even seeds and liveness for odd ones
    #[arg(long, value_enum)]
    mode: Option<Mode>,
    /// Prints the trace of each run
    #[arg(long)]
    trace: bool,
    /// Plants this bug, to test the simulation
    #[arg(long, value_enum)]
    plant: Option<PlantedBug>,
    /// Searches for every planted bug, and prints how many seeds that took
    #[arg(long)]
    planted: bool,
    /// Number of searches for each planted bug, each from other seeds
    #[arg(long, default_value_t = 5)]
    times: u64,
    /// Checks every interleaving of the small model
    #[arg(long)]
    exhaustive: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let held = if arguments.exhaustive {
        let checked = exhaustive::check();
        println!("{checked}");
        let lives = exhaustive::life::check(exhaustive::life::Guard::All);
        println!("{lives}");
        checked.held() && lives.broken.is_empty()
    } else if arguments.planted {
        look_for_planted(&arguments)
    } else {
        run_seeds(&arguments)
    };
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Arguments {
    fn run(&self, seed: u64) -> RunVerdict {
        let usual = if seed.is_multiple_of(2) { Mode::Safety } else { Mode::Liveness };
        let mode = self.mode.unwrap_or(usual);
        run(seed, Options { mode, planted: self.plant, is_traced: self.trace })
    }

    /// True if another seed is to be run.
    fn goes_on(&self, done: u64, since: Instant) -> bool {
        match (self.minutes, self.seeds) {
            (Some(minutes), _) => since.elapsed() < Duration::from_secs_f64(minutes * 60.0),
            (None, seeds) => done < seeds.unwrap_or(1),
        }
    }
}

fn run_seeds(arguments: &Arguments) -> bool {
    let since = Instant::now();
    let (mut done, mut failed, mut simulated) = (0, 0, Duration::ZERO);
    while arguments.goes_on(done, since) {
        let verdict = arguments.run(arguments.seed + done);
        done += 1;
        simulated += verdict.took;
        verdict.trace.iter().for_each(|line| println!("{line}"));
        if arguments.trace || !verdict.held() {
            println!("{verdict}");
        }
        failed += u64::from(!verdict.held());
    }
    let took = since.elapsed();
    println!("{done} seeds in {took:.1?}, {simulated:.0?} of simulated time; {failed} failed");
    failed == 0
}

fn look_for_planted(arguments: &Arguments) -> bool {
    println!("{:<24} {:<10} {:>7} {:>7}  found by", "planted bug", "mode", "median", "within");
    let mut all = true;
    for planted in PlantedBug::all() {
        let known = planted.known();
        let mut found: Vec<_> = (0..arguments.times).map(|time| planted.find(arguments.seed + time * 1000)).collect();
        found.sort_by_key(|found| found.as_ref().map_or(u64::MAX, |(seeds, _)| *seeds));
        let (seeds, by) = match &found[found.len() / 2] {
            Some((seeds, violation)) => (seeds.to_string(), violation.invariant.to_string()),
            None => ("-".to_owned(), "nobody".to_owned()),
        };
        all &= found.iter().all(Option::is_some);
        let mode = format!("{:?}", known.mode).to_lowercase();
        println!("{:<24} {mode:<10} {seeds:>7} {:>7}  {by}", planted.to_string(), known.within);
    }
    all
}
