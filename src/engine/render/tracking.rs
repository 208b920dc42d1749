//! The tracking issue: a view of the plan, rewritten from its rows. What needs a person stands first; every wait says
//! for what.

use crate::engine::checklist::unticked;
use crate::engine::draft::Draft;
use crate::engine::fold;
use crate::engine::footprint::Strength;
use crate::engine::id::TaskId;
use crate::engine::plan::PlanStatus;
use crate::engine::render::conflict::conflict_evidence;
use crate::engine::render::drawing::graph_fold;
use crate::engine::render::planner::planner_fold;
use crate::engine::render::runs::worked_by_runs;
use crate::engine::render::status::{hold_words, state_words, wait_words};
use crate::engine::render::{text, tracking_marker};
use crate::engine::task::{CheckState, Hold, Pull, Stage, Task, Verdict};
use crate::engine::waits::{self, Status, Wait};
use crate::engine::{graph, overlap};

/// Longest part of a body that is ours, in characters; GitHub takes 65,536 with what people wrote around it.
pub const BODY_CHARACTERS_MAX: usize = 60_000;
/// What people wrote leaves us at least so much: beyond that a part of ours is not cut.
pub const BODY_CHARACTERS_MIN: usize = 2_000;
/// Most ordering edges shown with their evidence.
const EDGES_MAX: usize = 60;
/// Most boxes of one kind.
const BOXES_MAX: usize = 50;
/// Digits of a text's digest that an approval box carries.
pub const DIGEST_DIGITS: usize = 16;
/// Most tasks whose order is explained: beyond it the fold is left out.
const EXPLAINED_TASKS_MAX: usize = 300;

/// The tracking issue's title.
pub fn tracking_title(draft: &Draft<'_>) -> String {
    format!("Orchestration plan {}", draft.header().number)
}

/// A task as the tracking issue shows it.
pub(super) struct View<'a> {
    pub(super) task: &'a Task,
    pub(super) waits: Vec<Wait>,
    pub(super) status: Status,
    /// Whether it stands in a comment instead of the lists.
    folded: bool,
}

/// A task that is over, as lists show it.
pub(super) fn settled_line(draft: &Draft<'_>, task: &Task) -> String {
    task_line(draft, &View { task, waits: Vec::new(), status: waits::status(task, &[]), folded: false })
}

/// Our part of the tracking issue's body, markers left out, at most `room` characters (of which
/// [`BODY_CHARACTERS_MIN`] to [`BODY_CHARACTERS_MAX`] are used): where everything does not fit, what needs a person
/// comes first, then open tasks, and the rest is counted.
pub fn tracking(draft: &Draft<'_>, room: usize) -> String {
    let room = room.clamp(BODY_CHARACTERS_MIN, BODY_CHARACTERS_MAX);
    let locks = waits::locks(draft);
    let views: Vec<View<'_>> = draft
        .tasks()
        .filter(|task| !task.left || task.has_open_pull())
        .map(|task| {
            let waits = waits::waits(draft, &locks, task);
            let status = waits::status(task, &waits);
            View { task, waits, status, folded: fold::is_folded(draft, task) }
        })
        .collect();
    let head = [tracking_marker(draft.header().number), summary(draft, &views)];
    let taken: usize = head.iter().map(|part| part.chars().count() + 2).sum();
    let needs = text::first_lines(&needs_you(draft, &views), room.saturating_sub(taken) * 3 / 4);
    let mut parts: Vec<String> = head.into_iter().chain([needs]).filter(|part| !part.is_empty()).collect();
    let mut left = room.saturating_sub(parts.iter().map(|part| part.chars().count() + 2).sum());
    let lists = phases(draft, &views, left);
    left = left.saturating_sub(lists.chars().count() + 2);
    parts.push(lists);
    for fold in [graph_fold(&views), order_fold(draft, &views), planner_fold(draft)] {
        let size = fold.chars().count() + 2;
        if !fold.is_empty() && size <= left {
            left -= size;
            parts.push(fold);
        }
    }
    parts.join("\n\n")
}

