//! Files at a commit or branch: as JSON with base64, or raw.

use axum::Json;
use axum::extract::Path;
use axum::response::IntoResponse;
use http::header;

use crate::forge::http::call::Call;
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::json;
use crate::forge::world::access::{Level, Scope};

/// Largest file given as JSON, in bytes; a larger one must be asked for raw.
const JSON_BYTES_MAX: usize = 1024 * 1024;

/// `GET …/contents/{path}`; folders are not listed: 404.
pub(crate) async fn get(call: Call, Path((_, _, path)): Path<(String, String, String)>) -> Answer {
    call.may(&[(Scope::Contents, Level::Read)])?;
    let default = call.hub.look(|world| world.setup().default_branch.clone());
    let reference = call.query.get("ref").filter(|name| !name.is_empty()).unwrap_or(&default);
    let repository = &call.hub.repository;
    let name = repository.file_name(reference, &path).await?.ok_or_else(Failure::not_found)?;
    let bytes = repository.blob(&name).await?.ok_or_else(Failure::not_found)?;
    let accept = call.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accept.contains("raw") {
        return Ok(([(header::CONTENT_TYPE, "application/vnd.github.raw+json; charset=utf-8")], bytes).into_response());
    }
    if bytes.len() > JSON_BYTES_MAX {
        let status = http::StatusCode::FORBIDDEN;
        return Err(Failure::new(status, "This API returns blobs up to 1 MB in size. Ask for the raw media type."));
    }
    Ok(Json(json::commit::content(&call.hub.place, reference, &path, &name, &bytes)).into_response())
}
