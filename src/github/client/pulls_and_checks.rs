//! Several pull requests with the checks of their heads, in one GraphQL question.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::json;

use crate::engine::id::{CheckRunId, PullNumber, Sha};
use crate::engine::snapshot::{Checks, OpenState, PullRequest};
use crate::github::client::Sending;
use crate::github::client::edits::editor;
use crate::github::client::together::{Found, Question};
use crate::github::client::wire::{self, Account, lacks, moment};
use crate::github::{Error, PullAndChecks, Response};

/// Most pull requests asked for at once: with their checks a question has few thousand nodes.
pub(super) const PULLS_MAX: usize = 25;
const PULL: &str = "fragment pull on PullRequest{number title body state merged mergeCommit{oid} headRefName \
    headRefOid baseRefName isDraft mergeable updatedAt author{login __typename} commits(last:1){nodes{commit{oid \
    statusCheckRollup{contexts(first:100){pageInfo{hasNextPage} nodes{__typename ...on CheckRun{databaseId name status \
    conclusion detailsUrl summary checkSuite{app{slug}}} ...on StatusContext{context state description}}}}}}}}";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pull {
    number: u64,
    title: Option<String>,
    body: Option<String>,
    state: Option<String>,
    merge_commit: Option<Oid>,
    head_ref_name: Option<String>,
    head_ref_oid: Option<String>,
    base_ref_name: Option<String>,
    is_draft: Option<bool>,
    mergeable: Option<String>,
    updated_at: Option<String>,
    author: Option<Account>,
    commits: Option<Nodes<CommitNode>>,
}

