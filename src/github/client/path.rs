//! Names of others as parts of an address: encoded, and refused where encoding cannot save them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::engine::id::RepositoryName;
use crate::github::Error;

/// Everything but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One part of a path or one value of a query, encoded whole.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// One part of a path. `.` and `..` would change which resource is meant, wherever something on the way tidies paths
/// up.
pub(crate) fn segment(text: &str) -> Result<String, Error> {
    if matches!(text, "" | "." | "..") {
        return Err(Error::Invalid { message: format!("`{text}` cannot be part of an address") });
    }
    Ok(encode(text))
}

/// A name with slashes (branch, file path): each part encoded, slashes kept.
pub(crate) fn segments(text: &str) -> Result<String, Error> {
    Ok(text.split('/').map(segment).collect::<Result<Vec<_>, _>>()?.join("/"))
}

/// The beginning of a name with slashes; it may end with one.
pub(crate) fn prefix(text: &str) -> Result<String, Error> {
    match text.strip_suffix('/') {
        Some(rest) => Ok(format!("{}/", segments(rest)?)),
        None if text.is_empty() => Ok(String::new()),
        None => segments(text),
    }
}

/// Refuses what is not `owner/name` in GitHub's letters, so that it can stand in a path as it is.
pub(crate) fn check_name(repository: &RepositoryName) -> Result<(), Error> {
    let fits = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    match repository.as_str().split_once('/') {
        Some((owner, name)) if fits(owner) && fits(name) => Ok(()),
        Some(_) | None => Err(Error::Invalid {
            message: format!("`{}` is no repository; write it as `owner/name`", repository.as_str().escape_debug()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_stay_where_they_are_put() {
        assert_eq!(encode("good first issue/ü?#%&"), "good%20first%20issue%2F%C3%BC%3F%23%25%26");
        assert_eq!(segments("orchestrate/issue-7").as_deref(), Ok("orchestrate/issue-7"));
        assert_eq!(segments("a b/c#d?e").as_deref(), Ok("a%20b/c%23d%3Fe"));
        assert_eq!(prefix("orchestrate-attempt/").as_deref(), Ok("orchestrate-attempt/"));
        assert_eq!(prefix("").as_deref(), Ok(""));
        for wrong in ["", "a/../b", "..", "a//b", "/a", "./a"] {
            assert!(segments(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_repository_is_owner_and_name() {
        for good in ["o/r", "My-Org/repo.name_1"] {
            assert_eq!(check_name(&RepositoryName::new(good)), Ok(()), "{good}");
        }
        for wrong in ["", "o", "o/", "/r", "o/r/x", "o/..", "o/r?x", "o/r x", "o/r\n"] {
            assert!(check_name(&RepositoryName::new(wrong)).is_err(), "{wrong:?}");
        }
    }
}
