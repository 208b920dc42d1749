//! What `footprint eval` prints: the same figures as text for people and as JSON for programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use strum::VariantArray as _;

use crate::cli::failure::Failure;
use crate::infer::measure::Case;
use crate::infer::measure::files::{self, FileFigures};
use crate::infer::measure::pairs::{self, PairFigures};
use crate::infer::measure::schedule::{self, Policy, ScheduleFigures, Setting};
use crate::infer::risk;
use crate::survey::Stages;

/// When real files are known, of a run, and how many run at a time.
const SETTINGS: [Setting; 8] = [
    Setting { workers: 4, known: 0.0 },
    Setting { workers: 4, known: 0.25 },
    Setting { workers: 4, known: 0.5 },
    Setting { workers: 4, known: 1.0 },
    Setting { workers: 8, known: 0.0 },
    Setting { workers: 8, known: 0.25 },
    Setting { workers: 8, known: 0.5 },
    Setting { workers: 8, known: 1.0 },
];

/// How long everything took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    /// Reading and indexing.
    pub(super) stages: Stages,
    /// Preparing rankers.
    pub(super) prepare: Duration,
    /// Ranking, all issues.
    pub(super) rank: Duration,
    /// Ranking, the one that took longest.
    pub(super) rank_longest: Duration,
    /// From begin to end.
    pub(super) whole: Duration,
    /// Bytes indexed.
    pub(super) bytes: u64,
}

impl Times {
    /// Adds another repository's.
    pub(super) fn add(&mut self, other: &Self) {
        self.stages.add(&other.stages);
        self.prepare += other.prepare;
        self.rank += other.rank;
        self.rank_longest = self.rank_longest.max(other.rank_longest);
        self.bytes += other.bytes;
    }
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Evaluation {
    /// Repositories of the data set.
    pub(super) repositories: usize,
    /// Issues ranked, in a fixed order.
    pub(super) cases: Vec<Case>,
    /// What could not be read, with the reason.
    pub(super) unreadable: BTreeMap<String, String>,
    /// How long it took.
    pub(super) times: Times,
}

/// Cases that figures are given for together: a name, and who belongs.
type Group = (String, Box<dyn Fn(&Case) -> bool>);

impl Evaluation {
    /// The groups that figures are given for: each source, each repository, and all.
    fn groups(&self) -> Vec<Group> {
        let sources: BTreeSet<&str> = self.cases.iter().map(|case| case.source.as_str()).collect();
        let repositories: BTreeSet<&str> = self.cases.iter().map(|case| case.repository.as_str()).collect();
        let mut groups: Vec<Group> = vec![("all".to_owned(), Box::new(|_| true))];
        for source in sources {
            let wanted = source.to_owned();
            groups.push((source.to_owned(), Box::new(move |case| case.source == wanted)));
        }
        for repository in repositories {
            let wanted = repository.to_owned();
            groups.push((repository.to_owned(), Box::new(move |case| case.repository == wanted)));
        }
        groups
    }

