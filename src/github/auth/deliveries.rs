//! What became of the App's webhooks at GitHub: listed, and asked for again.
//!
//! GitHub keeps deliveries for three days and repeats none by itself (docs: handling failed webhook deliveries).

use http::Method;
use serde::Deserialize;

use crate::engine::time::Timestamp;
use crate::github::Error;
use crate::github::auth::app::App;
use crate::github::client::{Answer, Call, Target, next_page};

/// Most pages of one look, a hundred deliveries each.
const PAGES_MAX: usize = 10;

/// One attempt of GitHub's to deliver a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempted {
    /// The attempt's id, by which it is asked for again.
    pub id: u64,
    /// The webhook's GUID, the same in every attempt.
    pub guid: String,
    /// When.
    pub at: Timestamp,
    /// Whether we took it.
    pub taken: bool,
}

#[derive(Debug, Deserialize)]
struct DeliveryAnswer {
    id: u64,
    guid: Option<String>,
    delivered_at: Option<String>,
    status: Option<String>,
    status_code: Option<u16>,
}

impl App {
    /// GitHub's attempts since a moment, newest first, at most a thousand. The filter `status=failure` is not used: it
    /// leaves out what never reached us.
    ///
    /// # Errors
    /// As any call; an App without webhooks has none to list ([`Error::Missing`]).
    pub async fn attempted(&self, since: Timestamp) -> Result<Vec<Attempted>, Error> {
        let mut found = Vec::new();
        let mut call = Call::get("/app/hook/deliveries?per_page=100".to_owned(), "the App's deliveries");
        for _ in 0..PAGES_MAX {
            let answer = self.call(&call).await?;
            let page = page(&answer)?;
            let is_last = page.is_empty() || page.iter().any(|attempted| attempted.at < since);
            found.extend(page.into_iter().filter(|attempted| attempted.at >= since));
            match next_page(self.transport(), &answer).filter(|_| !is_last) {
                Some(next) => call.target = Target::Given(next),
                None => break,
            }
        }
        Ok(found)
    }

    /// Asks GitHub to deliver once more what it attempted to deliver.
    ///
    /// # Errors
    /// As any call.
    pub async fn redeliver(&self, id: u64) -> Result<(), Error> {
        let path = format!("/app/hook/deliveries/{id}/attempts");
        self.call(&Call::new(Method::POST, path, format!("delivery {id}"))).await.map(drop)
    }
}

fn page(answer: &Answer) -> Result<Vec<Attempted>, Error> {
    let found: Vec<DeliveryAnswer> = answer.json("the App's deliveries")?;
    let attempted = |found: DeliveryAnswer| {
        let by_code = found.status_code.is_some_and(|code| (200..300).contains(&code));
        Some(Attempted {
            id: found.id,
            guid: found.guid?,
            at: found.delivered_at.as_deref().and_then(Timestamp::parse)?,
            taken: by_code || found.status.as_deref() == Some("OK"),
        })
    };
    Ok(found.into_iter().filter_map(attempted).collect())
}
