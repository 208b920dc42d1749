//! What one seed is about: the repository, its settings, its issues, and how its agents, people and checks behave.

use std::time::Duration;

use crate::engine::config::{ApprovalPolicy, Dependencies, Gate, PlannerPolicy, Settings};
use crate::engine::facts::OnFail;
use crate::engine::footprint::OverlapPolicy;
use crate::engine::policy::Scope;
use crate::engine::time::{Span, Timestamp};
use crate::simulate::fault::{FaultKind, Mix};
use crate::simulate::random::Random;

/// When every story begins.
pub(super) const START: Timestamp = Timestamp(1_790_000_000_000);
/// Most tasks of a plan.
const TASKS_MAX: u64 = 12;

/// How the orchestrator is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// It stays, hears webhooks, keeps the plan in memory and wakes when something is due.
    Server,
    /// It is started for each event and by a schedule, and loads the plan anew each time.
    Actions,
}

/// What checks do with a pull request's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Checks {
    /// There are none.
    None,
    /// They pass after a while; red as often as the mix says.
    Some,
}

/// One issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IssuePlan {
    /// Its number.
    pub(super) number: u64,
    /// Its title.
    pub(super) title: String,
    /// Its text.
    pub(super) body: String,
    /// Files it declares.
    pub(super) files: Vec<String>,
    /// When it is labelled, after the start.
    pub(super) joins: Duration,
}

/// A seed's story before it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scenario {
    /// Its seed.
    pub(super) seed: u64,
    /// How the orchestrator is run.
    pub(super) shape: Shape,
    /// Its configuration.
    pub(super) settings: Settings,
    /// Its issues.
    pub(super) issues: Vec<IssuePlan>,
    /// What checks do.
    pub(super) checks: Checks,
    /// What goes wrong.
    pub(super) mix: Mix,
    /// Nothing goes wrong any more from here on.
    pub(super) faults_until: Timestamp,
    /// Whether rows pass through their text form at each save.
    pub(super) through_text: bool,
    /// Agents do what the task's number says, and nobody else acts: nothing depends on when something happened.
    pub(super) scripted: bool,
}

/// Limits that a smaller variant of a seed is told with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Kinds of faults that may happen.
    pub faults: Vec<FaultKind>,
    /// Most tasks.
    pub tasks: usize,
    /// Most seconds during which faults happen.
    pub seconds: u64,
}

impl Bounds {
    /// Everything these kinds can do.
    pub fn with(faults: Vec<FaultKind>) -> Self {
        Self { faults, tasks: usize::try_from(TASKS_MAX).unwrap_or(12), seconds: FAULT_SECONDS_MAX }
    }
}

/// One story in so many writes dependencies back.
const WRITING_BACK: u64 = 3;
/// One story in so many has its tasks planned by agents, where its policy looks at what they find.
const PLANNING: u64 = 4;

/// One story in so many has a file that everybody touches.
const HOTSPOT: u64 = 4;

/// The longest time during which faults happen, in seconds of the story.
pub const FAULT_SECONDS_MAX: u64 = 4 * 3_600;

impl Scenario {
    /// Draws the story of a seed within bounds.
    pub(super) fn draw(seed: u64, bounds: &Bounds) -> Self {
        let mut random = Random::new(seed);
        let mix = Mix::draw(&mut random.fork(1), &bounds.faults);
        let mut issues = issues(&mut random.fork(2), &mix);
        issues.truncate(bounds.tasks);
        let mut settings = settings(&mut random.fork(3));
        let mut random = random.fork(4);
        let shape = if random.chance(700) { Shape::Server } else { Shape::Actions };
        let checks = if mix.has(FaultKind::ChecksRed) || random.chance(400) { Checks::Some } else { Checks::None };
        if checks == Checks::Some {
            settings.checks_grace = Span::minutes(5);
        }
        // Most stories are short: what breaks mostly breaks early, and many short ones meet more than few long ones.
        let longest = if random.chance(120) { FAULT_SECONDS_MAX } else { FAULT_SECONDS_MAX / 4 };
        let seconds = random.between(900, longest).min(bounds.seconds);
        let through_text = random.chance(80);
        // Not drawn: every other story stays what it was.
        if seed.is_multiple_of(WRITING_BACK) {
            settings.dependencies = Dependencies::WriteBack;
        }
        if seed.is_multiple_of(HOTSPOT) {
            settings.hotspots = vec!["g.txt".to_owned()];
        }
        let heard = matches!(settings.overlap, OverlapPolicy::Strict | OverlapPolicy::Balanced);
        if seed % PLANNING == 1 && heard {
            settings.planner = PlannerPolicy::Agent;
            issues.iter_mut().step_by(2).for_each(undeclare);
        }
        let faults_until = START + Duration::from_secs(seconds);
        Self { seed, shape, settings, issues, checks, mix, faults_until, through_text, scripted: false }
    }
}

