//! Whether the configuration can be used.

use crate::doctor::checks::{Check, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::Readings;
use crate::engine::config::{Settings, parse};

pub(super) const CHECK: Check = Check { id: "configuration", title: "Configuration", judge };

fn judge(readings: &Readings) -> Finding {
    let text = match &readings.configuration {
        Ok(Some(text)) => text,
        Ok(None) => return Finding::ok("none: the defaults hold"),
        Err(why) => return unread(why),
    };
    match parse(text, &Settings::server()) {
        Ok(_) => Finding::ok("`.github/orchestrator.yml` can be read"),
        Err(problem) => {
            let page = readings.page(&format!("/edit/{}/.github/orchestrator.yml", readings.base()));
            let remedy = "mend that line; until then the last good configuration holds";
            Finding::failed(format!("`.github/orchestrator.yml`: {problem}"), remedy).at(page)
        }
    }
}
