//! From what came back over the wire to [`Error`]: by status, headers and GitHub's own words, never by a library's
//! printed error (octocrab prints backtraces with file paths).

use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::engine::time::Timestamp;
use crate::github::Error;

/// Longest text of GitHub's that an error carries, in characters.
const MESSAGE_MAX: usize = 500;
/// Wait where GitHub says "slow down" without saying for how long (rate limits for the REST API: at least one minute).
const SECONDARY_WAIT_SECONDS: i64 = 60;
/// Longest wait that is believed.
const WAIT_SECONDS_MAX: i64 = 24 * 3600;

/// Words of a 422 that mean "the state does not allow it", not "the request is wrong" (lower case).
const CONFLICT_WORDS: [&str; 8] = [
    "already exists",
    "already_exists",
    "not a fast forward",
    "no commits between",
    "head branch was modified",
    "is not mergeable",
    "base branch was modified",
    "merge conflict",
];

/// An error's body as GitHub writes it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    message: Option<String>,
    errors: Option<Vec<serde_json::Value>>,
}

/// The error that an answer other than 2xx stands for. `what` names the thing asked for; `now` is this machine's clock.
pub(crate) fn of_answer(what: &str, status: StatusCode, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Error {
    let message = message_of(status, body);
    if let Some(until) = rate_limit(status, headers, &message, now) {
        return Error::RateLimited { until };
    }
    match status.as_u16() {
        401 => Error::Unauthorized { message },
        403 | 429 => Error::Denied { message },
        404 | 410 => Error::Missing { what: what.to_owned() },
        405 | 409 => Error::Conflict { message },
        422 => of_unprocessable(what, message),
        300..=399 => Error::Invalid { message: format!("{what} has moved; its new place was not followed") },
        500..=599 | 408 => Error::Unreachable { message: format!("{} for {what}: {message}", status.as_u16()) },
        400..=499 => Error::Invalid { message },
        other => Error::Unexpected { message: format!("status {other} for {what}") },
    }
}

fn of_unprocessable(what: &str, message: String) -> Error {
    let lower = message.to_lowercase();
    if lower.contains("reference does not exist") {
        Error::Missing { what: what.to_owned() }
    } else if CONFLICT_WORDS.iter().any(|words| lower.contains(words)) {
        Error::Conflict { message }
    } else {
        Error::Invalid { message }
    }
}

/// GitHub's message and the messages of its `errors`, on one line, cut.
fn message_of(status: StatusCode, body: &[u8]) -> String {
    let parsed: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
    let mut parts: Vec<String> = parsed.message.into_iter().collect();
    for error in parsed.errors.unwrap_or_default() {
        let text = |key: &str| error.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
        let said = text("message").or_else(|| text("code")).or_else(|| error.as_str().map(str::to_owned));
        parts.extend(said);
    }
    if parts.is_empty() {
        parts.push(status.canonical_reason().unwrap_or("no reason given").to_owned());
    }
    one_line(&parts.join("; "))
}

/// A text of others made safe for one line of a log: control characters become blanks, the end is cut.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_MAX).collect()
}

/// When to ask again, if this answer is a rate limit. The answer is in this machine's time: where GitHub gives a moment
/// (`x-ratelimit-reset`), its own `Date` header tells how far away that is, so a wrong clock on either side does no
/// harm.
fn rate_limit(status: StatusCode, headers: &HeaderMap, message: &str, now: Timestamp) -> Option<Timestamp> {
    if status != StatusCode::FORBIDDEN && status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let lower = message.to_lowercase();
    let told = lower.contains("secondary rate limit") || lower.contains("api rate limit exceeded");
    let wait = if let Some(seconds) = number(headers, "retry-after") {
        seconds
    } else if number(headers, "x-ratelimit-remaining") == Some(0) {
        seconds_to_reset(headers, now).unwrap_or(SECONDARY_WAIT_SECONDS)
    } else if told || status == StatusCode::TOO_MANY_REQUESTS {
        SECONDARY_WAIT_SECONDS
    } else {
        return None;
    };
    Some(Timestamp(now.0.saturating_add(wait.clamp(1, WAIT_SECONDS_MAX) * 1000)))
}

/// When the hour's requests begin anew, in this machine's time.
pub(super) fn until_reset(headers: &HeaderMap, now: Timestamp) -> Timestamp {
    let seconds = seconds_to_reset(headers, now).unwrap_or(SECONDARY_WAIT_SECONDS);
    Timestamp(now.0.saturating_add(seconds.clamp(1, WAIT_SECONDS_MAX) * 1000))
}

