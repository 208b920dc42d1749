//! `footprint`: which files issues will touch, explained for one and measured on many whose fixes are known.

mod dataset;
mod eval;
mod explain;
mod report;

use std::process::ExitCode;

use clap::Subcommand;

use crate::cli::failure::Failure;
use crate::infer::rank::Weights;
use crate::infer::signals::Signal;

/// Commands about footprints.
#[derive(Clone, Debug, Subcommand)]
pub(super) enum FootprintCommand {
    /// Measure predictions on issues whose fixes are known
    Eval(eval::EvalArgs),
    /// Show the files one issue will likely touch, with the evidence for each
    Explain(explain::ExplainArgs),
}

/// Runs one.
pub(super) async fn run(command: &FootprintCommand) -> Result<ExitCode, Failure> {
    match command {
        FootprintCommand::Eval(arguments) => eval::run(arguments).await,
        FootprintCommand::Explain(arguments) => explain::run(arguments).await,
    }
}

/// A method as `--method` names it: all signals together, or one alone.
fn method(name: &str) -> Result<Weights, String> {
    match (name, name.parse::<Signal>()) {
        ("fused", _) => Ok(Weights::default()),
        (_, Ok(signal)) => Ok(Weights::only(signal)),
        _ => {
            let names: Vec<&str> = Signal::all().iter().map(|signal| signal.name()).collect();
            Err(format!("no method has this name; give `fused`, or one of {}", names.join(", ")))
        }
    }
}

/// A signal's weight as `--weight` names it.
fn weight(text: &str) -> Result<(Signal, f64), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=NUMBER, as in `recency=0`")?;
    let signal = name.parse::<Signal>().map_err(|_| format!("no signal is called `{name}`; see `--method`"))?;
    let value: f64 = value.parse().map_err(|_| format!("`{value}` is no number"))?;
    if value.is_finite() && value >= 0.0 { Ok((signal, value)) } else { Err(format!("`{value}` is no weight")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_and_weights_are_read_and_mistakes_told() {
        assert_eq!(method("fused"), Ok(Weights::default()));
        assert_eq!(method("path-title"), Ok(Weights::only(Signal::PathTitle)));
        assert!(method("magic").expect_err("unknown").contains("passage"));
        assert_eq!(weight("recency=0.5"), Ok((Signal::Recency, 0.5)));
        for bad in ["recency", "magic=1", "recency=x", "recency=-1", "recency=inf"] {
            assert!(weight(bad).is_err(), "{bad}");
        }
    }
}
