//! What a delivery points at. The payload is read for the few fields below; everything else in it is skipped.

use serde::{Deserialize, Serialize};

use crate::engine::event;
use crate::engine::id::{CommentId, IssueNumber, Login, PullNumber, RepositoryName, RunId, Sha};
use crate::engine::snapshot::Actor;
use crate::github::auth::InstallationId;
use crate::github::client::{check_name, one_line};
use crate::github::webhook::payload::wire::Payload;

mod wire;

/// Most bytes of a delivery: GitHub sends nothing bigger (webhook events and payloads: 25 MB).
pub const BODY_BYTES_MAX: usize = 25 * 1024 * 1024;

/// Why a body cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Sent as a form; answer 415.
    #[error("the payload came as a form; set the webhook's content type to `application/json` in the App's settings")]
    Form,
    /// Longer than [`BODY_BYTES_MAX`]; answer 413.
    #[error("the payload is longer than {BODY_BYTES_MAX} bytes")]
    TooLong,
    /// Not JSON, or a field we read is of another kind; kept for the operator.
    #[error("the payload cannot be read: {message}")]
    Malformed {
        /// What and where.
        message: String,
    },
}

/// A delivery, or the reason why it means nothing to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Something to look at.
    Delivery(Box<Delivery>),
    /// Nothing to do, on purpose.
    Ignored {
        /// Why.
        reason: String,
    },
}

/// The few fields of a delivery that are used; what is kept of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// `X-GitHub-Event`.
    pub event: String,
    /// What happened; any word.
    pub action: Option<String>,
    /// The repository; none for events of an installation.
    pub repository: Option<RepositoryName>,
    /// The repository's id, which survives a rename.
    pub repository_id: Option<u64>,
    /// The installation it was sent for.
    pub installation: Option<InstallationId>,
    /// Repositories an installation gained or lost.
    pub repositories: Vec<RepositoryName>,
    /// Who did it, where told.
    pub sender: Option<Actor>,
    /// The issue or pull request.
    pub number: Option<u64>,
    /// Whether `number` is a pull request.
    pub is_pull_request: bool,
    /// The comment.
    pub comment: Option<CommentId>,
    /// The workflow run.
    pub run: Option<RunId>,
    /// The run's name as shown; ours carry the attempt's key.
    pub run_title: Option<String>,
    /// The commit (checks, runs, pull requests, pushes).
    pub head_sha: Option<Sha>,
    /// The branch, without `refs/heads/`.
    pub head_branch: Option<String>,
    /// An edited body before the edit.
    pub changed_body: Option<String>,
    /// That body after the edit.
    pub body: Option<String>,
}

/// Where to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// An issue.
    Issue(IssueNumber),
    /// A comment.
    Comment {
        /// On which issue or pull request.
        issue: IssueNumber,
        /// Which.
        comment: CommentId,
    },
    /// A workflow run.
    Run {
        /// Which.
        run: RunId,
        /// Its name, where told.
        title: Option<String>,
    },
    /// A pull request.
    PullRequest(PullNumber),
    /// The checks of a commit.
    Checks(Sha),
    /// A branch moved, came or went.
    Push {
        /// Which.
        branch: String,
    },
    /// Where the App is installed.
    Installation,
    /// The whole repository: the event says no more, or said it in a way we do not know.
    Repository,
}

impl Hint {
    /// The same for the engine; nothing where only a look at everything will do.
    pub fn narrow(self) -> Option<event::Hint> {
        match self {
            Self::Issue(number) => Some(event::Hint::Issue(number)),
            Self::Comment { comment, .. } => Some(event::Hint::Comment(comment)),
            Self::Run { run, title } => Some(event::Hint::Run(run, title)),
            Self::PullRequest(number) => Some(event::Hint::Pull(number)),
            Self::Checks(sha) => Some(event::Hint::Checks(sha)),
            Self::Push { branch } => Some(event::Hint::Push(branch)),
            Self::Installation | Self::Repository => None,
        }
    }
}

impl Delivery {
    /// Where to look.
    pub fn hint(&self) -> Hint {
        let issue = self.number.map(IssueNumber);
        let narrow = match self.event.as_str() {
            "installation" | "installation_repositories" => Some(Hint::Installation),
            "issue_comment" => issue.zip(self.comment).map(|(issue, comment)| Hint::Comment { issue, comment }),
            "issues" | "sub_issues" | "issue_dependencies" => issue.map(Hint::Issue),
            "pull_request" => self.number.map(|number| Hint::PullRequest(PullNumber(number))),
            "workflow_run" | "workflow_job" => self.run.map(|run| Hint::Run { run, title: self.run_title.clone() }),
            "check_run" | "check_suite" | "status" => self.head_sha.clone().map(Hint::Checks),
            "push" => self.head_branch.clone().map(|branch| Hint::Push { branch }),
            _ => None,
        };
        narrow.unwrap_or(Hint::Repository)
    }
}