fn seconds_to_reset(headers: &HeaderMap, now: Timestamp) -> Option<i64> {
    let server_seconds = server_time(headers).unwrap_or(now).0.div_euclid(1000);
    number(headers, "x-ratelimit-reset").map(|reset| reset.saturating_sub(server_seconds).saturating_add(1))
}

/// The answer's `Date` header (RFC 9110: `Sun, 06 Nov 1994 08:49:37 GMT`).
pub(super) fn server_time(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(http::header::DATE)?.to_str().ok()?;
    let moment = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp(moment.as_millisecond()))
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000_000);

    fn error(status: u16, headers: &[(&'static str, &str)], body: &str) -> Error {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("a header value"));
        }
        of_answer("the thing", StatusCode::from_u16(status).expect("a status"), &map, body.as_bytes(), NOW)
    }

    #[test]
    fn statuses_tell_what_kind_of_error_it_is() {
        let kind = |error: Error| match error {
            Error::Missing { .. } => "missing",
            Error::Unauthorized { .. } => "unauthorized",
            Error::Denied { .. } => "denied",
            Error::Conflict { .. } => "conflict",
            Error::Invalid { .. } => "invalid",
            Error::RateLimited { .. } | Error::OverBudget { .. } => "limited",
            Error::Unreachable { .. } => "unreachable",
            Error::Unexpected { .. } => "unexpected",
        };
        for (status, body, expected) in [
            (401, "", "unauthorized"),
            (403, r#"{"message":"Resource not accessible by integration"}"#, "denied"),
            (403, r#"{"message":"You have exceeded a secondary rate limit"}"#, "limited"),
            (429, "", "limited"),
            (404, "", "missing"),
            (410, "", "missing"),
            (405, "", "conflict"),
            (409, "", "conflict"),
            (422, r#"{"message":"Reference already exists"}"#, "conflict"),
            (422, r#"{"message":"Update is not a fast forward"}"#, "conflict"),
            (422, r#"{"message":"Validation Failed","errors":[{"message":"No commits between a and b"}]}"#, "conflict"),
            (422, r#"{"message":"Validation Failed","errors":["A pull request already exists for o:b."]}"#, "conflict"),
            (422, r#"{"message":"Validation Failed","errors":[{"code":"already_exists"}]}"#, "conflict"),
            (422, r#"{"message":"Head branch was modified. Review and try the merge again."}"#, "conflict"),
            (422, r#"{"message":"Pull Request is not mergeable"}"#, "conflict"),
            (422, r#"{"message":"Reference does not exist"}"#, "missing"),
            (422, r#"{"message":"body is too long"}"#, "invalid"),
            (400, "not even JSON", "invalid"),
            (301, "", "invalid"),
            (500, "", "unreachable"),
            (502, "<html>", "unreachable"),
            (101, "", "unexpected"),
        ] {
            assert_eq!(kind(error(status, &[], body)), expected, "{status} {body}");
        }
    }

    #[test]
    fn waits_follow_the_headers_and_survive_a_wrong_clock() {
        let seconds = |error: Error| {
            let Error::RateLimited { until } = error else { panic!("{error}") };
            (until.0 - NOW.0) / 1000
        };
        assert_eq!(seconds(error(429, &[("retry-after", "30")], "")), 30);
        assert_eq!(seconds(error(403, &[("retry-after", "99999999")], "")), WAIT_SECONDS_MAX);
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let reset = ("x-ratelimit-reset", "784111837");
        assert_eq!(seconds(error(403, &[("x-ratelimit-remaining", "0"), ("date", date), reset], "")), 61);
        assert_eq!(seconds(error(403, &[("x-ratelimit-remaining", "0"), ("date", "gibberish")], "")), 60);
        assert_eq!(error(403, &[("x-ratelimit-remaining", "7")], ""), Error::Denied { message: "Forbidden".into() });
    }

    #[test]
    fn messages_are_one_short_line() {
        let Error::Denied { message } = error(403, &[], &format!(r#"{{"message":"a\nb{}"}}"#, "x".repeat(9000))) else {
            panic!("403 without a limit is a refusal")
        };
        assert!(message.starts_with("a bx") && message.chars().count() == MESSAGE_MAX);
    }
}