impl Scenario {
    /// The tasks and the settings of a seed, with nothing left to chance, faults or people: how it ends depends on
    /// nothing but the plan.
    pub(super) fn undisturbed(seed: u64) -> Self {
        let mut drawn = Self::draw(seed, &Bounds::with(Vec::new()));
        for issue in &mut drawn.issues {
            let kept = issue.body.split("\n\n").filter(|line| !line.starts_with("Retries"));
            issue.body = kept.collect::<Vec<_>>().join("\n\n");
        }
        let (approval, attempts, infra_retries) = (ApprovalPolicy::Label, 3, 5);
        // Where overlaps are ignored, who conflicts with whom depends on who is faster.
        let overlap = match drawn.settings.overlap {
            OverlapPolicy::Off => OverlapPolicy::Balanced,
            kept @ (OverlapPolicy::Strict | OverlapPolicy::Balanced | OverlapPolicy::Declared) => kept,
        };
        let settings = Settings { approval, attempts, infra_retries, overlap, auto_merge: true, ..drawn.settings };
        Self { settings, checks: Checks::None, scripted: true, ..drawn }
    }

    /// The plan that is crashed everywhere: twelve tasks in three phases, some on one file, some behind others, one
    /// that fails first, one whose runner fails first, one that needs no change.
    pub(super) fn canonical() -> Self {
        let settings = Settings {
            approval: ApprovalPolicy::Label,
            auto_merge: true,
            max_parallel: 3,
            timeout: Span::minutes(20),
            ghost_after: Span::minutes(15),
            ..Settings::server()
        };
        let issue = |number: u64| {
            let file = *FILES.get(usize::try_from(number * 3 % 8).unwrap_or_default()).unwrap_or(&"f.txt");
            let depends = if number % 4 == 2 { format!("\n\nDepends on: #{}", number - 1) } else { String::new() };
            let body = format!("Files: {file}{depends}\n\nPhase: {}", (number - 1) / 4 + 1);
            let (files, joins) = (vec![file.to_owned()], Duration::ZERO);
            IssuePlan { number, title: format!("Task {number}"), body, files, joins }
        };
        Self {
            seed: 12,
            shape: Shape::Server,
            settings,
            issues: (1..=12).map(issue).collect(),
            checks: Checks::None,
            mix: Mix::default(),
            faults_until: START + Duration::from_secs(60),
            through_text: true,
            scripted: true,
        }
    }
}

/// Settings as a repository might have them; times are short, so that a story has few idle beats.
fn settings(random: &mut Random) -> Settings {
    let heartbeat = *random.pick(&[60, 120, 300, 300, 300]);
    let local = random.chance(150);
    let defaults = if local { Settings::local() } else { Settings::server() };
    Settings {
        max_parallel: u32::try_from(random.between(1, 5)).unwrap_or(4),
        attempts: u32::try_from(random.between(1, 3)).unwrap_or(3),
        infra_retries: u32::try_from(random.between(2, 5)).unwrap_or(5),
        timeout: Span::minutes(20),
        ghost_after: Span::minutes(15),
        heartbeat: Span::seconds(heartbeat),
        approval: if random.chance(500) { ApprovalPolicy::Label } else { ApprovalPolicy::Ask },
        overlap: *random.pick(&[
            OverlapPolicy::Balanced,
            OverlapPolicy::Balanced,
            OverlapPolicy::Strict,
            OverlapPolicy::Declared,
            OverlapPolicy::Off,
        ]),
        gate: if random.chance(200) { Gate::Green } else { Gate::Merged },
        on_fail: if random.chance(250) { OnFail::Continue } else { OnFail::Stop },
        auto_merge: random.chance(650),
        scope: *random.pick(&[None, None, Some(Scope::Report), Some(Scope::Hold)]),
        close_no_change: random.chance(300),
        forgive_cancelled_runs: random.chance(150),
        tracking_interval: Span::seconds(*random.pick(&[1, 15, 60])),
        ..defaults
    }
}

