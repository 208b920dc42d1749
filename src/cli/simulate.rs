//! `simulate`: many stories of the real loop in a simulated world, in search of one that breaks a rule.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::simulate::{Bounds, Campaign, FAULT_SECONDS_MAX, FaultKind, campaign, run_caught, shrink};

/// Most lines of a failing seed's log that are printed: its end.
const LOG_LINES_MAX: usize = 400;
/// Longest line of a log that is printed, in characters.
const LINE_CHARACTERS_MAX: usize = 240;

/// Flags of `simulate`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  task-orchestrator simulate --seeds 10000
  task-orchestrator simulate --from 4711 --seeds 1 --faults crash,answer_lost

One seed is one story: the same seed with the same flags gives the same bytes. Exit code 1: a rule was broken.")]
pub(super) struct SimulateArgs {
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, value_name = "S", default_value_t = 0)]
    from: u64,
    /// Kinds of faults that may happen: `all`, `none`, or names with commas between them
    #[arg(long, value_name = "LIST", default_value = "all", value_parser = faults)]
    faults: Faults,
    /// Most seconds of a story during which faults happen; after them everything must come to its end
    #[arg(long, value_name = "T", default_value_t = FAULT_SECONDS_MAX)]
    seconds: u64,
    /// Most tasks of a plan
    #[arg(long, value_name = "N", default_value_t = 12)]
    tasks: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Kinds of faults, as one flag holds them.
#[derive(Clone, Debug)]
struct Faults(Vec<FaultKind>);

fn faults(list: &str) -> Result<Faults, String> {
    FaultKind::parse_list(list).map(Faults)
}

/// Tells the stories.
pub(super) fn run(arguments: &SimulateArgs) -> Result<ExitCode, Failure> {
    let bounds = Bounds { faults: arguments.faults.0.clone(), tasks: arguments.tasks, seconds: arguments.seconds };
    let end = arguments.from.checked_add(arguments.seeds);
    let end = end.ok_or_else(|| Failure::usage("--from and --seeds together are beyond the last seed"))?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let bar = progress(arguments);
    // A defect that panics is told as a broken rule; its trace would only stand between.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let started = Instant::now();
    let found = campaign(arguments.from..end, &bounds, threads, |_| bar.inc(1));
    let length = started.elapsed();
    bar.finish_and_clear();
    let printed = if arguments.json {
        output::print(&as_json(&found, &bounds, length)?)
    } else {
        output::print(&as_text(&found, &bounds, length))
    };
    std::panic::set_hook(hook);
    printed?;
    Ok(if found.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn progress(arguments: &SimulateArgs) -> ProgressBar {
    if arguments.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} seeds, {per_sec}, {eta} left");
    let bar = ProgressBar::new(arguments.seeds);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn per_second(found: &Campaign, length: Duration) -> u64 {
    let milliseconds = u64::try_from(length.as_millis()).unwrap_or(u64::MAX).max(1);
    found.seeds.saturating_mul(1_000) / milliseconds
}

fn as_json(found: &Campaign, bounds: &Bounds, length: Duration) -> Result<String, Failure> {
    let value = json!({
        "seeds": found.seeds,
        "checks": found.checks,
        "simulated_seconds": found.simulated_seconds,
        "violations": found.violations,
        "seeds_per_s": per_second(found, length),
        "fault_coverage": { "met": found.coverage.table(), "gaps": found.coverage.gaps(&bounds.faults) },
    });
    let text = serde_json::to_string_pretty(&value);
    text.map(|text| text + "\n").map_err(|error| Failure::failed(format!("the result cannot be written: {error}")))
}

fn as_text(found: &Campaign, bounds: &Bounds, length: Duration) -> String {
    let years = found.simulated_seconds / (365 * 86_400);
    let mut text = format!(
        "{} seeds, {} checks, {} days of stories ({years} years) in {:.1} s: {} seeds/s, {} violations\n",
        found.seeds,
        found.checks,
        found.simulated_seconds / 86_400,
        length.as_secs_f64(),
        per_second(found, length),
        found.violations.len(),
    );
    let gaps = found.coverage.gaps(&bounds.faults);
    if !gaps.is_empty() {
        text += &format!("never met: {}\n", gaps.join(", "));
    }
    for violation in found.violations.iter().skip(1).take(20) {
        text += &format!("also seed {}: {}: {}\n", violation.seed, violation.invariant, line(&violation.message));
    }
    if let Some(first) = found.violations.first() {
        text += &told_again(first.seed, bounds);
    }
    text
}

/// A failing seed's log, and the command that replays the smallest variant of it.
fn told_again(seed: u64, bounds: &Bounds) -> String {
    let failed = run_caught(seed, bounds, false, None);
    let (smaller, _) = shrink(seed, bounds, &failed);
    let again = run_caught(seed, &smaller, true, None);
    let skip = again.log.len().saturating_sub(LOG_LINES_MAX);
    let lines: Vec<String> = again.log.iter().skip(skip).map(|text| line(text)).collect();
    let broken: Vec<String> = again.violations.iter().map(|v| format!("{}: {}", v.invariant, v.message)).collect();
    format!(
        "\nseed {seed}, {} lines left out:\n{}\n\nseed {seed} breaks {}\n\n\
         The whole seed:   {}\nA smaller story:  {}\n",
        skip,
        lines.join("\n"),
        broken.join("\n"),
        replay(seed, bounds),
        replay(seed, &smaller),
    )
}

fn line(text: &str) -> String {
    crate::engine::report::head(text, LINE_CHARACTERS_MAX)
}

/// The command that tells one seed's story again.
fn replay(seed: u64, bounds: &Bounds) -> String {
    let all = FaultKind::parse_list("all").is_ok_and(|all| all == bounds.faults);
    let names: Vec<String> = bounds.faults.iter().map(ToString::to_string).collect();
    let faults = if all { "all".to_owned() } else { names.join(",") };
    let faults = if faults.is_empty() { "none".to_owned() } else { faults };
    format!(
        "task-orchestrator simulate --from {seed} --seeds 1 --faults {faults} --tasks {} --seconds {}",
        bounds.tasks, bounds.seconds
    )
}
