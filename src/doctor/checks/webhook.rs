//! Whether webhooks go to an address that somebody answers at, signed and as JSON.

use crate::doctor::checks::{Check, Manifest, as_app, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::{AppReadings, Readings};
use crate::github::survey::Delivered;

pub(super) const CHECK: Check = Check { id: "webhook", title: "Webhook", judge };

fn judge(readings: &Readings) -> Finding {
    judged(readings).unwrap_or_else(|finding| finding)
}

fn judged(readings: &Readings) -> Result<Finding, Finding> {
    let app = as_app(readings)?;
    let hook = app.hook.as_ref().map_err(unread)?;
    let failed = |found: String, remedy: &str| Ok(Finding::failed(found, remedy).at(readings.app_page("")));
    let Some(url) = hook.url.as_deref().filter(|url| !url.is_empty()) else {
        return failed("the App has no webhook".to_owned(), "enter the address of `/webhook` on the App's page");
    };
    if url == Manifest::bundled()?.hook_attributes.url {
        let remedy = "enter the address under which GitHub reaches this server's `/webhook` on the App's page";
        return failed(format!("webhooks still go to the manifest's example, {url}"), remedy);
    }
    if hook.content_type.as_deref() == Some("form") {
        let remedy = "choose `application/json` as content type on the App's page";
        return failed("webhooks come as a form; only JSON is read".to_owned(), remedy);
    }
    if !hook.has_secret() {
        let remedy = "enter a secret on the App's page, and the same one with --webhook-secret-file";
        return failed("webhooks are not signed, so none is taken".to_owned(), remedy);
    }
    if let Some(finding) = reached(app, url) {
        return Ok(finding.at(readings.app_page("")));
    }
    if hook.is_insecure() || !is_private(url) {
        let remedy = "use https with a certificate that GitHub checks: others could read what is told";
        return Ok(Finding::warning(format!("webhooks to {url} are not kept secret on their way"), remedy)
            .at(readings.app_page("")));
    }
    Ok(Finding::ok(format!("{url} answers; signed JSON")))
}

/// What is wrong with reaching the address. GitHub's own word counts more than what can be reached from here.
fn reached(app: &AppReadings, url: &str) -> Option<Finding> {
    let is_taken = app.deliveries.as_ref().is_ok_and(|all| all.first().is_some_and(Delivered::is_taken));
    match &app.knock {
        _ if is_taken => None,
        Ok(404) => {
            let remedy = "the address must end in `/webhook`, and the proxy before the server must hand that on";
            Some(Finding::failed(format!("nothing is at {url}: it answers 404"), remedy))
        }
        Ok(code) if *code >= 500 => {
            let remedy = "start the server, and look at what the proxy before it says";
            Some(Finding::failed(format!("{url} answers {code}"), remedy))
        }
        Ok(_) => None,
        Err(why) => {
            let remedy = "start the server, and let GitHub reach it: a proxy with TLS, a name, an open port";
            Some(Finding::failed(format!("nobody answers at {url} ({why})"), remedy))
        }
    }
}

/// Whether nobody on the way can read along.
fn is_private(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://127.0.0.1") || url.starts_with("http://localhost")
}
