//! Whether the App is installed on the repository and switched on.

use crate::doctor::checks::{Check, as_app, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::{Readings, Unread};
use crate::github::Error;

pub(super) const CHECK: Check = Check { id: "installation", title: "Installation", judge };

fn judge(readings: &Readings) -> Finding {
    let app = match as_app(readings) {
        Ok(app) => app,
        Err(finding) => return finding,
    };
    match &app.installed {
        Ok(installed) if installed.suspended => {
            let finding =
                Finding::failed("the account has suspended the App", "unsuspend it on the installation's page");
            match &installed.page {
                Some(page) => finding.at(page.clone()),
                None => finding,
            }
        }
        Ok(_) => Finding::ok(format!("installed on {}", readings.repository)),
        Err(Unread::Failed(Error::Missing { .. })) => {
            let found = format!("the App is not installed on {}", readings.repository);
            Finding::failed(found, "install it, and choose this repository").at(readings.app_page("/installations"))
        }
        Err(why) => unread(why),
    }
}