/// The first lines: how far, what stops it.
fn summary(draft: &Draft<'_>, views: &[View<'_>]) -> String {
    let header = draft.header();
    let total = views.len();
    let done = views.iter().filter(|view| view.task.verdict.is_some_and(Verdict::is_well)).count();
    let escalated = |view: &&View<'_>| view.task.verdict == Some(Verdict::Escalated);
    let count = |status: Status| views.iter().filter(|view| view.status == status && !escalated(view)).count();
    let mut words = vec![format!("**{done} of {total} done**")];
    for (status, word) in [
        (Status::Running, "running"),
        (Status::Stuck, "stuck"),
        (Status::PrOpen, "in review"),
        (Status::Error, "failed"),
        (Status::Blocked, "blocked"),
        (Status::Pending, "ready"),
    ] {
        let n = count(status);
        if n > 0 {
            words.push(format!("{n} {word}"));
        }
    }
    let given_up = views.iter().filter(escalated).count();
    if given_up > 0 {
        words.push(format!("{given_up} escalated"));
    }
    let filled = (done * 20).checked_div(total).unwrap_or(0);
    let mut lines =
        vec![words.join(" · "), String::new(), format!("`{}{}`", "█".repeat(filled), "░".repeat(20 - filled))];
    let phases = draft.layout().phases.len();
    if header.status == PlanStatus::Active && phases > 1 {
        let name = draft.layout().phases.get(header.open_phase).map_or("", |phase| phase.name.as_str());
        lines.push(format!("\nOpen: **{}** ({} of {phases})", text::line(name), header.open_phase + 1));
    }
    let tokens: u64 = views
        .iter()
        .flat_map(|view| &view.task.attempts)
        .map(|attempt| attempt.usage.input_tokens + attempt.usage.output_tokens)
        .sum();
    if tokens > 0 {
        lines.push(format!("\nUsed so far: {tokens} tokens"));
    }
    if let Some(until) = header.limited_until.filter(|until| *until > draft.now) {
        lines.push(format!("\nGitHub asked for a pause until {}.", until.seconds_text()));
    }
    if let Some(until) = header.put_off_until.filter(|until| *until > draft.now) {
        lines.push(format!(
            "\nComments and pull requests wait until {}: GitHub allows no more of them. All else goes on.",
            until.seconds_text()
        ));
    }
    if let Some(lost) = header.lost_tracking {
        lines.push(format!("\nThis issue takes the place of #{lost}, which was deleted or moved away."));
    }
    if header.status == PlanStatus::Ended {
        lines.push("\nThis plan has ended.".to_owned());
    } else if let Some(native) = header.settings.actions {
        lines.push(worked_by_runs(native, header.settings.heartbeat));
    }
    lines.join("\n")
}

/// What waits for a person, with boxes that act.
fn needs_you(draft: &Draft<'_>, views: &[View<'_>]) -> String {
    let header = draft.header();
    if header.status == PlanStatus::Ended {
        return String::new();
    }
    let mut lines = Vec::new();
    if let Some(pause) = &header.paused {
        let reason = if pause.reason.is_empty() { String::new() } else { format!(": {}", text::line(&pause.reason)) };
        lines.push(format!("- Paused by {}{reason}. `/orchestrate resume` goes on.", text::line(pause.by.as_str())));
    }
    if let Some(problem) = &header.settings_problem {
        lines.push(format!("- The configuration cannot be used; the last good one is. {}", text::line(problem)));
    }
    if header.base.as_ref().is_some_and(|base| !base.workflow_present) {
        lines.push(format!(
            "- `.github/workflows/{}` is not on the default branch: nothing can be dispatched.",
            text::code(&header.settings.workflow)
        ));
    }
    if let Some(why) = header.tracking.as_ref().and_then(|tracking| tracking.pin_refused.as_ref()) {
        lines.push(format!(
            "- This issue is not pinned: {}. A repository has room for three: unpin another and pin this one, or leave \
             it as it is.",
            text::line(why.trim_end_matches('.'))
        ));
    }
    for command in header.tracking.iter().flat_map(|tracking| &tracking.unattributed) {
        lines.push(format!(
            "- A box was ticked, but GitHub does not tell by whom. Please comment `/orchestrate {}`.",
            text::code(command)
        ));
    }
    lines.extend(approvals(views));
    for view in views {
        lines.extend(person_lines(view, !header.settings.auto_merge));
    }
    for problem in draft.layout().problems.iter().filter(|problem| !problem.code.blocks()).take(BOXES_MAX) {
        let task = problem.task.map_or_else(String::new, |task| format!("#{}: ", task.0));
        lines.push(format!("- {task}{}", text::line(&problem.message)));
    }
    if lines.is_empty() { String::new() } else { format!("### Needs you\n\n{}", lines.join("\n")) }
}

