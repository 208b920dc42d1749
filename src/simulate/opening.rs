//! How a story begins: what the orchestrator works with, and what will happen whatever becomes of it.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::id::{Login, Owner, RepositoryName};
use crate::engine::plan::Plan;
use crate::engine::snapshot::Permission;
use crate::perform::Tree;
use crate::simulate::agenda::Happening;
use crate::simulate::desk::Desk;
use crate::simulate::drive::{BOT, CANARY, Simulation};
use crate::simulate::fault::FaultKind;
use crate::simulate::people::{TRIAGE, WHIMS, WRITER, Whim};
use crate::simulate::random::Random;
use crate::simulate::rows::Rows;
use crate::simulate::scenario::{START, Scenario};
use crate::turn::{Configuration, Deployment};

impl Simulation {
    /// Enters what will happen whatever becomes of it.
    pub(super) fn begin(&mut self) {
        self.done(self.forge.permit(WRITER, Permission::Write).is_ok());
        self.done(self.forge.permit(TRIAGE, Permission::Triage).is_ok());
        for issue in self.scenario.issues.clone() {
            self.done(self.forge.open_issue(issue.number, &issue.title, &issue.body, &[]).is_ok());
        }
        let joins: Vec<Duration> = self.scenario.issues.iter().map(|issue| issue.joins).collect();
        for (index, joins) in joins.into_iter().enumerate() {
            self.agenda.at(START + joins, Happening::Join(index));
        }
        self.later(30, Happening::Tick);
        if !self.scenario.scripted {
            self.later(400, Happening::Upkeep);
        }
        let length = self.scenario.faults_until.since(START).as_secs();
        let mix = self.scenario.mix.clone();
        let enter =
            |simulation: &mut Self, kind: FaultKind, most: u64, make: &mut dyn FnMut(&mut Random) -> Happening| {
                if mix.has(kind) {
                    for _ in 0..simulation.chance.between(1, most) {
                        let at = simulation.chance.between(30, length);
                        let happening = make(&mut simulation.chance);
                        simulation.later(at, happening);
                    }
                }
            };
        enter(self, FaultKind::People, 14, &mut |random| Happening::Whim(*random.pick(WHIMS)));
        enter(self, FaultKind::CancelInFlight, 4, &mut |_| Happening::Whim(Whim::Cancel));
        enter(self, FaultKind::BaseMoves, 5, &mut |_| Happening::Whim(Whim::PushBase));
        enter(self, FaultKind::ClockSkew, 3, &mut |random| {
            Happening::Skew(i64::try_from(random.below(1_200_000)).unwrap_or(0) - 600_000)
        });
        enter(self, FaultKind::Denied, 2, &mut |random| Happening::Deny(Duration::from_secs(random.between(60, 900))));
        enter(self, FaultKind::DatabaseLost, 3, &mut |_| Happening::LoseDatabase);
        enter(self, FaultKind::TickRace, 3, &mut |_| Happening::Whim(Whim::Tick));
    }
}

/// What the orchestrator works with.
pub(super) fn deployment(scenario: &Scenario, desk: &Arc<Desk>) -> Deployment<Arc<Desk>, Arc<Desk>, Rows> {
    let repository = RepositoryName::new("acme/widgets");
    let (bot, settings) = (Login::new(BOT), scenario.settings.clone());
    let idle = Plan::idle(repository.clone(), bot.clone(), CANARY.to_owned(), settings.clone(), START);
    Deployment {
        github: Arc::clone(desk),
        git: Arc::clone(desk),
        store: Rows::new(Arc::clone(desk), idle, scenario.through_text),
        repository,
        owner: Owner::new("simulation"),
        bot,
        seed: CANARY.to_owned(),
        configuration: Configuration::Fixed(Box::new(settings)),
        tree: Tree::default(),
    }
}
