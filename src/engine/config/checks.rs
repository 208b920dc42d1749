//! Settings that can be read but cannot be meant.

use globset::Glob;

use crate::engine::config::{PlannerPolicy, Settings};
use crate::engine::footprint::OverlapPolicy;
use crate::engine::time::Span;

/// Longest label GitHub takes, in characters.
const LABEL_LENGTH_MAX: usize = 50;
/// Longest rules text, in characters.
const RULES_LENGTH_MAX: usize = 20_000;
/// Most entries of a list.
const LIST_LENGTH_MAX: usize = 50;

/// The first key whose value is out of range, and what is wrong with it.
pub(super) fn first_mistake(settings: &Settings) -> Option<(&'static str, String)> {
    let single = numbers(settings).or_else(|| spans(settings)).or_else(|| texts(settings));
    single.or_else(|| lists(settings)).or_else(|| together(settings))
}

/// Keys that each can be meant, but not beside each other.
fn together(settings: &Settings) -> Option<(&'static str, String)> {
    let unheard = settings.planner == PlannerPolicy::Agent
        && matches!(settings.overlap, OverlapPolicy::Declared | OverlapPolicy::Off);
    unheard.then(|| {
        let overlap = settings.overlap;
        let what = format!(
            "is `agent`, but `overlap: {overlap}` does not look at what it finds; write `overlap: balanced` or \
             `overlap: strict`, or `planner: off`"
        );
        ("planner", what)
    })
}

fn numbers(settings: &Settings) -> Option<(&'static str, String)> {
    [
        ("max_parallel", u64::from(settings.max_parallel), 1, 256),
        ("attempts", u64::from(settings.attempts), 1, 10),
        ("infra_retries", u64::from(settings.infra_retries), 0, 50),
        ("conflict_reruns", u64::from(settings.conflict_reruns), 0, 10),
        ("patch_files_max", settings.patch_files_max, 1, 3_000),
        ("patch_bytes_max", settings.patch_bytes_max, 1, 100_000_000),
    ]
    .into_iter()
    .find(|(_, value, least, most)| value < least || value > most)
    .map(|(key, value, least, most)| (key, format!("is {value}; write a number from {least} to {most}")))
}

fn spans(settings: &Settings) -> Option<(&'static str, String)> {
    let (nothing, day) = (Span::seconds(0), Span::minutes(24 * 60));
    let second = Span::seconds(1);
    [
        ("backoff", settings.backoff, nothing, settings.backoff_max),
        ("backoff_max", settings.backoff_max, settings.backoff, day),
        ("timeout", settings.timeout, second, Span::minutes(5 * 24 * 60)),
        ("nudge_after", settings.nudge_after, second, day),
        ("stall_after", settings.stall_after, second, day),
        ("heartbeat", settings.heartbeat, second, day),
        ("probe_window", settings.probe_window, nothing, day),
        ("ghost_after", settings.ghost_after, second, day),
        ("checks_grace", settings.checks_grace, nothing, day),
        ("settle", settings.settle, nothing, day),
        ("tracking_interval", settings.tracking_interval, nothing, day),
    ]
    .into_iter()
    .find(|(_, value, least, most)| value < least || value > most)
    .map(|(key, value, least, most)| (key, format!("is {value}; write a time from {least} to {most}")))
}

fn texts(settings: &Settings) -> Option<(&'static str, String)> {
    let label = settings.label.trim();
    if label.is_empty() || label.chars().count() > LABEL_LENGTH_MAX || label.contains(',') {
        return Some(("label", format!("must be 1 to {LABEL_LENGTH_MAX} characters without a comma")));
    }
    let name = &settings.workflow;
    if name.contains(['/', '\\']) || !(name.ends_with(".yml") || name.ends_with(".yaml")) {
        return Some(("workflow", "must be a file name that ends in `.yml` or `.yaml`, without a folder".to_owned()));
    }
    if settings.rules.chars().count() > RULES_LENGTH_MAX {
        return Some(("rules", format!("must have at most {RULES_LENGTH_MAX} characters")));
    }
    let one_word = [("model", &settings.model), ("effort", &settings.effort)];
    let wrong = one_word.into_iter().find(|(_, text)| text.is_empty() || text.contains(char::is_whitespace));
    if let Some((key, text)) = wrong {
        return Some((key, format!("is `{text}`; write one word")));
    }
    let empty = settings.agent_command.as_ref().is_some_and(|command| command.trim().is_empty());
    empty.then(|| ("agent_command", "is empty; write a command or leave the key out".to_owned()))
}

fn lists(settings: &Settings) -> Option<(&'static str, String)> {
    let all = [
        ("setup", &settings.setup),
        ("validate", &settings.validate),
        ("protected", &settings.protected),
        ("hotspots", &settings.hotspots),
        ("allowed_bots", &settings.allowed_bots),
    ];
    for (key, list) in all {
        if list.len() > LIST_LENGTH_MAX {
            return Some((key, format!("has {} entries; at most {LIST_LENGTH_MAX} are allowed", list.len())));
        }
        if list.iter().any(|text| text.trim().is_empty()) {
            return Some((key, "has an empty entry; take it out".to_owned()));
        }
    }
    for (key, list, like) in
        [("protected", &settings.protected, "infra/**"), ("hotspots", &settings.hotspots, "CHANGELOG*")]
    {
        if let Some(wrong) = list.iter().find(|pattern| Glob::new(pattern).is_err()) {
            return Some((key, format!("has `{wrong}`, which is no glob; write patterns like `{like}`")));
        }
    }
    None
}