/// Boxes for texts that nobody approved yet.
fn approvals(views: &[View<'_>]) -> Vec<String> {
    let waiting: Vec<&View<'_>> = views.iter().filter(|view| waits::wants_approval(view.task)).collect();
    let mut lines = Vec::new();
    if waiting.len() > 1 {
        let texts = waits::texts_digest(waiting.iter().map(|view| view.task));
        let all = unticked("approve", Some(&texts[..DIGEST_DIGITS]));
        lines.push(format!("{all}**Approve all {} texts as they stand**", waiting.len()));
    }
    for view in waiting.iter().take(BOXES_MAX) {
        let digest = &view.task.digest[..DIGEST_DIGITS.min(view.task.digest.len())];
        let command = format!("approve #{}", view.task.issue());
        let changed = if view.task.approval.is_some() { " (its text changed)" } else { "" };
        let title = text::line(&view.task.title);
        lines.push(format!("{}Approve #{} {title}{changed}", unticked(&command, Some(digest)), view.task.issue()));
    }
    if waiting.len() > BOXES_MAX {
        lines.push(format!("- and {} more", waiting.len() - BOXES_MAX));
    }
    lines
}

/// What a task needs of a person, approval left out.
fn person_lines(view: &View<'_>, by_hand: bool) -> Vec<String> {
    let issue = view.task.issue();
    let retry = || format!("  {}Retry #{issue}", unticked(&format!("retry #{issue}"), None));
    if let Some(hold) = &view.task.hold {
        let words = hold_words(hold);
        let stop = if words.ends_with(['.', '?', '!']) { "" } else { "." };
        let mut lines = vec![format!("- #{issue}: {words}{stop} {}", remedy(hold))];
        if matches!(hold, Hold::Scope { .. }) {
            lines.push(format!("  {}Approve #{issue}", unticked(&format!("approve #{issue}"), None)));
        }
        lines.push(retry());
        return lines;
    }
    if let Some(pull) = view.task.pull.as_ref().filter(|pull| by_hand && is_ready(view.task, pull)) {
        return vec![format!("- #{issue}: pull request #{} is ready for your review and merge.", pull.number)];
    }
    if view.task.verdict == Some(Verdict::Escalated) {
        let error = view
            .task
            .current()
            .map(|attempt| attempt.error.lines().last().unwrap_or_default().to_owned())
            .unwrap_or_default();
        let error = if error.is_empty() { String::new() } else { format!(": {}", text::line(&error)) };
        return vec![format!("- #{issue} has no attempts left{error}"), retry()];
    }
    if view.task.has_open_pull() && (view.task.left || view.task.verdict == Some(Verdict::Cancelled)) {
        let pull = view.task.pull.as_ref().map_or_else(String::new, |pull| format!("#{}", pull.number));
        return vec![format!(
            "- #{issue} was given up, but its pull request {pull} is open and holds its files: merge or close it."
        )];
    }
    view.waits
        .iter()
        .filter(|wait| matches!(wait, Wait::Problem(_) | Wait::Circle { .. }))
        .map(|wait| format!("- #{issue}: {}", wait_words(wait)))
        .collect()
}

/// Whether a pull request waits for nothing but its merge.
fn is_ready(task: &Task, pull: &Pull) -> bool {
    let green = matches!(pull.checks, CheckState::Green { .. });
    task.stage == Stage::PrOpen && task.verdict.is_none() && green && !pull.merge_asked
}

/// What a person can do about a hold.
fn remedy(hold: &Hold) -> &'static str {
    match hold {
        Hold::Decision { .. } => "Put the answer into the issue's text, approve that, and retry.",
        Hold::PullClosed { .. } => "Reopen it, retry, or cancel.",
        Hold::DispatchRefused { .. } | Hold::PublishRefused { .. } => "Mend that and retry.",
        Hold::Scope { .. } => "Approve to let them through, or retry for another attempt.",
        Hold::BaseRed { .. } => "It goes on by itself once the base is mended.",
        Hold::Theirs { .. } => "Merge it when it is done, or retry to go on from there.",
    }
}

/// One checklist per phase. Open tasks are written first when the room is short, and what does not fit is counted.
fn phases(draft: &Draft<'_>, views: &[View<'_>], room: usize) -> String {
    let mut order: Vec<&View<'_>> = views.iter().filter(|view| !view.folded).collect();
    let place: std::collections::BTreeMap<TaskId, usize> =
        draft.layout().order.iter().enumerate().map(|(index, id)| (*id, index)).collect();
    order.sort_by_key(|view| {
        (view.task.is_settled(), place.get(&view.task.id).copied().unwrap_or(usize::MAX), view.task.id)
    });
    let mut kept: Vec<Vec<(usize, String)>> = vec![Vec::new(); draft.layout().phases.len().max(1)];
    let last = kept.len() - 1;
    let mut left = room.saturating_sub(kept.len() * 120 + 200);
    let mut dropped = 0usize;
    for view in order {
        let line = task_line(draft, view);
        let size = line.chars().count() + 1;
        if size > left || dropped > 0 {
            dropped += 1;
            continue;
        }
        left -= size;
        let index = view.task.phase.min(last);
        kept[index].push((place.get(&view.task.id).copied().unwrap_or(usize::MAX), line));
    }
    let mut sections = Vec::new();
    for (index, mut lines) in kept.into_iter().enumerate() {
        lines.sort();
        let name = draft.layout().phases.get(index).map_or("Tasks", |phase| phase.name.as_str());
        let mut body: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
        let folded = views.iter().filter(|view| view.folded && view.task.phase.min(last) == index).count();
        if folded > 0 {
            body.push(format!("- [x] {folded} that are over stand in comments below"));
        }
        if !body.is_empty() {
            sections.push(format!("### {}\n\n{}", text::line(name), body.join("\n")));
        }
    }
    if dropped > 0 {
        sections.push(format!("and {dropped} more that do not fit here."));
    }
    sections.join("\n\n")
}

