//! Who sends a request: the App by its signed JWT, an installation or a job by its token.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::SecretString;
use serde::Deserialize;

use crate::forge::http::failure::Failure;
use crate::forge::http::hub::Hub;
use crate::forge::http::json::Place;
use crate::forge::http::tag;
use crate::forge::http::token::Grant;
use crate::forge::world::access::{Level, Scope, allows};

/// How far ahead a JWT may end, in seconds.
const JWT_LIFE_SECONDS_MAX: i64 = 600;
/// How far a caller's clock may be ahead, in seconds.
const CLOCK_DRIFT_SECONDS: i64 = 60;

#[derive(Deserialize)]
struct Claims {
    iss: serde_json::Value,
    iat: i64,
    exp: i64,
}

fn unauthorized(message: &str) -> Failure {
    Failure::new(StatusCode::UNAUTHORIZED, message)
}

/// The value of `Authorization: Bearer` or `token`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token")).then_some(token.trim())
}

/// The password of `Authorization: Basic` for the user `x-access-token`, as git sends it.
fn basic_password(headers: &HeaderMap) -> Option<SecretString> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    (user == "x-access-token").then(|| SecretString::from(password))
}

impl Hub {
    /// Checks that a request carries a JWT of the App.
    pub(crate) fn check_app(&self, headers: &HeaderMap) -> Result<(), Failure> {
        let token = bearer(headers).ok_or_else(|| unauthorized("A JSON web token is required"))?;
        let mut validation = Validation::new(Algorithm::RS256);
        // The forge's own clock decides about the times below, so that tests can move it.
        validation.validate_exp = false;
        validation.set_required_spec_claims(&["exp"]);
        let key = DecodingKey::from_rsa_der(&self.key.public_der);
        let decoded = jsonwebtoken::decode::<Claims>(token, &key, &validation)
            .map_err(|_| unauthorized("A JSON web token could not be decoded"))?;
        let claims = decoded.claims;
        let now = self.clock.now().0.div_euclid(1000);
        let issuer = claims.iss.as_str().map_or_else(|| claims.iss.to_string(), str::to_owned);
        if issuer != self.place.app_id.to_string() && issuer != client_id(&self.place) {
            return Err(unauthorized("'Issuer' claim ('iss') is not the App's id"));
        }
        if claims.exp <= now {
            return Err(unauthorized("'Expiration time' claim ('exp') must be a numeric value in the future"));
        }
        if claims.exp > now + JWT_LIFE_SECONDS_MAX {
            return Err(unauthorized("'Expiration time' claim ('exp') is too far in the future"));
        }
        if claims.iat > now + CLOCK_DRIFT_SECONDS {
            return Err(unauthorized("'Issued at' claim ('iat') must be an Integer representing a past time"));
        }
        Ok(())
    }

    /// What the bearer token of a request stands for.
    pub(crate) fn grant_of(&self, headers: &HeaderMap) -> Result<Grant, Failure> {
        let token = bearer(headers).ok_or_else(|| unauthorized("Requires authentication"))?;
        self.tokens.grant(&SecretString::from(token), self.clock.now()).ok_or_else(|| unauthorized("Bad credentials"))
    }

    /// What git's credentials stand for.
    pub(crate) fn git_grant_of(&self, headers: &HeaderMap) -> Option<Grant> {
        self.tokens.grant(&basic_password(headers)?, self.clock.now())
    }

    /// Whether a request comes from the App: by its own word, which is checked later, or by an installation's token.
    pub(crate) fn is_of_the_app(&self, headers: &HeaderMap) -> bool {
        let grant = self.grant_of(headers).ok().or_else(|| self.git_grant_of(headers));
        match grant {
            Some(grant) => self.look(|world| world.app_bot() == grant.actor),
            // A token of a job that has ended is nobody's.
            None => bearer(headers).is_some_and(|token| token.matches('.').count() == 2),
        }
    }

    /// Counts a read and checks that the token may do it: any one of these permissions suffices.
    pub(crate) fn may(&self, grant: &Grant, any_of: &[(Scope, Level)]) -> Result<(), Failure> {
        self.count(&grant.actor).map_err(|error| Failure::of(error, StatusCode::CONFLICT, self.clock.now()))?;
        if allows(&grant.permissions, any_of) {
            Ok(())
        } else {
            Err(Failure::new(StatusCode::FORBIDDEN, "Resource not accessible by integration"))
        }
    }
}

/// The App's client id.
pub(crate) fn client_id(place: &Place) -> String {
    format!("Iv1.{}", place.app_id)
}

/// Lets a request through only with a token that lives; puts its grant beside it and the API's limits into the answer.
pub(crate) async fn require_token(State(hub): State<Arc<Hub>>, mut request: Request, next: Next) -> Response {
    let grant = match hub.grant_of(request.headers()) {
        Ok(grant) => grant,
        Err(failure) => return failure.into_response(),
    };
    let actor = grant.actor.clone();
    let login = actor.login.clone();
    request.extensions_mut().insert(grant);
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let kind = format!("{} {route}", request.method());
    let known = request.headers().get(header::IF_NONE_MATCH).cloned().filter(|_| request.method() == Method::GET);
    let is_read = request.method() == Method::GET;
    let answer = next.run(request).await;
    let mut response = if is_read { tag::tagged(answer, known.as_ref()).await } else { answer };
    hub.count_call(kind, &actor, response.status() == StatusCode::NOT_MODIFIED);
    let quota = hub.look(|world| world.quota(&login, hub.clock.now()));
    if let Some(quota) = quota {
        let remaining = quota.limit.saturating_sub(quota.used);
        let reset = u64::try_from(quota.reset.0.div_euclid(1000)).unwrap_or(0);
        for (name, value) in [
            ("x-ratelimit-limit", quota.limit),
            ("x-ratelimit-remaining", remaining),
            ("x-ratelimit-used", quota.used),
            ("x-ratelimit-reset", reset),
        ] {
            response.headers_mut().insert(name, HeaderValue::from(value));
        }
        response.headers_mut().insert("x-ratelimit-resource", HeaderValue::from_static("core"));
    }
    response
}

/// Refuses requests that were sent to another name than this machine's own, as a page elsewhere could have them sent.
pub(crate) async fn require_local_host(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    let name = host.map(|host| host.rsplit_once(':').map_or(host, |(name, _)| name));
    match name {
        Some("127.0.0.1" | "localhost") => next.run(request).await,
        Some(_) | None => {
            Failure::new(StatusCode::MISDIRECTED_REQUEST, "the forge answers as 127.0.0.1 or localhost only")
                .into_response()
        }
    }
}
