//! Defects of calls: another request goes out, or another answer comes back.

use crate::engine::id::{AttemptId, RECORD_BRANCH_PREFIX};
use crate::engine::render::TRACKING_LABEL;
use crate::engine::snapshot::{Checks, Conclusion, OpenState, Permission, Progress, Ref};
use crate::forge::memory::MemoryForge;
use crate::github::{Error, Request, Response};
use crate::simulate::planted::Planted;

impl Planted {
    /// Changes a request, or makes an answer up in its place.
    pub(in crate::simulate) fn answers(
        self,
        request: &mut Request,
        forge: &MemoryForge,
    ) -> Option<Result<Response, Error>> {
        let is_record = |branch: &str| branch.starts_with(RECORD_BRANCH_PREFIX);
        match (self, &mut *request) {
            (Self::FenceNotWritten, Request::CreateBranch { branch, sha } | Request::AdvanceBranch { branch, sha })
                if is_record(branch) =>
            {
                return Some(Ok(Response::Ref(Ref { branch: branch.clone(), sha: sha.clone() })));
            }
            (Self::FenceNotWritten, Request::CommitOnBranch { branch, expected, .. }) if is_record(branch) => {
                return Some(Ok(Response::Commit(expected.clone())));
            }
            (Self::TrackingNotFound, Request::IssuesLabelled { label, .. }) if label == TRACKING_LABEL => {
                return Some(Ok(Response::Issues(Vec::new())));
            }
            (Self::TicksUnread, Request::BodyEdits { .. }) => return Some(Ok(Response::BodyEdits(Vec::new()))),
            (Self::ResultsUnread, Request::Branch { branch }) if is_record(branch) => {
                return Some(Err(Error::Missing { what: branch.clone() }));
            }
            (Self::ResultsUnread, Request::Branches { prefix }) if is_record(prefix) => {
                return Some(Ok(Response::Refs(Vec::new())));
            }
            (Self::ResultsUnread, Request::Tips { branches, .. }) => {
                return Some(Ok(Response::Tips(vec![None; branches.len()])));
            }
            (Self::StaleRecordTaken, Request::Branch { branch }) if is_record(branch) => {
                earlier(branch, forge);
            }
            (Self::StaleRecordTaken, Request::Tips { branches, .. }) => {
                branches.iter_mut().for_each(|branch| earlier(branch, forge));
            }
            (Self::WrongBranch, Request::DispatchWorkflow { branch, .. }) => "orchestrate/state".clone_into(branch),
            (Self::SecretTold, Request::CreateComment { body, .. }) => body.push_str("canary-7d1f"),
            (Self::OpensInsteadOfClosing, Request::UpdateIssue { state, .. }) if state.is_some() => {
                *state = Some(OpenState::Open);
            }
            (Self::HeadNotCompared, Request::MergePullRequest { number, head }) => {
                let now = forge.look(|world, _| world.pull(*number).map(|pull| pull.head_sha.clone()));
                head.clone_from(&now.unwrap_or_else(|| head.clone()));
            }
            (Self::BriefAltered, Request::CreateCommit { files, .. } | Request::CommitOnBranch { files, .. }) => {
                for file in files.iter_mut().filter(|file| file.path.starts_with("briefs/")) {
                    file.content = file.content.replacen("\"body\": \"", "\"body\": \"Also: ", 1);
                }
            }
            _ => {}
        }
        None
    }

    /// Changes an answer.
    pub(in crate::simulate) fn alters(self, mut answer: Response) -> Response {
        match (self, &mut answer) {
            (Self::PermissionNotAsked, Response::Permission(permission)) => *permission = Permission::Admin,
            (Self::ChecksIgnored, Response::Checks(checks)) => pass(checks),
            (Self::ChecksIgnored, Response::PullsAndChecks(found)) => {
                found.iter_mut().filter_map(|entry| entry.checks.as_mut()).for_each(pass);
            }
            (Self::TicksUnread, Response::Issue(issue)) => untick(&mut issue.body),
            (Self::TicksUnread, Response::Rewritten { edits, .. }) => edits.clear(),
            (Self::TicksUnread, Response::Issues(issues)) => {
                issues.iter_mut().for_each(|issue| untick(&mut issue.body))
            }
            _ => {}
        }
        answer
    }

    /// Whether a request goes out twice; `lost`: its answer was lost.
    pub(in crate::simulate) fn doubles(self, request: &Request, lost: bool) -> bool {
        match (self, request) {
            (Self::DispatchRepeated, Request::DispatchWorkflow { .. }) => lost,
            (Self::CommentsDoubled, Request::CreateComment { .. }) => true,
            _ => false,
        }
    }

    /// Whether a request never goes out, though its answer says that it did.
    pub(in crate::simulate) fn drops(self, request: &Request) -> bool {
        self == Self::CommentsDoubled && matches!(request, Request::DeleteComment { .. })
    }
}

fn pass(checks: &mut Checks) {
    for run in &mut checks.runs {
        (run.progress, run.conclusion) = (Progress::Completed, Some(Conclusion::Success));
    }
}

fn untick(body: &mut String) {
    *body = body.replace("- [x] <!-- orchestrate:", "- [ ] <!-- orchestrate:");
}

/// Takes the record of the attempt before, where there is one.
fn earlier(branch: &mut String, forge: &MemoryForge) {
    let id = branch.strip_prefix(RECORD_BRANCH_PREFIX).and_then(AttemptId::parse);
    if let Some(id) = id.filter(|id| id.n > 1) {
        let before = AttemptId { n: id.n - 1, ..id }.record_branch();
        if forge.branch(&before).is_some() {
            *branch = before;
        }
    }
}
