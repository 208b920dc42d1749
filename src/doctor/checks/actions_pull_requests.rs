//! Whether the workflow's own token may open pull requests, where the plan is worked with it.

use crate::doctor::checks::{Check, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::{Readings, TokenKind};

pub(super) const CHECK: Check = Check { id: "actions-pull-requests", title: "Pull requests by Actions", judge };

fn judge(readings: &Readings) -> Finding {
    let is_used = readings.native.as_ref().is_ok_and(|native| !native.is_unused());
    if !is_used && readings.token != TokenKind::Job {
        return Finding::ok("not needed: the App opens them");
    }
    let page = readings.page("/settings/actions");
    match &readings.token_rights {
        Ok(rights) if rights.can_approve_pull_request_reviews => Finding::ok("the workflow's own token may open them"),
        Ok(_) => Finding::failed(
            "the workflow's own token may not open pull requests",
            "tick \"Allow GitHub Actions to create and approve pull requests\" there, or give the action an App \
             (`app-id`, `private-key`)",
        )
        .at(page),
        Err(why) => unread(why).at(page),
    }
}