#[derive(Debug, Deserialize)]
struct Oid {
    oid: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Nodes<T> {
    nodes: Option<Vec<Option<T>>>,
    page_info: Option<PageInfo>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct CommitNode {
    commit: Commit,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Commit {
    oid: String,
    status_check_rollup: Option<Rollup>,
}

#[derive(Debug, Deserialize)]
struct Rollup {
    contexts: Option<Nodes<Context>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    #[serde(rename = "__typename")]
    kind: String,
    database_id: Option<u64>,
    name: Option<String>,
    status: Option<String>,
    conclusion: Option<String>,
    details_url: Option<String>,
    summary: Option<String>,
    check_suite: Option<Suite>,
    context: Option<String>,
    state: Option<String>,
    description: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Suite {
    app: Option<wire::App>,
}

impl Sending<'_> {
    pub(super) async fn pulls_and_checks(&self, numbers: &[PullNumber]) -> Result<Response, Error> {
        let mut pulls = Vec::with_capacity(numbers.len());
        for numbers in numbers.chunks(PULLS_MAX) {
            pulls.extend(self.some_pulls_and_checks(numbers).await?);
        }
        Ok(Response::PullsAndChecks(pulls))
    }

    async fn some_pulls_and_checks(&self, numbers: &[PullNumber]) -> Result<Vec<PullAndChecks>, Error> {
        let what = format!("{} pull requests with their checks", numbers.len());
        let mut question = Question::default();
        add(&mut question, numbers);
        let mut found = self.ask_repository(question, &what).await?;
        told(&mut found, numbers.len(), &what)
    }
}

/// Puts pull requests into a question.
pub(super) fn add(question: &mut Question, numbers: &[PullNumber]) {
    question.fragments.push_str(PULL);
    for (at, number) in numbers.iter().enumerate() {
        // Writing to a text cannot fail.
        let _ = write!(question.declared, ",$p{at}:Int!");
        let _ = write!(question.asked, " p{at}:pullRequest(number:$p{at}){{...pull}}");
        question.variables.insert(format!("p{at}"), json!(number));
    }
}

/// What was told of so many pull requests; those that are missing are left out.
pub(super) fn told(found: &mut Found, numbers: usize, what: &str) -> Result<Vec<PullAndChecks>, Error> {
    let mut pulls = Vec::with_capacity(numbers);
    for at in 0..numbers {
        let alias = format!("p{at}");
        match found.take::<Pull>(&alias, what)?.flatten() {
            Some(pull) => pulls.push(pull.into_snapshot(what)?),
            None if found.is_missing(&alias) => {}
            // Neither told nor said to be missing: that is no answer.
            None => return Err(lacks(what, "a pull request asked for")),
        }
    }
    Ok(pulls)
}

impl Pull {
    fn into_snapshot(self, what: &str) -> Result<PullAndChecks, Error> {
        let head_sha = Sha::new(self.head_ref_oid.ok_or_else(|| lacks(what, "headRefOid"))?);
        let (state, merged) = match self.state.as_deref() {
            Some("OPEN") => (OpenState::Open, false),
            Some("CLOSED") => (OpenState::Closed, false),
            Some("MERGED") => (OpenState::Closed, true),
            other => return Err(Error::Unexpected { message: format!("{what}: the unknown state {other:?}") }),
        };
        let newest = self.commits.and_then(|commits| commits.nodes).unwrap_or_default().pop().flatten();
        let commit = newest.map(|node| node.commit).filter(|commit| commit.oid == head_sha.as_str());
        let checks = commit.and_then(|commit| commit.into_checks(&head_sha));
        let pull = PullRequest {
            number: PullNumber(self.number),
            title: self.title.unwrap_or_default(),
            body: self.body.unwrap_or_default(),
            state,
            merged,
            merge_commit: self.merge_commit.filter(|_| merged).map(|commit| Sha::new(commit.oid)),
            head_branch: self.head_ref_name.ok_or_else(|| lacks(what, "headRefName"))?,
            head_sha,
            base_branch: self.base_ref_name.ok_or_else(|| lacks(what, "baseRefName"))?,
            draft: self.is_draft.unwrap_or(false),
            mergeable: match self.mergeable.as_deref().filter(|_| state == OpenState::Open) {
                Some("MERGEABLE") => Some(true),
                Some("CONFLICTING") => Some(false),
                Some(_) | None => None,
            },
            author: editor(self.author.unwrap_or_default()),
            updated_at: moment(self.updated_at.as_deref()),
        };
        Ok(PullAndChecks { pull, checks })
    }
}

impl Commit {
    /// Its checks, where these are all of them and each is there once: which of two of one name is the newer one is for
    /// REST to say.
    fn into_checks(self, sha: &Sha) -> Option<Checks> {
        let mut checks = Checks { sha: sha.clone(), runs: Vec::new(), statuses: Vec::new() };
        let Some(rollup) = self.status_check_rollup else { return Some(checks) };
        let contexts = rollup.contexts?;
        if contexts.page_info?.has_next_page? {
            return None;
        }
        let mut names = BTreeSet::new();
        for context in contexts.nodes? {
            let context = context?;
            match context.kind.as_str() {
                "CheckRun" => checks.runs.push(context.into_check_run()?),
                "StatusContext" => checks.statuses.push(context.into_status()),
                _ => return None,
            }
            let name = checks.runs.last().map(|run| (run.app.clone(), run.name.clone()));
            if checks.runs.len() > names.len() && !names.insert(name) {
                return None;
            }
        }
        Some(checks)
    }
}

impl Context {
    fn into_check_run(self) -> Option<crate::engine::snapshot::CheckRun> {
        let lower = |word: Option<String>| word.map(|word| word.to_ascii_lowercase());
        let id = CheckRunId(self.database_id?);
        let (status, conclusion) = (lower(self.status), lower(self.conclusion));
        let app = self.check_suite.and_then(|suite| suite.app);
        let words = [self.name, status, conclusion, self.details_url, self.summary];
        Some(wire::CheckRun::told(id, words, app).into_snapshot())
    }

    /// A status that is expected and has not come is one that is pending.
    fn into_status(self) -> crate::engine::snapshot::CommitStatus {
        let state = self.state.map(|state| match state.as_str() {
            "EXPECTED" => "pending".to_owned(),
            other => other.to_ascii_lowercase(),
        });
        wire::Status::told(self.context, state, self.description).into_snapshot()
    }
}
