//! Requests for what is not there.

use task_orchestrator::engine::id::{IssueNumber, JobId, PullNumber, RunId};
use task_orchestrator::forge::world::request::PersonAct;
use task_orchestrator::github::{Error, Request};

use crate::requests::Asker;

impl Asker<'_> {
    /// What is not there, or not any more.
    pub(super) async fn missing(&mut self) {
        let number = IssueNumber(2);
        self.site.person(PersonAct::Delete { number }).await;
        let (reference, path) = ("trunk".to_owned(), "nowhere.txt".to_owned());
        for request in [
            Request::Issue { number },
            Request::Issue { number: IssueNumber(9_999) },
            Request::BodyEdits { number },
            Request::Pin { node_id: "nothing".to_owned(), pinned: true },
            Request::Branch { branch: "nowhere".to_owned() },
            Request::File { reference, path },
            Request::Run { run: RunId(9_999) },
            Request::JobLog { job: JobId(9_999) },
            Request::PullRequest { number: PullNumber(9_999) },
        ] {
            let asked = format!("{request:?}");
            let answer = self.try_ask(request).await;
            assert!(matches!(answer, Err(Error::Missing { .. })), "{asked}: {answer:?}");
        }
    }
}