fn sign(status: Status, task: &Task) -> &'static str {
    match (status, task.verdict) {
        (_, Some(Verdict::NoChange)) => "⚪",
        (Status::Merged, _) => "🟣",
        (Status::Cancelled, _) => "⚫",
        (Status::Running, _) => "🔵",
        (Status::Stuck, _) => "🟠",
        (Status::Error, _) => "🔴",
        (Status::Complete | Status::PrOpen, _) => "🟢",
        (Status::Pending, _) => "🟡",
        (Status::Blocked, _) => "⏸️",
    }
}

fn task_line(draft: &Draft<'_>, view: &View<'_>) -> String {
    let done = view.task.is_settled() && view.task.verdict != Some(Verdict::Escalated);
    let mark = if done { "x" } else { " " };
    let words = state_words(view.task, view.status, &view.waits);
    let retried = if view.task.work_attempts().count() > 1 && done {
        format!(" · {} attempts", view.task.work_attempts().count())
    } else {
        String::new()
    };
    format!(
        "- [{mark}] {} #{} {} · {words}{retried}{}",
        sign(view.status, view.task),
        view.task.issue(),
        text::line(&view.task.title),
        conflict_evidence(draft, view.task, &view.waits)
    )
}

/// Why tasks are ordered as they are, edge by edge.
fn order_fold(draft: &Draft<'_>, views: &[View<'_>]) -> String {
    let open = views.iter().filter(|view| !view.task.is_settled() && view.task.stage != Stage::Merged);
    let nodes: std::collections::BTreeMap<TaskId, graph::Node> =
        open.map(|view| (view.task.id, crate::engine::reconcile::node(view.task))).collect();
    if nodes.len() < 2 || nodes.len() > EXPLAINED_TASKS_MAX {
        return String::new();
    }
    let layout = graph::layout(&nodes, &draft.header().outside, draft.header().settings.overlap);
    let edges: Vec<&graph::Edge> = layout.edges.iter().filter(|edge| edge.kind != graph::EdgeKind::Phase).collect();
    let likely = likely_files(&nodes);
    if edges.is_empty() && likely.is_empty() {
        return String::new();
    }
    let shown = edges.iter().take(EDGES_MAX).map(|edge| {
        let (from, to) = (edge.from.replacen('t', "#", 1), edge.to.replacen('t', "#", 1));
        let strength = match edge.strength {
            Some(Strength::Soft) => " (soft: kept apart while there is other work)",
            Some(Strength::Weak) => " (weak: only shown)",
            Some(Strength::Hard) | None => "",
        };
        format!("- {from} → {to}: {}{strength}", evidence(&edge.evidence))
    });
    let mut lines: Vec<String> = shown.collect();
    if edges.len() > EDGES_MAX {
        lines.push(format!("- and {} more", edges.len() - EDGES_MAX));
    }
    lines.extend(likely);
    format!("<details><summary>Why this order</summary>\n\n{}\n\n</details>", lines.join("\n"))
}

/// What tasks that declare no files are likely about, and why that is thought.
fn likely_files(nodes: &std::collections::BTreeMap<TaskId, graph::Node>) -> Vec<String> {
    let guessed = nodes.values().filter(|node| !node.footprint.guesses().is_empty()).take(EDGES_MAX);
    let line = |node: &graph::Node| {
        let files = node.footprint.likely().map(|file| {
            let share = overlap::risk::decimal(file.share);
            format!("{} ({share}: {})", evidence(&file.path), evidence(&file.evidence))
        });
        format!("- #{} names no files; likely {}", node.id.0, files.collect::<Vec<_>>().join(", "))
    };
    guessed.map(line).collect()
}

/// Evidence as the layout words it, harmless; code spans in it are kept as text.
fn evidence(words: &str) -> String {
    text::line(&words.replace('`', ""))
}
