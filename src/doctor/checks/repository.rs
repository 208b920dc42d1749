//! Whether the repository is there, can be changed and has issues.

use crate::doctor::checks::{Check, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::{Readings, Unread};
use crate::github::Error;

pub(super) const CHECK: Check = Check { id: "repository", title: "Repository", judge };

fn judge(readings: &Readings) -> Finding {
    match &readings.home {
        Ok(home) if home.archived => {
            let remedy = "unarchive it, or take the App off it";
            Finding::failed("it is archived: nothing can be changed", remedy).at(readings.page("/settings"))
        }
        Ok(home) if !home.has_issues => {
            let remedy = "switch issues on: they are what is worked";
            Finding::failed("it has no issues", remedy).at(readings.page("/settings"))
        }
        Ok(home) => Finding::ok(format!("default branch `{}`", home.default_branch)),
        Err(Unread::Failed(Error::Missing { .. })) => {
            let remedy = "check --repository; a private one also needs a token that may see it";
            Finding::failed(format!("{} is not there, or may not be seen", readings.repository), remedy)
        }
        Err(why) => unread(why),
    }
}
