//! `ETag`s of answers: what has not changed since it was last read is answered by 304 without a body.

use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

/// Puts a tag on a good answer, or says that the one known by `known` still holds.
pub(crate) async fn tagged(response: Response, known: Option<&HeaderValue>) -> Response {
    if response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        parts.status = StatusCode::INTERNAL_SERVER_ERROR;
        return Response::from_parts(parts, Body::empty());
    };
    // The other pages of a list stand in a header: a new one makes another answer.
    let mut digest = Sha256::new();
    digest.update(&bytes);
    digest.update(parts.headers.get(header::LINK).map_or(&b""[..], HeaderValue::as_bytes));
    let Ok(tag) = HeaderValue::from_str(&format!("W/\"{}\"", hex::encode(digest.finalize()))) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    let unchanged = known == Some(&tag);
    parts.headers.insert(header::ETAG, tag);
    if unchanged {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}