/// Events that are looked at. All others are ignored by name.
const EVENTS: [&str; 14] = [
    "check_run",
    "check_suite",
    "installation",
    "installation_repositories",
    "issue_comment",
    "issue_dependencies",
    "issues",
    "pull_request",
    "push",
    "repository",
    "status",
    "sub_issues",
    "workflow_job",
    "workflow_run",
];

/// Reads a delivery whose signature was found good. `event` is `X-GitHub-Event`.
pub fn parse(event: &str, body: &[u8]) -> Result<Parsed, PayloadError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(PayloadError::TooLong);
    }
    if body.starts_with(b"payload=") {
        return Err(PayloadError::Form);
    }
    let payload: Payload = serde_json::from_slice(body)
        .map_err(|error| PayloadError::Malformed { message: one_line(&error.to_string()) })?;
    if !EVENTS.contains(&event) {
        return Ok(Parsed::Ignored { reason: format!("nothing is done for `{}`", one_line(event)) });
    }
    let delivery = delivery_of(event, payload);
    if event == "push" && delivery.head_branch.is_none() {
        return Ok(Parsed::Ignored { reason: "a tag was pushed, no branch".to_owned() });
    }
    if delivery.repository.is_none() && delivery.hint() != Hint::Installation {
        return Ok(Parsed::Ignored { reason: "it names no repository".to_owned() });
    }
    Ok(Parsed::Delivery(Box::new(delivery)))
}

fn delivery_of(event: &str, payload: Payload) -> Delivery {
    let sender = payload.sender.and_then(|sender| {
        let login = Login::new(sender.login?);
        Some(Actor { login, bot: sender.kind.as_deref() == Some("Bot") })
    });
    let lists = [payload.repositories, payload.repositories_added, payload.repositories_removed];
    let repositories = lists.into_iter().flatten().flatten().filter_map(|found| name_of(found.full_name)).collect();
    let repository = payload.repository.unwrap_or_default();
    let mut delivery = Delivery {
        event: event.to_owned(),
        repository: name_of(repository.full_name),
        repository_id: repository.id,
        installation: payload.installation.and_then(|found| found.id).map(InstallationId),
        repositories,
        sender,
        changed_body: payload.changes.unwrap_or_default().body.and_then(|change| change.from),
        comment: payload.comment.and_then(|comment| comment.id).map(CommentId),
        action: payload.action,
        ..Delivery::default()
    };
    if let Some(issue) = payload.issue.or(payload.blocked_issue).or(payload.parent_issue) {
        delivery.number = issue.number;
        delivery.is_pull_request = issue.pull_request.is_some();
        delivery.body = issue.body.filter(|_| event == "issues" && delivery.changed_body.is_some());
    }
    if let Some(pull) = payload.pull_request {
        let head = pull.head.unwrap_or_default();
        delivery.number = pull.number.or(payload.number);
        delivery.is_pull_request = true;
        delivery.head_sha = head.sha.map(Sha::new);
        delivery.head_branch = head.branch;
    }
    if let Some(run) = payload.workflow_run {
        delivery.run = run.id.map(RunId);
        delivery.run_title = run.display_title;
        delivery.head_sha = run.head_sha.map(Sha::new);
        delivery.head_branch = run.head_branch;
    }
    if let Some(job) = payload.workflow_job {
        delivery.run = job.run_id.map(RunId);
        delivery.head_sha = job.head_sha.map(Sha::new);
        delivery.head_branch = job.head_branch;
    }
    let suite_of_run = payload.check_run.as_ref().and_then(|run| run.check_suite.clone());
    if let Some(check) = payload.check_run {
        delivery.head_sha = check.head_sha.map(Sha::new);
    }
    if let Some(suite) = payload.check_suite.or(suite_of_run) {
        delivery.head_branch = suite.head_branch;
        delivery.head_sha = delivery.head_sha.or(suite.head_sha.map(Sha::new));
    }
    match event {
        "status" => delivery.head_sha = payload.sha.map(Sha::new),
        "push" => {
            let branch = payload.reference.as_deref().and_then(|name| name.strip_prefix("refs/heads/"));
            delivery.head_branch = branch.map(str::to_owned);
            delivery.head_sha = payload.after.filter(|sha| sha.chars().any(|c| c != '0')).map(Sha::new);
        }
        _ => {}
    }
    delivery
}

fn name_of(full_name: Option<String>) -> Option<RepositoryName> {
    full_name.map(RepositoryName::new).filter(|name| check_name(name).is_ok())
}
