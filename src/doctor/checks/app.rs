//! Whether GitHub knows the App by the id and key that were given.

use crate::doctor::checks::{Check, as_app, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::{Readings, Unread};
use crate::github::Error;

pub(super) const CHECK: Check = Check { id: "app", title: "App's id and key", judge };

fn judge(readings: &Readings) -> Finding {
    let app = match as_app(readings) {
        Ok(app) => app,
        Err(finding) => return finding,
    };
    match &app.registration {
        Ok(found) => Finding::ok(format!("GitHub knows the App as `{}`", found.slug)),
        Err(why @ Unread::Failed(Error::Unauthorized { .. } | Error::Missing { .. })) => {
            let remedy = "check that --app-id and the key belong to one App, and this machine's clock; a key that was \
                          deleted on the App's page is gone, so make a new one there";
            Finding::failed(why.to_string(), remedy).at(readings.app_page(""))
        }
        Err(why) => unread(why),
    }
}
