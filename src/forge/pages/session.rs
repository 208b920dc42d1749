//! Who uses the pages: one-time invitations in printed addresses become a cookie; each session has a token for its
//! forms.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, header};
use secrecy::SecretString;

use crate::forge::http::keys::{digest, random_hex};

/// Most invitations open, and most sessions alive, at once; beyond it the eldest goes.
const KEPT_MAX: usize = 100;

#[derive(Debug, Default)]
struct Known {
    /// Digests of invitations not yet used, the eldest first.
    invitations: VecDeque<String>,
    /// Digest of the cookie and form token of each session, the eldest first.
    sessions: VecDeque<(String, String)>,
}

/// All sessions; they end with the process.
#[derive(Debug)]
pub(crate) struct Sessions {
    cookie: String,
    known: Mutex<Known>,
}

/// A session that a request belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// What its forms must carry.
    pub(crate) form_token: String,
}

impl Sessions {
    /// Cookies of one machine are shared by all its ports: the name tells this forge's from another's.
    pub(crate) fn new(port: u16) -> Self {
        Self { cookie: format!("forge_{port}"), known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new invitation, good for one log-in.
    pub(crate) fn invite(&self) -> Result<String, getrandom::Error> {
        let token = random_hex(20)?;
        let mut known = self.known();
        if known.invitations.len() >= KEPT_MAX {
            known.invitations.pop_front();
        }
        known.invitations.push_back(digest(&SecretString::from(token.clone())));
        Ok(token)
    }

    /// Turns an invitation into a session and gives the value of `Set-Cookie`; nothing where it is not known any more.
    pub(crate) fn log_in(&self, invitation: &str) -> Result<Option<String>, getrandom::Error> {
        let (cookie, form_token) = (random_hex(20)?, random_hex(20)?);
        let wanted = digest(&SecretString::from(invitation));
        let mut known = self.known();
        let Some(at) = known.invitations.iter().position(|open| *open == wanted) else { return Ok(None) };
        known.invitations.remove(at);
        if known.sessions.len() >= KEPT_MAX {
            known.sessions.pop_front();
        }
        known.sessions.push_back((digest(&SecretString::from(cookie.clone())), form_token));
        Ok(Some(format!("{}={cookie}; HttpOnly; SameSite=Strict; Path=/", self.cookie)))
    }

    /// The session of a request's cookie.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Option<Session> {
        let known = self.known();
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut values = pairs.filter(|(name, _)| *name == self.cookie).map(|(_, value)| value);
        values.find_map(|value| {
            let wanted = digest(&SecretString::from(value));
            let (_, form_token) = known.sessions.iter().find(|(cookie, _)| *cookie == wanted)?;
            Some(Session { form_token: form_token.clone() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(sessions: &Sessions) -> HeaderMap {
        let invitation = sessions.invite().expect("randomness");
        let cookie = sessions.log_in(&invitation).expect("randomness").expect("invited");
        let (pair, _) = cookie.split_once(';').expect("attributes");
        HeaderMap::from_iter([(header::COOKIE, pair.parse().expect("a value"))])
    }

    #[test]
    fn the_eldest_session_goes_when_there_are_too_many() {
        let sessions = Sessions::new(1);
        let entered: Vec<_> = (0..KEPT_MAX + 2).map(|_| enter(&sessions)).collect();
        let alive: Vec<bool> = entered.iter().map(|headers| sessions.of(headers).is_some()).collect();
        assert_eq!(&alive[..3], [false, false, true]);
        assert!(alive[2..].iter().all(|alive| *alive));
    }
}