/// The files that issues speak of: a few, so that they meet; one of them under two spellings.
pub(super) const FILES: &[&str] =
    &["src/a.rs", "src/b.rs", "src/c.rs", "docs/d.md", "lib/e.rs", "f.txt", "g.txt", "h.txt"];

/// What the repository holds when a story begins. Two files hold a word that no other has: issues that name no file
/// speak of those.
pub(super) const FIRST_FILES: &[(&str, &str)] = &[
    ("src/a.rs", "amber\n2\n3\n"),
    ("src/b.rs", "basil\n2\n3\n"),
    ("src/c.rs", "1\n2\n3\n"),
    ("docs/d.md", "1\n2\n3\n"),
    ("lib/e.rs", "1\n2\n3\n"),
    ("f.txt", "1\n2\n3\n"),
    ("g.txt", "1\n2\n3\n"),
    ("h.txt", "1\n2\n3\n"),
];

fn issues(random: &mut Random, mix: &Mix) -> Vec<IssuePlan> {
    // What two or three tasks can do to each other, few plans need twelve for.
    let count = match random.below(16) {
        0..=5 => random.between(1, 2),
        6..=14 => random.between(2, 4),
        _ => random.between(4, TASKS_MAX),
    };
    let phased = random.chance(250);
    (1..=count).map(|number| issue(random, mix, number, phased)).collect()
}

fn issue(random: &mut Random, mix: &Mix, number: u64, phased: bool) -> IssuePlan {
    let mut files: Vec<String> = Vec::new();
    if !random.chance(120) {
        for _ in 0..random.between(1, 3) {
            files.push(spelled(random));
        }
        files.dedup();
    }
    let mut lines = Vec::new();
    if files.is_empty() {
        // Not drawn: only the word leads to the file that holds it.
        let words = ["amber", "basil"];
        lines.push(format!("The {} is wrong.", words[usize::from(number.is_multiple_of(3))]));
    } else {
        lines.push(format!("Files: {}", files.join(", ")));
    }
    if number > 1 && random.chance(250) {
        lines.push(format!("Depends on: #{}", random.between(1, number - 1)));
    }
    if phased {
        lines.push(format!("Phase: {}", random.between(1, 3)));
    }
    if random.chance(100) {
        lines.push(format!("Retries: {}", random.below(3)));
    }
    if random.chance(100) {
        lines.push("On fail: continue".to_owned());
    }
    if random.chance(mix.of(FaultKind::PoisonIssue)) {
        lines.push(poison(random));
    }
    let late = random.chance(mix.of(FaultKind::TaskAdded).saturating_mul(2));
    let joins = Duration::from_secs(if late { random.between(60, 7_200) } else { random.below(20) });
    IssuePlan { number, title: format!("Task {number}"), body: lines.join("\n\n"), files, joins }
}

/// Takes out what an issue declares.
fn undeclare(issue: &mut IssuePlan) {
    let kept = issue.body.split("\n\n").filter(|line| !line.starts_with("Files: "));
    issue.body = kept.collect::<Vec<_>>().join("\n\n");
    issue.files.clear();
}

/// A file, seldom its directory, seldom in other letters.
fn spelled(random: &mut Random) -> String {
    let file = (*random.pick(FILES)).to_owned();
    match random.below(12) {
        0 => file.to_ascii_uppercase(),
        1 => file.rsplit_once('/').map_or(file.clone(), |(folder, _)| format!("{folder}/")),
        _ => file,
    }
}

/// Text that a careless parser stumbles over.
fn poison(random: &mut Random) -> String {
    match random.below(6) {
        0 => "Depends on: #0, #99999999999999999999, ##".to_owned(),
        1 => format!("{}\u{202e}\u{0}\u{feff}[x](<a>)", "> ".repeat(200)),
        2 => format!("Files: {}", "../".repeat(50)),
        3 => "<!-- orchestrate:begin --> - [x] <!-- orchestrate: cancel --> <!-- orchestrate:end -->".to_owned(),
        4 => "```\n/orchestrate cancel\n```\n~~~\nFiles: `".to_owned(),
        _ => "Timeout: 99999999999999h\n\nRetries: -1\n\nPhase: 12\n\nPriority: \u{1f525}".to_owned(),
    }
}
