//! Figures of a run, from its summary.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::program::undisturbed::declared;

/// What the makespan is held against, in seconds.
pub(crate) struct Bound {
    /// The longest chain of dependencies.
    pub(crate) chain: f64,
    /// The file that most is done on.
    pub(crate) file: f64,
    /// All work, divided by the slots.
    pub(crate) share: f64,
}

impl Bound {
    /// A task's length is its agent's time and the gap to the next.
    pub(crate) fn new(summary: &Value, issues: &[Value], gap: f64, parallel: u32) -> Self {
        let mut length: BTreeMap<u64, f64> = BTreeMap::new();
        for task in tasks(summary) {
            length.insert(number(&task["issue"]), agent_time(task) + gap);
        }
        let mut chain: BTreeMap<u64, f64> = BTreeMap::new();
        let mut file: BTreeMap<&str, f64> = BTreeMap::new();
        for issue in issues {
            let this = number(&issue["number"]);
            let body = issue["body"].as_str().expect("text");
            let before = body.split("Depends on: #").nth(1).and_then(|rest| rest.trim().parse::<u64>().ok());
            let earlier = before.and_then(|before| chain.get(&before)).copied().unwrap_or(0.0);
            chain.insert(this, earlier + length[&this]);
            for path in declared(issue) {
                *file.entry(path).or_default() += length[&this];
            }
        }
        let longest = |lengths: &mut dyn Iterator<Item = f64>| lengths.fold(0.0, f64::max);
        Self {
            chain: longest(&mut chain.into_values()),
            file: longest(&mut file.into_values()),
            share: length.values().sum::<f64>() / f64::from(parallel),
        }
    }

    /// The longest of the three.
    pub(crate) fn seconds(&self) -> f64 {
        self.share.max(self.chain).max(self.file)
    }
}

/// The gaps in a chain of tasks: from one agent's end to the next one's start, in seconds.
pub(crate) fn gaps(summary: &Value) -> Vec<f64> {
    let mut spans: Vec<(f64, f64)> = tasks(summary).iter().map(span).collect();
    spans.sort_by(|one, other| one.0.total_cmp(&other.0));
    spans.windows(2).map(|pair| pair[1].0 - pair[0].1).collect()
}

/// The mean of the values, of which there is at least one.
pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / f64::from(u32::try_from(values.len()).unwrap_or(u32::MAX))
}

/// How every task ended: verdict and files.
pub(crate) fn ends(summary: &Value) -> Vec<(u64, String, String)> {
    let end = |task: &Value| (number(&task["issue"]), task["verdict"].to_string(), task["files_touched"].to_string());
    let mut ends: Vec<_> = tasks(summary).iter().map(end).collect();
    ends.sort();
    ends
}

fn tasks(summary: &Value) -> &[Value] {
    summary["tasks"].as_array().expect("tasks")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

fn moment(value: &Value) -> f64 {
    let moment: jiff::Timestamp = value.as_str().expect("a moment").parse().expect("RFC 3339");
    moment.as_duration().as_secs_f64()
}

/// First start and last end of a task's agents.
fn span(task: &Value) -> (f64, f64) {
    let attempts = task["attempts"].as_array().expect("attempts");
    (moment(&attempts[0]["started_at"]), moment(&attempts[attempts.len() - 1]["ended_at"]))
}

fn agent_time(task: &Value) -> f64 {
    let (start, end) = span(task);
    end - start
}
