//! Answers known by their `ETag`: asked again with `If-None-Match`, GitHub says 304 where nothing has changed, and
//! takes nothing from the hour's requests for it (best practices: use conditional requests).

use std::collections::VecDeque;

use http::header::ETAG;
use http::{HeaderValue, Method, StatusCode};

use crate::github::client::transport::Keep;
use crate::github::client::{Answer, Call, Target};

/// Most answers kept; the one that was used least lately goes first.
const ANSWERS_MAX: usize = 256;
/// Longest body kept, in bytes; a page of a hundred long issues is read anew.
const BODY_BYTES_MAX: usize = 256 * 1024;

/// The answers of one repository.
#[derive(Debug, Default)]
pub(super) struct Known(VecDeque<Entry>);

#[derive(Debug)]
struct Entry {
    target: Target,
    accept: &'static str,
    tag: HeaderValue,
    answer: Answer,
}

fn can_be_known(call: &Call) -> bool {
    call.method == Method::GET && call.keep == Keep::Whole
}

impl Entry {
    fn answers(&self, call: &Call) -> bool {
        self.target == call.target && self.accept == call.accept
    }
}

impl Known {
    /// What the answer that is kept to a call is called.
    pub(super) fn tag(&self, call: &Call) -> Option<HeaderValue> {
        let entry = self.0.iter().find(|entry| entry.answers(call)).filter(|_| can_be_known(call))?;
        Some(entry.tag.clone())
    }

    /// The answer that counts: the one kept where GitHub says that it still holds, else the one given, which is kept
    /// from now on.
    pub(super) fn settle(&mut self, call: &Call, given: Answer) -> Answer {
        if !can_be_known(call) {
            return given;
        }
        let place = self.0.iter().position(|entry| entry.answers(call));
        let known = place.and_then(|place| self.0.remove(place));
        match known {
            Some(known) if given.status == StatusCode::NOT_MODIFIED => {
                let answer = known.answer.clone();
                self.0.push_back(known);
                answer
            }
            Some(_) | None => {
                self.keep(call, &given);
                given
            }
        }
    }

    fn keep(&mut self, call: &Call, given: &Answer) {
        let Some(tag) = given.headers.get(ETAG) else { return };
        if given.status != StatusCode::OK || given.body.len() > BODY_BYTES_MAX {
            return;
        }
        if self.0.len() >= ANSWERS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(Entry {
            target: call.target.clone(),
            accept: call.accept,
            tag: tag.clone(),
            answer: given.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn answer(status: StatusCode, tag: &'static str, body: &str) -> Answer {
        let headers = HeaderMap::from_iter([(ETAG, HeaderValue::from_static(tag))]);
        Answer { status, headers, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn what_is_known_holds_until_github_says_otherwise_and_is_bounded() {
        let mut known = Known::default();
        let call = |number: usize| Call::get(format!("/{number}"), "it");
        assert_eq!(known.tag(&call(0)), None);
        known.settle(&call(0), answer(StatusCode::OK, "\"a\"", "old"));
        assert_eq!(known.tag(&call(0)).as_ref().map(HeaderValue::as_bytes), Some(b"\"a\"".as_slice()));
        let held = known.settle(&call(0), answer(StatusCode::NOT_MODIFIED, "\"a\"", ""));
        assert_eq!((held.status, held.body.as_slice()), (StatusCode::OK, b"old".as_slice()));
        let fresh = known.settle(&call(0), answer(StatusCode::OK, "\"b\"", "new"));
        assert_eq!(fresh.body, b"new");
        assert_eq!(known.settle(&call(0), answer(StatusCode::NOT_MODIFIED, "\"b\"", "")).body, b"new");
        let gone = known.settle(&call(0), answer(StatusCode::NOT_FOUND, "\"b\"", "gone"));
        assert_eq!((gone.status, known.tag(&call(0))), (StatusCode::NOT_FOUND, None));
        for number in 0..ANSWERS_MAX + 9 {
            known.settle(&call(number), answer(StatusCode::OK, "\"x\"", ""));
        }
        assert_eq!((known.0.len(), known.tag(&call(8)), known.tag(&call(9)).is_some()), (ANSWERS_MAX, None, true));
    }

    #[test]
    fn writes_and_logs_are_never_known_and_each_form_is_its_own() {
        let mut known = Known::default();
        let write = Call::new(Method::POST, "/1".to_owned(), "it");
        let log = Call { keep: Keep::Tail(9), ..Call::get("/1".to_owned(), "it") };
        let raw = Call { accept: "raw", ..Call::get("/1".to_owned(), "it") };
        known.settle(&raw, answer(StatusCode::OK, "\"a\"", "b"));
        assert!(known.tag(&raw).is_some() && known.tag(&Call::get("/1".to_owned(), "it")).is_none());
        for call in [write, log] {
            known.settle(&call, answer(StatusCode::OK, "\"a\"", "b"));
            assert_eq!(known.tag(&call), None);
        }
    }
}
