//! Logs of jobs: the API answers with an address that is good for a minute and needs no token.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use hmac::{Hmac, KeyInit, Mac};
use http::{StatusCode, Uri, header};
use secrecy::ExposeSecret;
use sha2::Sha256;

use crate::engine::id::JobId;
use crate::engine::snapshot::Progress;
use crate::forge::http::call::Call;
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::hub::Hub;
use crate::forge::http::paging::Query;
use crate::forge::world::access::{Level, Scope};

/// How long an address is good, in milliseconds.
const ADDRESS_LIFE_MILLISECONDS: i64 = 60_000;

fn signer(hub: &Hub, job: u64, until: i64) -> Answer<Hmac<Sha256>> {
    let key = hub.address_secret.expose_secret().as_bytes();
    let mut signer = Hmac::<Sha256>::new_from_slice(key)
        .map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    signer.update(format!("{job}.{until}").as_bytes());
    Ok(signer)
}

fn log_of(hub: &Hub, job: u64) -> Option<String> {
    hub.look(|world| {
        let entry = world.job(JobId(job)).filter(|entry| entry.job.progress == Progress::Completed)?;
        Some(entry.log.clone())
    })
}

/// `GET …/actions/jobs/{job}/logs`: 302; a job that is not over has none: 404.
pub(crate) async fn redirect(call: Call, Path((_, _, job)): Path<(String, String, u64)>) -> Answer {
    call.may(&[(Scope::Actions, Level::Read)])?;
    log_of(&call.hub, job).ok_or_else(Failure::not_found)?;
    let until = call.hub.clock.now().0.saturating_add(ADDRESS_LIFE_MILLISECONDS);
    let signature = hex::encode(signer(&call.hub, job, until)?.finalize().into_bytes());
    let address = format!("{}/_logs/{job}?until={until}&signature={signature}", call.hub.place.base);
    Ok((StatusCode::FOUND, [(header::LOCATION, address)]).into_response())
}

/// `GET /_logs/{job}`
pub(crate) async fn show(State(hub): State<Arc<Hub>>, Path(job): Path<u64>, uri: Uri) -> Answer {
    let query = Query::of(&uri);
    let until: i64 = query.get("until").and_then(|text| text.parse().ok()).unwrap_or(0);
    let signature = query.get("signature").and_then(|text| hex::decode(text).ok()).unwrap_or_default();
    let right = signer(&hub, job, until)?.verify_slice(&signature).is_ok();
    if !right || hub.clock.now().0 > until {
        return Err(Failure::new(StatusCode::FORBIDDEN, "this address is over; ask for the log again"));
    }
    let log = log_of(&hub, job).ok_or_else(Failure::not_found)?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], log).into_response())
}
