//! What became of the last webhooks, as GitHub saw it.

use std::collections::BTreeSet;

use crate::doctor::checks::{Check, as_app, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::Readings;
use crate::github::survey::Delivered;

pub(super) const CHECK: Check = Check { id: "deliveries", title: "Last deliveries", judge };

fn judge(readings: &Readings) -> Finding {
    judged(readings).unwrap_or_else(|finding| finding)
}

fn judged(readings: &Readings) -> Result<Finding, Finding> {
    let app = as_app(readings)?;
    let all = app.deliveries.as_ref().map_err(unread)?;
    let page = readings.app_page("/advanced");
    let Some(newest) = all.first() else {
        let remedy = "label an issue, or redeliver the ping, and look again";
        return Ok(Finding::unknown("GitHub has delivered nothing in the last days", remedy).at(page));
    };
    // One that was taken at last was only late.
    let taken: BTreeSet<&str> = all.iter().filter(|it| it.is_taken()).map(|it| it.guid.as_str()).collect();
    let names: BTreeSet<&str> = all.iter().map(|it| it.guid.as_str()).collect();
    let lost = names.difference(&taken).count();
    let words = |it: &Delivered| match it.code {
        0 => format!("`{}` at {}: nobody answered ({})", it.event, it.at.seconds_text(), it.words),
        code => format!("`{}` at {}: answered {code}", it.event, it.at.seconds_text()),
    };
    if !taken.contains(newest.guid.as_str()) {
        let remedy = match newest.code {
            401 | 403 => "the secret on the App's page is not the server's: enter the same one in both places",
            0 => "start the server, and let GitHub reach it",
            _ => "look at the answer on that page and at the server's log",
        };
        return Ok(Finding::failed(
            format!("{lost} of {} not taken; the last is {}", names.len(), words(newest)),
            remedy,
        )
        .at(page));
    }
    if lost == 0 {
        return Ok(Finding::ok(format!("all {} taken, the last at {}", names.len(), newest.at.seconds_text())));
    }
    let remedy = "the server asks GitHub for them again by itself; if this stays, look at that page";
    Ok(Finding::warning(format!("{lost} of {} not taken, the last one was", names.len()), remedy).at(page))
}
