//! Pages of a list: `per_page`, `page`, and the `Link` header that names the others.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Items on a page where the caller does not say.
const PER_PAGE: usize = 30;
/// Most items on a page.
const PER_PAGE_MAX: usize = 100;

/// What is encoded in a query.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.');

/// A request's query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

/// A request's query, for those outside the API.
pub(crate) fn query_of(uri: &Uri) -> Query {
    Query::of(uri)
}

impl Query {
    /// Reads the query of an address; what does not decode is passed over.
    pub(crate) fn of(uri: &Uri) -> Self {
        Self::read(uri.query().unwrap_or_default())
    }

    fn read(text: &str) -> Self {
        let decode = |part: &str| {
            let spaced = part.replace('+', " ");
            percent_encoding::percent_decode_str(&spaced).decode_utf8().map(|text| text.into_owned()).ok()
        };
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        };
        Self(text.split('&').filter(|part| !part.is_empty()).filter_map(pair).collect())
    }

    /// A parameter's last value.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.get(name)?.parse().ok()
    }

    fn with_page(&self, page: usize) -> String {
        let kept = self.0.iter().filter(|(name, _)| name != "page");
        let encode = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
        let mut pairs: Vec<String> = kept.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        pairs.push(format!("page={page}"));
        pairs.join("&")
    }
}

/// One page out of a list.
pub(crate) struct Cut<T> {
    /// Its items.
    pub(crate) items: Vec<T>,
    /// How many there are on all pages.
    pub(crate) total: usize,
    page: usize,
    pages: usize,
}

/// Takes the page that a query asks for; only its items are kept.
pub(crate) fn cut<T>(query: &Query, all: impl IntoIterator<Item = T>) -> Cut<T> {
    let per_page = query.number("per_page").unwrap_or(PER_PAGE).clamp(1, PER_PAGE_MAX);
    let page = query.number("page").unwrap_or(1).max(1);
    let from = per_page.saturating_mul(page - 1);
    let mut total = 0;
    let mut items = Vec::new();
    for item in all {
        if total >= from && items.len() < per_page {
            items.push(item);
        }
        total += 1;
    }
    Cut { items, total, page, pages: total.div_ceil(per_page).max(1) }
}

impl<T> Cut<T> {
    /// The `Link` header's value; nothing where one page is all. `base` is the address up to the path.
    fn link(&self, base: &str, path: &str, query: &Query) -> Option<HeaderValue> {
        let mut links = Vec::new();
        let mut add = |page: usize, relation: &str| {
            links.push(format!("<{base}{path}?{}>; rel=\"{relation}\"", query.with_page(page)));
        };
        if self.page > 1 {
            add((self.page - 1).min(self.pages), "prev");
        }
        if self.page < self.pages {
            add(self.page + 1, "next");
            add(self.pages, "last");
        }
        if self.page > 1 {
            add(1, "first");
        }
        (!links.is_empty()).then(|| HeaderValue::from_str(&links.join(", ")).ok()).flatten()
    }

    /// A JSON answer with its `Link` header.
    pub(crate) fn answer(&self, base: &str, uri: &Uri, query: &Query, body: Value) -> Response {
        let mut response = Json(body).into_response();
        if let Some(link) = self.link(base, uri.path(), query) {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_cut_and_name_each_other() {
        for (query, items, link) in [
            ("", (0..30).collect::<Vec<_>>(), Some("<b/p?page=2>; rel=\"next\", <b/p?page=3>; rel=\"last\"")),
            ("per_page=1000", (0..70).collect(), None),
            (
                "l=a%20b&per_page=40&page=2",
                (40..70).collect(),
                Some("<b/p?l=a%20b&per_page=40&page=1>; rel=\"prev\", <b/p?l=a%20b&per_page=40&page=1>; rel=\"first\""),
            ),
            (
                "per_page=0&page=70",
                vec![69],
                Some("<b/p?per_page=0&page=69>; rel=\"prev\", <b/p?per_page=0&page=1>; rel=\"first\""),
            ),
        ] {
            let query = Query::read(query);
            let cut = cut(&query, 0..70);
            assert_eq!((cut.total, &cut.items), (70, &items));
            assert_eq!(cut.link("b", "/p", &query).as_ref().and_then(|link| link.to_str().ok()), link);
        }
    }
}
