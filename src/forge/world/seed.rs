//! Set-up.

use std::collections::BTreeSet;

use crate::engine::id::Login;
use crate::engine::snapshot::Actor;
use crate::forge::world::act::{Act, Outcome};
use crate::forge::world::admit::{checked_body, checked_title, conflict, invalid};
use crate::forge::world::issue::checked_label;
use crate::forge::world::request::{SeedAct, SeedIssue};
use crate::github::{Error, Response};

impl Act<'_> {
    pub(in crate::forge::world) fn seed(&mut self, act: SeedAct) -> Outcome {
        self.sender = Actor { login: self.world.setup.owner.clone(), bot: false };
        match act {
            SeedAct::Issues(issues) => self.seed_issues(issues)?,
            SeedAct::Permission { login, permission } => {
                let login = Login::new(login.as_str().to_ascii_lowercase());
                self.world.permissions.insert(login, permission);
            }
            SeedAct::Workflow { file, facts } => drop(self.world.setup.workflows.insert(file, facts)),
            SeedAct::Issued { number } => self.world.issued.number = self.world.issued.number.max(number),
            SeedAct::Administration(set) => self.world.setup.administration = *set,
            SeedAct::Branches(refs) => {
                self.world.branches.extend(refs.into_iter().map(|found| (found.branch, found.sha)));
            }
        }
        Ok(Response::Done)
    }

    fn seed_issues(&mut self, issues: Vec<SeedIssue>) -> Result<(), Error> {
        let mut numbers = BTreeSet::new();
        for issue in &issues {
            let place = |error: Error| invalid(format!("issue #{}: {error}", issue.number));
            checked_title(&issue.title).and_then(|()| checked_body(&issue.body)).map_err(place)?;
            issue.labels.iter().try_for_each(|label| checked_label(label)).map_err(place)?;
            if issue.number.0 == 0 {
                return Err(invalid("an issue's number begins at 1"));
            }
            if self.world.issues.contains_key(&issue.number) || !numbers.insert(issue.number) {
                return Err(conflict(format!("issue #{} exists already", issue.number)));
            }
        }
        for issue in issues {
            self.world.issued.number = self.world.issued.number.max(issue.number.0);
            self.open_numbered(issue.number, issue.title, issue.body, issue.labels);
        }
        Ok(())
    }
}
