//! Whether Actions is switched on.

use crate::doctor::checks::{Check, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::Readings;

pub(super) const CHECK: Check = Check { id: "actions", title: "Actions", judge };

fn judge(readings: &Readings) -> Finding {
    let page = readings.page("/settings/actions");
    match &readings.allowed {
        Ok(allowed) if allowed.enabled => Finding::ok("switched on"),
        Ok(_) => Finding::failed("switched off: no run can start", "allow actions there").at(page),
        Err(why) => unread(why).at(page),
    }
}
