//! Answers to reads.

use crate::engine::id::{IssueNumber, PullNumber, Sha};
use crate::engine::snapshot::{Actor, Checks, Comment, Permission, Progress, PullRequest, Ref};
use crate::engine::time::Timestamp;
use crate::forge::world::World;
use crate::forge::world::act::{Outcome, settled, unexpected};
use crate::forge::world::admit::missing;
use crate::forge::world::request::GitAnswer;
use crate::github::{Error, PullAndChecks, Repository, Request, Response};

impl World {
    /// Answers a read without counting it.
    ///
    /// # Errors
    /// As the API: mostly [`Error::Missing`].
    pub fn read(&self, actor: &Actor, request: &Request, git: Option<&GitAnswer>) -> Outcome {
        match request {
            Request::Repository => Ok(Response::Repository(self.repository())),
            Request::Permission { login } => {
                Ok(Response::Permission(self.named_role(login).unwrap_or(Permission::None)))
            }
            Request::IssuesLabelled { .. }
            | Request::Issue { .. }
            | Request::LabelEvents { .. }
            | Request::BlockedBy { .. }
            | Request::SubIssues { .. }
            | Request::CommentsSince { .. }
            | Request::Comments { .. }
            | Request::BodyEdits { .. } => self.read_issues(request),
            Request::Branch { .. }
            | Request::Branches { .. }
            | Request::Tips { .. }
            | Request::File { .. }
            | Request::Folder { .. } => read_git(request, git),
            Request::Runs { .. } | Request::Run { .. } | Request::JobLog { .. } => self.read_runs(request),
            Request::PullRequest { number } => self.read_pull(*number, git),
            Request::PullRequests { head } => Ok(Response::PullRequests(self.read_pulls(head.as_deref()))),
            Request::PullsAndChecks { numbers } => self.read_pulls_and_checks(numbers, git),
            Request::Checks { sha } => Ok(Response::Checks(self.checks_snapshot(sha))),
            Request::CreateIssue { .. }
            | Request::UpdateIssue { .. }
            | Request::RewriteIssue { .. }
            | Request::CreateComment { .. }
            | Request::DeleteComment { .. }
            | Request::React { .. }
            | Request::Relate { .. }
            | Request::Pin { .. }
            | Request::CreateBranch { .. }
            | Request::AdvanceBranch { .. }
            | Request::DeleteBranch { .. }
            | Request::CreateCommit { .. }
            | Request::CommitOnBranch { .. }
            | Request::DispatchWorkflow { .. }
            | Request::SetWorkflow { .. }
            | Request::CancelRun { .. }
            | Request::RerunFailedJobs { .. }
            | Request::CreatePullRequest { .. }
            | Request::UpdatePullRequest { .. }
            | Request::MergePullRequest { .. }
            | Request::MergeBranch { .. } => {
                Err(Error::Unexpected { message: format!("a write by {} was sent as a read", actor.login) })
            }
        }
    }

    fn repository(&self) -> Repository {
        Repository { id: self.setup.repository_id, default_branch: self.setup.default_branch.clone(), archived: false }
    }

    fn read_issues(&self, request: &Request) -> Outcome {
        if let Request::IssuesLabelled { label, open_only } = request {
            let wanted = self.issues().rev().filter(|entry| {
                (!open_only || self.is_open(entry.issue.number))
                    && entry.issue.labels.iter().any(|held| held.eq_ignore_ascii_case(label))
            });
            Ok(Response::Issues(wanted.map(|entry| self.issue_snapshot(entry)).collect()))
        } else if let Request::Issue { number } = request {
            Ok(Response::Issue(Box::new(self.issue_snapshot(self.existing(*number)?))))
        } else if let Request::LabelEvents { number } = request {
            Ok(Response::LabelEvents(self.existing(*number)?.label_events.clone()))
        } else if let Request::BlockedBy { number } = request {
            Ok(Response::Numbers(self.existing(*number)?.blocked_by.iter().copied().collect()))
        } else if let Request::SubIssues { number } = request {
            Ok(Response::Numbers(self.existing(*number)?.sub_issues.iter().copied().collect()))
        } else if let Request::BodyEdits { number } = request {
            Ok(Response::BodyEdits(self.existing(*number)?.edits.clone()))
        } else if let Request::Comments { number } = request {
            self.existing(*number)?;
            let on = self.comments().filter(|entry| entry.comment.issue == *number);
            Ok(Response::Comments(on.map(|entry| entry.comment.clone()).collect()))
        } else if let Request::CommentsSince { since } = request {
            Ok(Response::Comments(self.comments_since(*since)))
        } else {
            Err(unexpected(None))
        }
    }

