//! The report at a plan's end.

use crate::engine::draft::Draft;
use crate::engine::footprint::SHARE_MAX;
use crate::engine::learning::Learned;
use crate::engine::overlap::risk;
use crate::engine::render::text;
use crate::engine::task::{Task, Verdict};

/// Most tasks listed one by one.
const TASKS_MAX: usize = 300;

/// Everything added up: verdicts, attempts, retries, tokens, predicted against real files.
pub fn completion(draft: &Draft<'_>) -> String {
    let tasks: Vec<&Task> = draft.tasks().collect();
    let count = |verdict: Verdict| tasks.iter().filter(|task| task.verdict == Some(verdict)).count();
    let attempts: usize = tasks.iter().map(|task| task.work_attempts().count()).sum();
    let planner_runs = tasks.iter().map(|task| task.attempts.len()).sum::<usize>() - attempts;
    let tokens: u64 = tasks
        .iter()
        .flat_map(|task| &task.attempts)
        .map(|attempt| attempt.usage.input_tokens + attempt.usage.output_tokens)
        .sum();
    let header = draft.header();
    let seconds = draft.now.since(header.started_at).as_secs();
    let used = if tokens == 0 { String::new() } else { format!(", {tokens} tokens") };
    let planned = if planner_runs == 0 { String::new() } else { format!(", {planner_runs} planner runs") };
    let mut lines = vec![
        format!(
            "The plan has ended: {} merged, {} without need for change, {} cancelled; {attempts} \
             attempts{planned}{used}, {} min {} s.",
            count(Verdict::Merged),
            count(Verdict::NoChange),
            count(Verdict::Cancelled),
            seconds / 60,
            seconds % 60
        ),
        String::new(),
    ];
    lines.extend(guessed(&header.learned));
    lines.extend([
        "| task | verdict | attempts | files predicted | files touched |".to_owned(),
        "| --- | --- | --- | --- | --- |".to_owned(),
    ]);
    lines.extend(tasks.iter().take(TASKS_MAX).map(|task| row(task)));
    if tasks.len() > TASKS_MAX {
        lines.push(format!("\nand {} more.", tasks.len() - TASKS_MAX));
    }
    lines.join("\n")
}

/// What guesses have been worth in this repository so far.
fn guessed(learned: &Learned) -> Vec<String> {
    if learned.tasks == 0 {
        return Vec::new();
    }
    let counts = match learned.shares {
        SHARE_MAX => String::new(),
        shares => format!(" By how often tasks met, guesses count {} of what they say.", risk::decimal(shares)),
    };
    let (hits, tasks) = (learned.hits, learned.tasks);
    let named =
        format!("Guessed files, over all plans so far: {hits} of {tasks} tasks touched one of the likeliest five.");
    vec![format!("{named}{counts}"), String::new()]
}

fn row(task: &Task) -> String {
    let cells = |paths: Vec<String>| {
        let shown: Vec<String> = paths.iter().take(4).map(|path| format!("`{}`", text::code(path))).collect();
        let more = if paths.len() > 4 { format!(" +{}", paths.len() - 4) } else { String::new() };
        format!("{}{more}", shown.join(" "))
    };
    let touched = task.work.as_ref().map(|work| work.files.clone()).unwrap_or_default();
    format!(
        "| #{} {} | {} | {} | {} | {} |",
        task.issue(),
        text::line(&task.title),
        task.verdict.map_or_else(String::new, |verdict| verdict.to_string().replace('_', " ")),
        task.work_attempts().count(),
        cells(task.footprint.predicted()),
        cells(touched)
    )
}
