//! Lists over several pages, by the `Link` header (GitHub: pagination in the REST API).

use std::future::Future;

use http::HeaderMap;
use http::header::LINK;

use crate::github::Error;
use crate::github::client::{Answer, Call, Target, Transport};

/// Most pages of one list.
const PAGES_MAX: usize = 100;

/// What happens to a list longer than a hundred pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// It is an error: a part of it would be taken for the whole.
    Refuse,
    /// Its beginning will do: the caller asks on from there.
    Keep,
}

/// Reads a list to its end. `send` sends one call; `take` takes the items out of one answer.
///
/// The next page is asked for by path and query on our own host, so that the token goes with it there and nowhere else.
pub(crate) async fn all_pages<T, S, F>(
    transport: &Transport,
    first: Call,
    overflow: Overflow,
    send: S,
    take: impl Fn(&Answer) -> Result<Vec<T>, Error>,
) -> Result<Vec<T>, Error>
where
    S: Fn(Call) -> F,
    F: Future<Output = Result<Answer, Error>>,
{
    let mut items = Vec::new();
    let mut call = first;
    for _ in 0..PAGES_MAX {
        let answer = send(call.clone()).await?;
        items.extend(take(&answer)?);
        let Some(next) = next_link(&answer.headers) else { return Ok(items) };
        let path = transport.own_path(&next).ok_or_else(|| Error::Unexpected {
            message: format!("{} goes on at another host; that is not followed", call.what),
        })?;
        call.target = Target::Given(path);
    }
    match overflow {
        Overflow::Keep => Ok(items),
        Overflow::Refuse => {
            Err(Error::Unexpected { message: format!("{} has more than {PAGES_MAX} pages", call.what) })
        }
    }
}

/// The next page after an answer, as a path on our own host; nothing where there is none or it lies elsewhere.
pub(crate) fn next_page(transport: &Transport, answer: &Answer) -> Option<String> {
    next_link(&answer.headers).and_then(|next| transport.own_path(&next))
}

/// The address of `rel="next"` (RFC 8288).
fn next_link(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(LINK)?.to_str().ok()?;
    text.split(',').find_map(|link| {
        let (address, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let next = parameters.split(';').any(|parameter| {
            let parameter = parameter.trim();
            parameter.eq_ignore_ascii_case("rel=\"next\"") || parameter.eq_ignore_ascii_case("rel=next")
        });
        next.then(|| address.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_the_one_called_next() {
        for (link, expected) in [
            (r#"<https://h/a?page=2>; rel="next", <https://h/a?page=9>; rel="last""#, Some("https://h/a?page=2")),
            (r#"<https://h/a?page=1>; rel="prev",<https://h/a?page=3>; rel="next""#, Some("https://h/a?page=3")),
            (r#"<https://h/a?page=1>; rel="first""#, None),
            ("rubbish", None),
            ("<unfinished", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LINK, link.parse().expect("a header value"));
            assert_eq!(next_link(&headers).as_deref(), expected, "{link}");
        }
        assert_eq!(next_link(&HeaderMap::new()), None);
    }
}
