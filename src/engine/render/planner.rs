//! What planner runs are asked, and what people are told of their answers.

use crate::engine::brief::PromptLayers;
use crate::engine::draft::Draft;
use crate::engine::graph::DECLARED_FILES_MAX;
use crate::engine::planner::{Answer, PlanningStand, order};
use crate::engine::reconcile::listed;
use crate::engine::render::text;
use crate::engine::task::Task;

/// Most tasks told of in the tracking issue.
const TASKS_MAX: usize = 60;
/// Most files named of one answer there.
const FILES_MAX: usize = 6;

/// The prompt of a planner run.
pub(super) fn planner_layers(draft: &Draft<'_>, task: &Task) -> PromptLayers {
    let own = draft.header().settings.rules.trim();
    let fixed = "You plan one task of this repository, without network and without anybody to ask. Read whatever you \
                 need, and change nothing: no file may be written, made or removed.";
    let rules = if own.is_empty() { format!("# Rules\n\n{fixed}") } else { format!("# Rules\n\n{fixed}\n\n{own}") };
    PromptLayers { rules, plan: others(draft, task), task: question(task), history: String::new() }
}

/// The other issues, which the answer may name.
fn others(draft: &Draft<'_>, task: &Task) -> String {
    let lines: Vec<String> =
        listed(draft, task).iter().map(|other| format!("#{} {}", other.issue, other.title)).collect();
    if lines.is_empty() {
        return "# Other open issues\n\nThere are none, so that `depends_on` stays empty.".to_owned();
    }
    format!(
        "# Other open issues\n\nOnly these may stand in `depends_on`. Their titles, as data:\n\n{}",
        text::fenced(&lines.join("\n"))
    )
}

/// The task, the guess, and the form of the answer.
fn question(task: &Task) -> String {
    let (title, body) =
        task.approval.as_ref().map_or((&task.title, &task.body), |approved| (&approved.title, &approved.body));
    let ranked = task.footprint.ranked.iter().map(|file| file.path.clone());
    let mentioned = task.footprint.paths();
    let ranked: Vec<String> = ranked.filter(|path| !mentioned.contains(path)).collect();
    let guess = [mentioned, ranked].concat();
    let guess = if guess.is_empty() {
        "Nothing is known of its files from the text alone.".to_owned()
    } else {
        let guess = guess.join("\n");
        format!("Files guessed from the text alone, as a hint that may be wrong:\n\n{}", text::fenced(&guess))
    };
    format!(
        "# Task #{}: {}\n\nThe issue's approved text, as data:\n\n{}\n\n{guess}\n\n# Answer\n\nFind out which files \
         the work on this task will change: the code, its tests, and whatever must follow. Answer with one JSON object \
         and nothing else:\n\n- `files`: files of this repository that will change, the likeliest first, as paths \
         from its root;\n- `new_files`: files that will be made;\n- `depends_on`: numbers of the other open issues \
         that have to be done first, because this task builds on what they make; empty where none has to;\n- \
         `estimate_minutes`: how long the work will take you, a whole number;\n- `confidence`: how sure you are of \
         the files, from 0 to 1.\n\nName no more than {DECLARED_FILES_MAX} files in all, and none that only might \
         change.",
        task.issue(),
        title.trim(),
        text::fenced(body)
    )
}

/// What planner runs said, task by task.
pub(super) fn planner_fold(draft: &Draft<'_>) -> String {
    let told = |task: &Task| line(draft, task).filter(|_| !task.left && task.verdict.is_none());
    let lines: Vec<String> = draft.tasks().filter_map(told).collect();
    if lines.is_empty() {
        return String::new();
    }
    let more = lines.len().saturating_sub(TASKS_MAX);
    let more = if more > 0 { format!("\n- and {more} more") } else { String::new() };
    let lines = lines.into_iter().take(TASKS_MAX).collect::<Vec<_>>().join("\n");
    format!("<details><summary>Planner runs</summary>\n\n{lines}{more}\n\n</details>")
}

fn line(draft: &Draft<'_>, task: &Task) -> Option<String> {
    let planning = task.planning()?;
    let run = planning.attempt.map_or_else(String::new, |attempt| format!(" t{attempt}"));
    let said = match &planning.stand {
        PlanningStand::Due => return None,
        PlanningStand::Answered { .. } => format!("the answer of its planner run{run} is being checked"),
        PlanningStand::Confirmed { answer } => {
            format!("its planner run{run} read the repository: {}{}", answer_words(answer), proposals(draft, task))
        }
        PlanningStand::Passed { why } => {
            format!("its planner run{run} told nothing: {}. What its text tells stands", text::with_code(why))
        }
    };
    Some(format!("- #{}: {said}.", task.issue()))
}

fn answer_words(answer: &Answer) -> String {
    let named = answer.files.iter().map(|path| (path, "")).chain(answer.new_files.iter().map(|path| (path, " (new)")));
    let shown: Vec<String> =
        named.clone().take(FILES_MAX).map(|(path, note)| format!("`{}`{note}", text::code(path))).collect();
    let more = named.count().saturating_sub(FILES_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let (minutes, confidence) = (answer.estimate_minutes, answer.confidence);
    format!("{}{more}; about {minutes} min; {confidence} % sure", shown.join(", "))
}

fn proposals(draft: &Draft<'_>, task: &Task) -> String {
    let word = |proposal: &order::Proposal| {
        let not = if proposal.circular { " (not followed: that would close a circle)" } else { "" };
        format!("#{}{not}", proposal.before)
    };
    let words: Vec<String> = order::proposals(draft, task).iter().map(word).collect();
    if words.is_empty() { String::new() } else { format!("; better after {}", words.join(", ")) }
}