    fn comments_since(&self, since: Timestamp) -> Vec<Comment> {
        // A comment's issue may be deleted; GitHub does not list its comments then.
        let there = |comment: &Comment| self.existing(comment.issue).is_ok();
        let mut comments: Vec<Comment> = self
            .comments()
            .map(|entry| &entry.comment)
            .filter(|comment| comment.updated_at >= since && there(comment))
            .cloned()
            .collect();
        comments.sort_by_key(|comment| (comment.updated_at, comment.id));
        comments
    }

    fn read_runs(&self, request: &Request) -> Outcome {
        if let Request::Runs { workflow, since } = request {
            if !self.setup.workflows.contains_key(workflow) {
                return Err(missing(format!("workflow `{workflow}`")));
            }
            let wanted = self.runs().rev().filter(|run| run.workflow == *workflow && run.created_at >= *since);
            Ok(Response::Runs(wanted.map(|run| self.run_snapshot(run, false)).collect()))
        } else if let Request::Run { run } = request {
            let entry = self.run(*run).ok_or_else(|| missing(format!("run {run}")))?;
            Ok(Response::Run(Box::new(self.run_snapshot(entry, true))))
        } else if let Request::JobLog { job } = request {
            // GitHub has no log of a job that is not over.
            let entry = self.job(*job).filter(|entry| entry.job.progress == Progress::Completed);
            Ok(Response::Log(entry.ok_or_else(|| missing(format!("log of job {job}")))?.log.clone()))
        } else {
            Err(unexpected(None))
        }
    }

    fn read_pull(&self, number: PullNumber, git: Option<&GitAnswer>) -> Outcome {
        let mergeable = if let Some(GitAnswer::Mergeable(mergeable)) = git { Some(*mergeable) } else { None };
        self.pull_snapshot(number, mergeable)
            .map(|pull| Response::PullRequest(Box::new(pull)))
            .ok_or_else(|| missing(format!("pull request #{number}")))
    }

    fn checks_snapshot(&self, sha: &Sha) -> Checks {
        Checks {
            sha: sha.clone(),
            runs: self.checks_of(sha).map(|entry| entry.check.clone()).collect(),
            statuses: self.statuses_of(sha).map(|entry| entry.status.clone()).collect(),
        }
    }

    /// Git tells of each open one, in order, whether it merges.
    fn read_pulls_and_checks(&self, numbers: &[PullNumber], git: Option<&GitAnswer>) -> Outcome {
        let answer = settled(git.cloned())?;
        let GitAnswer::Merges(merges) = answer else { return Err(unexpected(Some(&answer))) };
        let mut merges = merges.into_iter();
        let one = |number: &PullNumber| {
            let mergeable = if self.is_open(IssueNumber(number.0)) { merges.next() } else { None };
            let pull = self.pull_snapshot(*number, mergeable)?;
            let checks = Some(self.checks_snapshot(&pull.head_sha));
            Some(PullAndChecks { pull, checks })
        };
        Ok(Response::PullsAndChecks(numbers.iter().filter_map(one).collect()))
    }

    /// The list does not say what merges, as GitHub's does not.
    fn read_pulls(&self, head: Option<&str>) -> Vec<PullRequest> {
        self.pulls()
            .rev()
            .filter(|(number, pull)| match head {
                Some(head) => pull.head_branch == head,
                None => self.is_open(IssueNumber(number.0)),
            })
            .filter_map(|(number, _)| self.pull_snapshot(number, None))
            .collect()
    }
}

fn read_git(request: &Request, git: Option<&GitAnswer>) -> Outcome {
    let answer = settled(git.cloned())?;
    if let (Request::Branch { branch }, GitAnswer::At(sha)) = (request, &answer) {
        Ok(Response::Ref(Ref { branch: branch.clone(), sha: sha.clone() }))
    } else if let (Request::Branches { .. }, GitAnswer::Refs(refs)) = (request, &answer) {
        Ok(Response::Refs(refs.clone()))
    } else if let (Request::Tips { .. }, GitAnswer::Tips(tips)) = (request, &answer) {
        Ok(Response::Tips(tips.clone()))
    } else if let (Request::File { .. }, GitAnswer::File(bytes)) = (request, &answer) {
        Ok(Response::File(bytes.clone()))
    } else if let (Request::Folder { .. }, GitAnswer::Folder(files)) = (request, &answer) {
        Ok(Response::Folder(files.clone()))
    } else {
        Err(unexpected(Some(&answer)))
    }
}
