//! What is asked of a repository in one GraphQL question, whatever it is about.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::engine::id::PullNumber;
use crate::github::client::Sending;
use crate::github::client::graphql::Reply;
use crate::github::client::pulls_and_checks::{self, PULLS_MAX};
use crate::github::client::tips::{self, BRANCHES_MAX};
use crate::github::{Error, PullAndChecks, Request, Response, Tip, send_singly};

const UPDATE_REFS: &str = "mutation($input:UpdateRefsInput!){updateRefs(input:$input){clientMutationId}}";
/// What a branch that is deleted is moved to.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// A question about the repository, put together from parts that each name their fields by aliases of their own.
#[derive(Debug, Default)]
pub(super) struct Question {
    /// Variables' types, each behind a comma.
    pub(super) declared: String,
    /// Fields of the repository.
    pub(super) asked: String,
    /// Fragments that they use.
    pub(super) fragments: String,
    /// Variables.
    pub(super) variables: Map<String, Value>,
}

/// What was told, by alias.
#[derive(Debug)]
pub(super) struct Found {
    told: BTreeMap<String, Value>,
    missing: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Data {
    repository: Option<BTreeMap<String, Value>>,
}

impl Found {
    /// What was told under an alias (nothing: nothing was told, `Some(None)`: `null`), once.
    pub(super) fn take<T: DeserializeOwned>(&mut self, alias: &str, what: &str) -> Result<Option<Option<T>>, Error> {
        let told = self.told.remove(alias).map(serde_json::from_value::<Option<T>>).transpose();
        told.map_err(|error| Error::Unexpected { message: format!("{what}: {error}") })
    }

    /// Whether it was said to be missing.
    pub(super) fn is_missing(&self, alias: &str) -> bool {
        self.missing.contains(alias)
    }
}

impl Sending<'_> {
    /// Asks about the repository. Single things may be missing; any other error is the answer.
    pub(super) async fn ask_repository(&self, question: Question, what: &str) -> Result<Found, Error> {
        let Question { declared, asked, fragments, mut variables } = question;
        variables.insert("owner".to_owned(), self.owner().into());
        variables.insert("name".to_owned(), self.name().into());
        let query = format!(
            "query($owner:String!,$name:String!{declared}){{repository(owner:$owner,name:$name){{{asked}}}}}{fragments}"
        );
        let reply: Reply<Data> = self.graphql_reply(&query, &Value::Object(variables), what).await?;
        let missing: BTreeSet<String> = reply.errors.iter().filter_map(|error| error.missing_entry()).collect();
        if let Some(error) = reply.errors.iter().find(|error| error.missing_entry().is_none()) {
            return Err(self.graphql_error(error, what));
        }
        let told = reply.data.and_then(|data| data.repository);
        Ok(Found { told: told.ok_or_else(|| Error::Missing { what: what.to_owned() })?, missing })
    }

    /// Branches and pull requests are one question where they fit one, and branches are deleted all at once; whatever
    /// else is asked goes by itself.
    pub(super) async fn ask_together(&self, requests: Vec<Request>) -> Vec<Result<Response, Error>> {
        if let [Request::Tips { branches, path }, Request::PullsAndChecks { numbers }] = requests.as_slice()
            && (1..=BRANCHES_MAX).contains(&branches.len())
            && (1..=PULLS_MAX).contains(&numbers.len())
        {
            match self.tips_and_pulls(branches, path, numbers).await {
                Ok((tips, pulls)) => return vec![Ok(Response::Tips(tips)), Ok(Response::PullsAndChecks(pulls))],
                // Only one of them may be refused, or be too much beside the other.
                Err(Error::Invalid { .. } | Error::Denied { .. } | Error::Missing { .. }) => {}
                Err(error) => return vec![Err(error.clone()), Err(error)],
            }
        }
        let branch = |request: &Request| {
            if let Request::DeleteBranch { branch } = request { Some(branch.clone()) } else { None }
        };
        let repository = self.node_id().clone();
        if let (Some(branches), Some(repository), true) =
            (requests.iter().map(branch).collect::<Option<Vec<_>>>(), repository, requests.len() > 1)
        {
            match self.delete_branches(&repository, &branches).await {
                Ok(()) => return vec![Ok(Response::Done); requests.len()],
                // One of them refused means that none is gone: a branch that was gone already, say.
                Err(Error::Invalid { .. } | Error::Denied { .. } | Error::Missing { .. } | Error::Conflict { .. }) => {}
                Err(error) => return vec![Err(error); requests.len()],
            }
        }
        send_singly(self, requests).await
    }

    /// Deletes all of these branches, or none.
    async fn delete_branches(&self, repository: &str, branches: &[String]) -> Result<(), Error> {
        let what = format!("the deletion of {} branches", branches.len());
        let update =
            |branch: &String| json!({"name": format!("refs/heads/{branch}"), "afterOid": NO_COMMIT, "force": true});
        let updates: Vec<Value> = branches.iter().map(update).collect();
        let input = json!({"repositoryId": repository, "refUpdates": updates});
        self.graphql::<Value>(UPDATE_REFS, &json!({"input": input}), what).await.map(|_| ())
    }

    async fn tips_and_pulls(
        &self,
        branches: &[String],
        path: &str,
        numbers: &[PullNumber],
    ) -> Result<(Vec<Option<Tip>>, Vec<PullAndChecks>), Error> {
        let (branches_asked, pulls_asked) = (branches.len(), numbers.len());
        let what = format!("`{path}` on {branches_asked} branches and {pulls_asked} pull requests with their checks");
        let mut question = Question::default();
        tips::add(&mut question, branches, path);
        pulls_and_checks::add(&mut question, numbers);
        let mut found = self.ask_repository(question, &what).await?;
        let tips = tips::told(&mut found, branches_asked, &what)?;
        Ok((tips, pulls_and_checks::told(&mut found, pulls_asked, &what)?))
    }
}
