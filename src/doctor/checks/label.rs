//! Whether the label that gives issues to the orchestrator is there to be put on.

use crate::doctor::checks::{Check, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::Readings;

pub(super) const CHECK: Check = Check { id: "label", title: "Label", judge };

fn judge(readings: &Readings) -> Finding {
    let label = &readings.settings.label;
    match &readings.has_label {
        Ok(true) => Finding::ok(format!("`{label}`")),
        Ok(false) => {
            let remedy = "make it there, or with `gh label create`: an issue is given to the orchestrator by it";
            Finding::failed(format!("there is no label `{label}`"), remedy).at(readings.page("/labels"))
        }
        Err(why) => unread(why).at(readings.page("/labels")),
    }
}