    /// The mean over repositories of their MRR, so that none counts more for being larger.
    fn mean_mrr(&self) -> f64 {
        let repositories: BTreeSet<&str> = self.cases.iter().map(|case| case.repository.as_str()).collect();
        let of = |name: &str| files::figures(self.cases.iter().filter(|case| case.repository == name)).mrr;
        repositories.iter().map(|name| of(name)).sum::<f64>() / repositories.len().max(1) as f64
    }
}

/// For people.
pub(super) fn text(evaluation: &Evaluation) -> String {
    let mut text = String::new();
    let (cases, unreadable) = (evaluation.cases.len(), evaluation.unreadable.len());
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{cases} issues of {} repositories; {unreadable} unreadable", evaluation.repositories);
    for (name, why) in &evaluation.unreadable {
        let _ = writeln!(text, "  unreadable: {name}: {why}");
    }
    let heads = ["hit@1", "hit@3", "hit@5", "all@5", "MRR", "P@3", "R@3", "F1@3"];
    let _ = writeln!(text, "\nFiles{:27}{:>6}{}", "", "n", heads.map(|head| format!("{head:>7}")).concat());
    for (name, keep) in evaluation.groups() {
        let found = files::figures(evaluation.cases.iter().filter(|case| keep(case)));
        let _ = writeln!(text, "  {name:30}{:>6}{}", found.cases, row(&file_values(&found)));
    }
    let _ = writeln!(text, "  mean MRR over repositories: {:.3}", evaluation.mean_mrr());
    let heads = ["rate", "called", "P", "R", "F1", "AP"];
    let _ = writeln!(
        text,
        "\nPairs (each with the next {}){:3}{:>6}{}",
        pairs::WINDOW,
        "",
        "n",
        heads.map(|head| format!("{head:>7}")).concat()
    );
    for (threshold, word) in [(risk::LIKELY, "likely"), (risk::POSSIBLE, "possible")] {
        for (name, keep) in evaluation.groups() {
            let found = pairs::figures(&evaluation.cases, threshold, keep);
            let shown = format!("{name}, {word}");
            let _ = writeln!(text, "  {shown:30}{:>6}{}", found.pairs, row(&pair_values(&found)));
        }
    }
    schedules(evaluation, &mut text);
    stages(evaluation, &mut text);
    text
}

fn row(values: &[(&str, f64)]) -> String {
    values.iter().map(|(_, value)| format!("{value:>7.3}")).collect()
}

fn file_values(found: &FileFigures) -> [(&'static str, f64); 8] {
    [
        ("hit_1", found.hit_1),
        ("hit_3", found.hit_3),
        ("hit_5", found.hit_5),
        ("all_5", found.all_5),
        ("mrr", found.mrr),
        ("precision_3", found.precision_3),
        ("recall_3", found.recall_3),
        ("f1_3", found.f1_3),
    ]
}

fn pair_values(found: &PairFigures) -> [(&'static str, f64); 6] {
    [
        ("rate", found.rate),
        ("called", found.called),
        ("precision", found.precision),
        ("recall", found.recall),
        ("f1", found.f1),
        ("average_precision", found.average_precision),
    ]
}

fn schedules(evaluation: &Evaluation, text: &mut String) {
    let batches = schedule::figures(&evaluation.cases, Policy::Off, SETTINGS[0], |_| true).batches;
    let _ = writeln!(text, "\nSchedules: {batches} batches of {}, speed-up (reruns a batch)", schedule::BATCH);
    let names = Policy::VARIANTS.iter().map(|policy| format!("{:>15}", <&str>::from(*policy)));
    let _ = writeln!(text, "  {:24}{}", "workers, known at", names.collect::<String>());
    for setting in SETTINGS {
        let shown = Policy::VARIANTS.iter().map(|policy| {
            let found = schedule::figures(&evaluation.cases, *policy, setting, |_| true);
            let cell = format!("{:.3} ({:.2})", found.speed_up, found.reruns);
            format!("{cell:>15}")
        });
        let label = format!("{}, {:.0} %", setting.workers, setting.known * 100.0);
        let _ = writeln!(text, "  {label:24}{}", shown.collect::<String>());
    }
}

fn stages(evaluation: &Evaluation, text: &mut String) {
    let times = &evaluation.times;
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let each = times.rank.as_secs_f64() * 1000.0 / evaluation.cases.len().max(1) as f64;
    let _ = writeln!(
        text,
        "\nTime: {} in all; tree {}, contents {} ({:.1} MB), log {}, assembly {}, preparation {}, ranking {each:.1} ms \
         an issue (longest {:.1} ms)",
        seconds(times.whole),
        seconds(times.stages.list),
        seconds(times.stages.read),
        times.bytes as f64 / 1e6,
        seconds(times.stages.log),
        seconds(times.stages.assemble),
        seconds(times.prepare),
        times.rank_longest.as_secs_f64() * 1000.0,
    );
    if let Some(peak) = peak_memory() {
        let _ = writeln!(text, "Memory: {:.0} MB at most", peak as f64 / 1e6);
    }
}

/// The most memory this process ever held, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

/// For programs.
pub(super) fn json(evaluation: &Evaluation) -> Result<String, Failure> {
    let object = |values: &[(&str, f64)], counted: (&str, usize)| {
        let mut object: serde_json::Map<String, Value> =
            values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        object.insert(counted.0.to_owned(), json!(counted.1));
        Value::Object(object)
    };
    let (mut files_by, mut likely, mut possible) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (name, keep) in evaluation.groups() {
        let found = files::figures(evaluation.cases.iter().filter(|case| keep(case)));
        files_by.insert(name.clone(), object(&file_values(&found), ("cases", found.cases)));
        let found = pairs::figures(&evaluation.cases, risk::LIKELY, &keep);
        likely.insert(name.clone(), object(&pair_values(&found), ("pairs", found.pairs)));
        let found = pairs::figures(&evaluation.cases, risk::POSSIBLE, &keep);
        possible.insert(name, object(&pair_values(&found), ("pairs", found.pairs)));
    }
    let mut schedules = Vec::new();
    for setting in SETTINGS {
        for policy in Policy::VARIANTS {
            let ScheduleFigures { batches, speed_up, reruns } =
                schedule::figures(&evaluation.cases, *policy, setting, |_| true);
            schedules.push(json!({
                "policy": <&str>::from(*policy), "workers": setting.workers, "known": setting.known,
                "batches": batches, "speed_up": speed_up, "reruns": reruns,
            }));
        }
    }
    let times = &evaluation.times;
    let document = json!({
        "repositories": evaluation.repositories,
        "cases": evaluation.cases.len(),
        "unreadable": evaluation.unreadable,
        "files": files_by,
        "mean_mrr_over_repositories": evaluation.mean_mrr(),
        "pairs": { "likely": likely, "possible": possible },
        "schedules": schedules,
        "seconds": {
            "whole": times.whole.as_secs_f64(),
            "tree": times.stages.list.as_secs_f64(),
            "contents": times.stages.read.as_secs_f64(),
            "log": times.stages.log.as_secs_f64(),
            "assembly": times.stages.assemble.as_secs_f64(),
            "preparation": times.prepare.as_secs_f64(),
            "ranking": times.rank.as_secs_f64(),
            "ranking_longest": times.rank_longest.as_secs_f64(),
        },
        "bytes_indexed": times.bytes,
        "peak_memory_bytes": peak_memory(),
    });
    let text = serde_json::to_string_pretty(&document);
    text.map(|text| text + "\n").map_err(|error| Failure::failed(format!("the figures cannot be written: {error}")))
}
