//! Who may set the server up: one browser, let in by the address that the terminal shows, once. Its forms carry a
//! token, and what it begins at GitHub is known again by a state that is good once.
//!
//! Of what is secret only digests are kept, and they are what is compared, so that the time taken tells nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};

use crate::engine::time::Timestamp;
use crate::github::auth::is_in_time;

/// Random bytes of a token.
const TOKEN_BYTES: usize = 20;

/// The digest of something secret.
type Digest = [u8; 32];

/// What was begun at GitHub.
struct Pending {
    state: Digest,
    begun: Timestamp,
    choice: Choice,
}

/// What the person chose, as much as is needed when they come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// The organisation that is to own the App; nothing: the person.
    pub(super) organization: Option<String>,
    /// Whether the App is told of what happens.
    pub(super) hears: bool,
}

#[derive(Default)]
struct Known {
    invitation: Option<Digest>,
    cookie: Option<Digest>,
    form_token: String,
    pending: Option<Pending>,
}

/// The one session of a set-up.
pub(super) struct Session {
    cookie_name: String,
    is_secure: bool,
    known: Mutex<Known>,
}

/// A random token as lower-case hexadecimal digits.
pub(super) fn random_token() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; TOKEN_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

fn digest(text: &str) -> Digest {
    Sha256::digest(text.as_bytes()).into()
}

impl Session {
    /// Nobody is let in yet. Cookies of one machine are shared by all its ports: the name tells this server's apart.
    pub(super) fn new(port: u16, is_secure: bool) -> Self {
        Self { cookie_name: format!("setup_{port}"), is_secure, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token that lets one browser in, once.
    pub(super) fn invite(&self) -> Result<String, getrandom::Error> {
        let token = random_token()?;
        self.known().invitation = Some(digest(&token));
        Ok(token)
    }

    /// Lets a browser in: the value of `Set-Cookie`; nothing where the invitation is used up, or another.
    pub(super) fn enter(&self, invitation: &str) -> Result<Option<String>, getrandom::Error> {
        let (cookie, form_token) = (random_token()?, random_token()?);
        let mut known = self.known();
        if known.invitation != Some(digest(invitation)) {
            return Ok(None);
        }
        (known.invitation, known.cookie, known.form_token) = (None, Some(digest(&cookie)), form_token);
        // Lax: the way back from GitHub begins on another site.
        let secure = if self.is_secure { "; Secure" } else { "" };
        Ok(Some(format!("{}={cookie}; HttpOnly; SameSite=Lax; Path=/setup{secure}", self.cookie_name)))
    }

    /// The token for forms, where a request is of the browser that was let in.
    pub(super) fn form_token(&self, headers: &HeaderMap) -> Option<String> {
        let known = self.known();
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut cookies = pairs.filter(|(name, _)| *name == self.cookie_name).map(|(_, value)| digest(value));
        let is_known = cookies.any(|cookie| known.cookie == Some(cookie));
        is_known.then(|| known.form_token.clone())
    }

    /// A state to go to GitHub with; the one before is good no more.
    pub(super) fn begin(&self, choice: Choice, now: Timestamp) -> Result<String, getrandom::Error> {
        let state = random_token()?;
        self.known().pending = Some(Pending { state: digest(&state), begun: now, choice });
        Ok(state)
    }

    /// What was begun with a state, once and within the hour. Another state changes nothing.
    pub(super) fn take(&self, state: &str, now: Timestamp) -> Option<Choice> {
        let mut known = self.known();
        let pending = known.pending.take_if(|pending| pending.state == digest(state))?;
        is_in_time(pending.begun, now).then_some(pending.choice)
    }
}

/// Whether two tokens are the same.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    digest(one) == digest(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice() -> Choice {
        Choice { organization: None, hears: true }
    }

    #[test]
    fn one_browser_is_let_in_once() {
        let session = Session::new(1, true);
        assert_eq!(session.enter("").expect("randomness"), None, "nobody was invited");
        let invitation = session.invite().expect("randomness");
        assert_eq!(session.enter("guess").expect("randomness"), None);
        let cookie = session.enter(&invitation).expect("randomness").expect("invited");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.ends_with("; Secure"));
        assert_eq!(session.enter(&invitation).expect("randomness"), None, "it is used up");
        let (pair, _) = cookie.split_once(';').expect("attributes");
        let headers = |pair: &str| HeaderMap::from_iter([(header::COOKIE, pair.parse().expect("a value"))]);
        let token = session.form_token(&headers(&format!("other=1; {pair}"))).expect("let in");
        assert_eq!(token.len(), 2 * TOKEN_BYTES);
        assert_eq!(session.form_token(&headers("setup_1=guess")), None);
        assert_eq!(session.form_token(&HeaderMap::new()), None);
    }

    #[test]
    fn a_state_is_good_once_within_the_hour_and_only_the_newest() {
        let session = Session::new(1, false);
        let begun = Timestamp(1_000_000);
        let first = session.begin(choice(), begun).expect("randomness");
        let second = session.begin(choice(), begun).expect("randomness");
        assert_ne!(first, second);
        assert_eq!(session.take(&first, begun), None, "a newer one was begun");
        assert_eq!(session.take("", begun), None);
        assert_eq!(session.take(&second, begun), Some(choice()), "a wrong one took nothing away");
        assert_eq!(session.take(&second, begun), None, "it is used up");
        let late = session.begin(choice(), begun).expect("randomness");
        assert_eq!(session.take(&late, Timestamp(begun.0 + 3_600_000)), None, "an hour has passed");
    }
}
