//! The maintainer, who looks now and then at what waits for a person, and in the end leaves nothing lying.

use crate::engine::draft::Draft;
use crate::engine::id::{IssueNumber, pull_branch};
use crate::engine::plan::{Header, PlanStatus};
use crate::engine::task::{Hold, Stage, Task, Verdict};
use crate::engine::waits::{self, Wait};
use crate::forge::world::request::PersonAct;
use crate::simulate::drive::Simulation;
use crate::simulate::people::WRITER;

/// How often the maintainer tries to bring a task of a plan on before giving it up; what four times as many tries do
/// not end is for the judge to see. In the next plan its issue is a new task: what was said while GitHub wanted no
/// questions may all have gone to the plan before. Once nothing goes wrong any more, they count anew.
const TRIES_MAX: u32 = 5;

/// What a task wants of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Approval,
    Retry,
    Merge,
    ClosePull,
    GivingUp,
}

impl Simulation {
    /// Does for each task what it waits for.
    pub(super) fn upkeep(&mut self) {
        let (paused, tasks, stuck, plan) = {
            let inner = self.desk.locked();
            let halted = |header: &Header| header.paused.is_some() && header.status != PlanStatus::Ended;
            let paused = inner.oracle.header.as_deref().is_some_and(halted);
            let tasks: Vec<_> = inner.oracle.tasks.values().cloned().collect();
            (paused, tasks, !inner.faulty, inner.oracle.truth.plan)
        };
        if paused {
            let place = tasks.first().map_or(IssueNumber(1), |task| task.issue());
            let place = self.tracking().unwrap_or(place);
            self.say(WRITER, place, "/orchestrate resume");
        }
        for task in &tasks {
            let Some(wants) = self.wants(task, stuck) else { continue };
            let tries = self.tried.entry((plan, task.issue(), stuck)).or_default();
            *tries += 1;
            if *tries > 4 * TRIES_MAX {
                continue;
            }
            let patient = *tries <= TRIES_MAX;
            self.bring_on(task, if patient { wants } else { Wants::GivingUp });
        }
    }

    fn wants(&self, task: &Task, stuck: bool) -> Option<Wants> {
        let auto = self.scenario.settings.auto_merge;
        let settled = task.verdict.is_some_and(|verdict| verdict != Verdict::Escalated);
        if task.has_open_pull() && (settled || task.left) {
            return Some(Wants::ClosePull);
        }
        if settled || task.left || task.stage == Stage::Merged {
            return None;
        }
        match &task.hold {
            Some(Hold::Scope { .. }) => return Some(Wants::Approval),
            Some(Hold::Theirs { .. }) if task.has_open_pull() => return Some(Wants::Merge),
            Some(_) => return Some(Wants::Retry),
            None => {}
        }
        if task.verdict == Some(Verdict::Escalated) {
            return Some(Wants::Retry);
        }
        if !task.is_approved() && matches!(task.stage, Stage::Waiting | Stage::Error) {
            return Some(Wants::Approval);
        }
        if task.stage == Stage::PrOpen && !auto {
            return Some(Wants::Merge);
        }
        let idle = matches!(task.stage, Stage::Waiting | Stage::Error);
        (stuck && idle && self.is_hopeless(task)).then_some(Wants::GivingUp)
    }

    /// Whether what it waits for will never come: a problem in its text, or an issue that nobody works on.
    fn is_hopeless(&self, task: &Task) -> bool {
        let Some(held) = &self.held else { return false };
        let problem = held.plan.layout.problems.iter().any(|problem| problem.task == Some(task.id));
        let draft = Draft::view(&held.plan, self.now);
        let waits = waits::waits_but_files(&draft, task);
        let nobody = |issue| held.plan.task_of(issue).is_none_or(|other| other.left);
        let in_vain = |wait: &Wait| match wait {
            Wait::Circle { .. } => true,
            Wait::Dependency { issue, .. } => nobody(*issue),
            _ => false,
        };
        problem || waits.iter().any(in_vain)
    }

    fn bring_on(&mut self, task: &Task, wants: Wants) {
        let issue = task.issue();
        match wants {
            Wants::Approval => self.command(issue, "approve"),
            Wants::Retry => {
                // A branch that is in the way is taken away, as the answer says.
                if matches!(&task.hold, Some(Hold::PublishRefused { message }) if message.contains("delete it")) {
                    let gone = self.forge.delete_branch(WRITER, &pull_branch(issue));
                    self.done(gone.is_ok());
                }
                self.command(issue, "retry");
            }
            Wants::GivingUp => {
                if let Some(pull) = task.pull.as_ref().filter(|pull| pull.open) {
                    self.close_pull(issue, pull.number);
                }
                self.command(issue, "cancel");
            }
            Wants::Merge => {
                if let Some(number) = self.pull_of(issue)
                    && !self.act(WRITER, PersonAct::Merge { number })
                {
                    self.command(issue, "retry");
                }
            }
            Wants::ClosePull => {
                if let Some(pull) = &task.pull {
                    self.close_pull(issue, pull.number);
                }
            }
        }
    }
}
