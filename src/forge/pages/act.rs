//! What the local owner does in the pages, one form each.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;

use crate::engine::id::{IssueNumber, PullNumber};
use crate::engine::snapshot::Actor;
use crate::forge::http::hub::Hub;
use crate::forge::pages::guard::Submitted;
use crate::forge::pages::layout::{guarded, notice};
use crate::forge::pages::markdown::line_mark;
use crate::forge::pages::thread::FOLLOW;
use crate::forge::world::request::{PersonAct, Request};
use crate::forge::world::text::boxes;
use crate::github::Error;

/// `POST /act/{number}/{verb}`
pub(crate) async fn submit(
    State(hub): State<Arc<Hub>>,
    Path((number, verb)): Path<(u64, String)>,
    Submitted(fields): Submitted,
) -> Response {
    let number = IssueNumber(number);
    let act = match read(&hub, number, &verb, &fields) {
        Ok(act) => act,
        Err(message) => return notice(&hub.place, StatusCode::UNPROCESSABLE_ENTITY, &message),
    };
    let owner = hub.look(|world| world.setup().owner.clone());
    let actor = Actor { login: owner, bot: false };
    match hub.apply(Request::Person { actor, act, git: None }).await {
        Ok(_) => {
            let query = if fields.contains_key(FOLLOW) { format!("?{FOLLOW}=1") } else { String::new() };
            let back = hub.place.web(format_args!("/issues/{number}{query}"));
            guarded(Redirect::to(&back).into_response())
        }
        Err(error) => refused(&hub, &error),
    }
}

fn refused(hub: &Hub, error: &Error) -> Response {
    let status = match error {
        Error::Missing { .. } => StatusCode::NOT_FOUND,
        Error::Unauthorized { .. } | Error::Denied { .. } => StatusCode::FORBIDDEN,
        Error::Conflict { .. } => StatusCode::CONFLICT,
        Error::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Error::RateLimited { .. } | Error::OverBudget { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::Unreachable { .. } | Error::Unexpected { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    };
    notice(&hub.place, status, &error.to_string())
}

fn read(hub: &Hub, number: IssueNumber, verb: &str, fields: &BTreeMap<String, String>) -> Result<PersonAct, String> {
    let field = |name: &str| {
        let value = fields.get(name).map(String::as_str).unwrap_or_default();
        if value.trim().is_empty() {
            Err(format!("The field `{name}` is empty. Go back and fill it in."))
        } else {
            Ok(value.to_owned())
        }
    };
    match verb {
        // A browser sends line ends as CR LF; GitHub keeps them as LF.
        "comment" => Ok(PersonAct::Comment { number, body: field("body")?.replace("\r\n", "\n") }),
        "label" => Ok(PersonAct::Label { number, label: field("label")?.trim().to_owned() }),
        "unlabel" => Ok(PersonAct::Unlabel { number, label: field("label")? }),
        "close" => Ok(PersonAct::Close { number }),
        "reopen" => Ok(PersonAct::Reopen { number }),
        "merge" => Ok(PersonAct::Merge { number: PullNumber(number.0) }),
        "tick" => tick(hub, number, &field("box")?),
        other => Err(format!("`{other}` is nothing that can be done here.")),
    }
}

/// Reads `index:on|off:mark`; a box whose line has changed since the page was made is refused.
fn tick(hub: &Hub, number: IssueNumber, value: &str) -> Result<PersonAct, String> {
    let stale = || {
        "The text has changed since this page was loaded: nothing was ticked. Load it again and repeat it.".to_owned()
    };
    let mut parts = value.splitn(3, ':');
    let index: usize = parts.next().and_then(|text| text.parse().ok()).ok_or_else(stale)?;
    let checked = match parts.next() {
        Some("on") => true,
        Some("off") => false,
        _ => return Err(stale()),
    };
    let mark = parts.next().unwrap_or_default();
    let same = hub.look(|world| {
        let body = &world.issue(number)?.issue.body;
        let at = *boxes(body).get(index)?;
        (line_mark(body, at) == mark).then_some(())
    });
    same.map(|()| PersonAct::Tick { number, index, checked }).ok_or_else(stale)
}
