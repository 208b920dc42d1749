//! Who may see the pages and act in them: whoever came in by an invitation; acts need the session's form token, too.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Form, FromRequest, FromRequestParts, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode, Uri, header};

use crate::forge::http::hub::Hub;
use crate::forge::http::keys::digest;
use crate::forge::pages::layout::{guarded, notice, shut};
use crate::forge::pages::session::Session;

/// Largest form, in bytes: a comment of the largest size, escaped.
const FORM_BYTES_MAX: usize = 1024 * 1024;

/// Where a request comes from, as browsers tell: `same-origin`, `same-site`, `cross-site`, or `none` for the person's
/// own doing (W3C Fetch Metadata).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Somebody with a session.
pub(crate) struct Visitor {
    /// Their session.
    pub(crate) session: Session,
}

impl FromRequestParts<Arc<Hub>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, Response> {
        let message = "These pages are for the browser that was let in.";
        match hub.sessions.of(&parts.headers) {
            Some(session) => Ok(Self { session }),
            None => Err(shut(&hub.place, StatusCode::UNAUTHORIZED, message)),
        }
    }
}

/// A form sent by a visitor from one of our own pages.
pub(crate) struct Submitted(pub(crate) BTreeMap<String, String>);

impl FromRequest<Arc<Hub>> for Submitted {
    type Rejection = Response;

    async fn from_request(request: Request, hub: &Arc<Hub>) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, hub).await?;
        if !from_here(&hub.place.base, &parts.headers) {
            return Err(notice(
                &hub.place,
                StatusCode::FORBIDDEN,
                "This form was sent from another site. Nothing was changed; do it on the page itself.",
            ));
        }
        let bytes = axum::body::to_bytes(body, FORM_BYTES_MAX).await;
        let bytes = bytes.map_err(|_| notice(&hub.place, StatusCode::PAYLOAD_TOO_LARGE, "This form is too large."))?;
        let request = Request::from_parts(parts, axum::body::Body::from(bytes));
        let Form(fields) = Form::<BTreeMap<String, String>>::from_request(request, &()).await.map_err(guarded_form)?;
        let given = fields.get("token").map(String::as_str).unwrap_or_default();
        // Digests are compared, so that the time taken tells nothing about the token.
        if digest(&given.into()) != digest(&visitor.session.form_token.as_str().into()) {
            return Err(notice(
                &hub.place,
                StatusCode::FORBIDDEN,
                "The page that this form stood on is out of date. Nothing was changed; open it again and repeat it.",
            ));
        }
        Ok(Self(fields))
    }
}

fn guarded_form(rejection: axum::extract::rejection::FormRejection) -> Response {
    guarded(rejection.into_response())
}

/// Whether a request comes from a page at this address, as far as the browser tells. What it tells must fit; a program
/// that is no browser tells nothing and has the session's form token to show.
fn from_here(base: &str, headers: &HeaderMap) -> bool {
    let fits = |name: HeaderName, allowed: &[&str]| {
        headers.get_all(name).iter().all(|told| told.to_str().is_ok_and(|told| allowed.contains(&told)))
    };
    let other_name = base.replace("127.0.0.1", "localhost");
    fits(header::ORIGIN, &[base, &other_name]) && fits(FETCH_SITE, &["same-origin", "none"])
}

/// Whether the browser asked by the machine's other name, which has cookies of its own.
fn is_other_name(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    host.rsplit_once(':').map_or(host, |(name, _)| name).eq_ignore_ascii_case("localhost")
}

/// `/login?token=…`
pub(crate) async fn log_in(State(hub): State<Arc<Hub>>, headers: HeaderMap, uri: Uri) -> Response {
    let query = crate::forge::http::query_of(&uri);
    if is_other_name(&headers) {
        // The cookie would belong to the other name; the invitation is kept for the address that the pages use.
        let place = uri.path_and_query().map_or("/login", |place| place.as_str());
        return guarded(Redirect::to(&format!("{}{place}", hub.place.base)).into_response());
    }
    let token = query.get("token").unwrap_or_default();
    match hub.sessions.log_in(token) {
        Ok(Some(cookie)) => {
            let mut response = guarded(Redirect::to(&hub.place.web("/issues")).into_response());
            if let Ok(cookie) = cookie.parse() {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            response
        }
        Ok(None) => {
            let message = "This address was used already, or is not known.";
            shut(&hub.place, StatusCode::FORBIDDEN, message)
        }
        Err(error) => notice(&hub.place, StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_browser_tells_of_the_origin_must_fit() {
        let base = "http://127.0.0.1:8080";
        for (told, expected) in [
            (&[][..], true),
            (&[("origin", base)], true),
            (&[("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("origin", "http://127.0.0.1:8081")], false),
            (&[("origin", "null")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("origin", base), ("sec-fetch-site", "same-site")], false),
            (&[("origin", base), ("sec-fetch-site", "")], false),
            (&[("origin", base), ("origin", "http://evil.example")], false),
        ] {
            let headers = told.iter().map(|(name, value)| {
                (HeaderName::from_static(name), value.parse::<http::HeaderValue>().expect("a value"))
            });
            let mut all = HeaderMap::new();
            for (name, value) in headers {
                all.append(name, value);
            }
            assert_eq!(from_here(base, &all), expected, "{told:?}");
        }
        let mut unreadable = HeaderMap::new();
        unreadable.insert(header::ORIGIN, http::HeaderValue::from_bytes(b"\xff").expect("a value"));
        assert!(!from_here(base, &unreadable));
    }
}
