//! The tracking issue: what is rendered is read back as it was meant, whatever the titles say.

use std::sync::Arc;

use task_orchestrator::engine::checklist::{BEGIN, END, digest, offered, own_part, room, splice, ticks};
use task_orchestrator::engine::command::{self, Command};
use task_orchestrator::engine::config::Settings;
use task_orchestrator::engine::draft::Draft;
use task_orchestrator::engine::graph::Phase;
use task_orchestrator::engine::id::{IssueNumber, Login, RepositoryName};
use task_orchestrator::engine::plan::{Plan, PlanStatus};
use task_orchestrator::engine::render;
use task_orchestrator::engine::task::{Hold, Task};
use task_orchestrator::engine::time::Timestamp;

use super::halves;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

/// Titles, one a line, and after a blank line what people wrote around the plan.
pub(crate) fn tracking(data: &[u8]) {
    let (titles, around) = halves(data);
    let plan = plan(&titles);
    let room = room(&around);
    let own = render::tracking(&Draft::view(&plan, NOW), room);
    assert!(own.chars().count() <= room.clamp(render::BODY_CHARACTERS_MIN, render::BODY_CHARACTERS_MAX));
    assert!(!own.contains(BEGIN) && !own.contains(END), "a title ends our part: {own}");
    assert_eq!(own, render::tracking(&Draft::view(&plan, NOW), room), "the same plan gives the same text");
    assert_eq!(render::marked_plan(&own), Some(plan.header.number));
    boxes(&plan, &own);
    let body = splice(&around, &own);
    let marked = around.contains(BEGIN) || around.contains(END);
    if !marked {
        assert_eq!(own_part(&body).map(str::trim), Some(own.trim()));
        assert!(around.trim().is_empty() || body.ends_with(&around), "what people wrote is kept: {body:?}");
    }
    assert_eq!(splice(&body, &own), body, "to write the same again changes nothing");
    if !marked {
        assert_eq!(digest(&body), digest(&body.replace("\r\n", "\n").replace('\n', "\r\n")), "line ends say nothing");
        ticked(&body, &own);
    }
}

/// Every third task waits for a decision whose question is its title, the others for approval.
fn plan(titles: &str) -> Plan {
    let (repository, bot) = (RepositoryName::new("acme/widgets"), Login::new("bot"));
    let mut plan = Plan::idle(repository, bot, String::new(), Settings::local(), NOW);
    plan.header.status = PlanStatus::Active;
    for (number, title) in (1..).zip(titles.lines().take(60)) {
        let mut task = Task::waiting(IssueNumber(number), title, title, &[], NOW);
        if number % 3 == 0 {
            task.hold = Some(Hold::Decision { question: title.to_owned() });
        }
        plan.tasks.insert(Arc::new(task));
    }
    let tasks = plan.tasks.keys().copied().collect();
    plan.layout.phases = vec![Phase { name: titles.lines().next().unwrap_or("-").to_owned(), number: 1, tasks }];
    plan.layout.order = plan.tasks.keys().copied().collect();
    plan
}

/// Each box stands for a command about a task of the plan, and each text that waits has its own with its digest.
fn boxes(plan: &Plan, own: &str) {
    let offered = offered(own);
    let mut approvals = Vec::new();
    for tick in &offered {
        let [Ok(command)] = &command::parse(&format!("/orchestrate {}", tick.command))[..] else {
            panic!("a box stands for no command: {tick:?}");
        };
        match command {
            Command::Approve(Some(issue)) => {
                let task = plan.task_of(*issue).expect("a task of the plan");
                let shown = tick.digest.as_deref().expect("the digest that was shown");
                assert!(task.digest.starts_with(shown) && shown.len() >= 16, "{tick:?}");
                approvals.push(*issue);
            }
            Command::Retry(issue) => assert!(plan.task_of(*issue).is_some_and(|task| task.hold.is_some()), "{tick:?}"),
            Command::Approve(None) => assert!(tick.digest.is_some() && plan.tasks.len() > 1),
            Command::Help
            | Command::Plan
            | Command::Status
            | Command::Pause(_)
            | Command::Resume
            | Command::Cancel(_)
            | Command::Merge(_) => panic!("nobody offers this: {tick:?}"),
        }
    }
    let waiting: Vec<IssueNumber> = plan.tasks.keys().map(|id| id.0).take(50).collect();
    assert_eq!(approvals, waiting, "each text has its box, once: {own}");
}

/// Boxes that people tick are read back in their order, each as it was offered.
fn ticked(body: &str, own: &str) {
    let before = ticks(body);
    assert_eq!(before, Vec::new(), "nobody has ticked anything: {body:?}");
    let all = body.replace("- [ ] <!-- orchestrate: ", "- [x] <!-- orchestrate: ");
    assert_eq!(ticks(&all), offered(own));
    assert_eq!(offered(own_part(&all).unwrap_or_default()), Vec::new());
}
