//! Every request there is, sent by the real client: each kind at least once, with the answers it meets in practice.

mod missing;

use std::collections::{BTreeMap, BTreeSet};

use task_orchestrator::engine::id::{IssueNumber, JobId, Login, PullNumber, RunId, Sha};
use task_orchestrator::engine::snapshot::{Conclusion, OpenState};
use task_orchestrator::forge::world::request::{self, CheckAct, PersonAct, RunnerAct};
use task_orchestrator::github::auth::Installations;
use task_orchestrator::github::client::Client;
use task_orchestrator::github::{Error, GitHub as _, NewFile, Reaction, Request, Response};

use crate::app::ask_as_the_app;
use crate::kinds::{KINDS, kind};
use crate::site::{Site, repository};

/// The client, and which kinds of requests it has sent.
struct Asker<'s> {
    site: &'s Site,
    client: std::sync::Arc<Client>,
    sent: BTreeSet<&'static str>,
}

/// Sends every kind of request.
pub(crate) async fn ask_everything(site: &Site) {
    let installations = Installations::new(std::sync::Arc::clone(&site.app));
    let client = installations.client(&repository()).await.expect("installed");
    let mut asker = Asker { site, client, sent: BTreeSet::new() };
    asker.issues().await;
    asker.comments().await;
    asker.branches().await;
    asker.runs().await;
    asker.pulls().await;
    asker.missing().await;
    let unsent: Vec<_> = KINDS.iter().filter(|kind| !asker.sent.contains(*kind)).collect();
    assert!(unsent.is_empty(), "requests that no story sends: {unsent:?}");
    ask_as_the_app(site, &installations).await;
}

impl Asker<'_> {
    async fn try_ask(&mut self, request: Request) -> Result<Response, Error> {
        self.sent.insert(kind(&request));
        // Content is limited by the minute.
        self.site.pass(2);
        self.client.send(request).await
    }

    async fn ask(&mut self, request: Request) -> Response {
        let asked = format!("{request:?}");
        self.try_ask(request).await.unwrap_or_else(|error| panic!("{asked}: {error}"))
    }

    async fn conflict(&mut self, request: Request) {
        let asked = format!("{request:?}");
        let answer = self.try_ask(request).await;
        assert!(matches!(answer, Err(Error::Conflict { .. })), "{asked}: {answer:?}");
    }

    async fn issues(&mut self) {
        let number = IssueNumber(1);
        self.ask(Request::Repository).await;
        for login in ["owner", "nobody"] {
            self.ask(Request::Permission { login: Login::new(login) }).await;
        }
        let label = || "urgent".to_owned();
        self.site.person(PersonAct::Label { number, label: label() }).await;
        self.site.person(PersonAct::Unlabel { number, label: label() }).await;
        self.site.person(PersonAct::BlockedBy { number, by: IssueNumber(2), blocked: true }).await;
        self.site.person(PersonAct::SubIssue { number, child: IssueNumber(2), added: true }).await;
        let title = Some("Another title".to_owned());
        self.site.person(PersonAct::Edit { number, title, body: Some("Files: f1.txt\n\nmore".to_owned()) }).await;
        self.site.person(PersonAct::Close { number: IssueNumber(3) }).await;
        for open_only in [true, false] {
            self.ask(Request::IssuesLabelled { label: "orchestrate".to_owned(), open_only }).await;
        }
        for number in [number, IssueNumber(3)] {
            self.ask(Request::Issue { number }).await;
            self.ask(Request::LabelEvents { number }).await;
            self.ask(Request::BlockedBy { number }).await;
            self.ask(Request::SubIssues { number }).await;
        }
        let by = IssueNumber(3);
        for blocked in [true, false, false] {
            self.ask(Request::Relate { number, by, blocked }).await;
        }
        let (title, body) = ("A plan".to_owned(), "text".to_owned());
        let request = Request::CreateIssue { title, body, labels: vec!["orchestrate".to_owned()] };
        let Response::Issue(issue) = self.ask(request).await else { panic!("an issue") };
        for (title, body, state) in [
            (Some("A better title"), Some("more text"), None),
            (None, None, Some(OpenState::Closed)),
            (None, None, Some(OpenState::Open)),
        ] {
            let (title, body) = (title.map(str::to_owned), body.map(str::to_owned));
            self.ask(Request::UpdateIssue { number: issue.number, title, body, state }).await;
        }
        let (node_id, body) = (issue.node_id.clone(), "written anew".to_owned());
        self.ask(Request::RewriteIssue { number: issue.number, node_id, body }).await;
        for pinned in [true, false] {
            self.ask(Request::Pin { node_id: issue.node_id.clone(), pinned }).await;
        }
        for number in [number, issue.number] {
            self.ask(Request::BodyEdits { number }).await;
        }
    }

    async fn comments(&mut self) {
        let (number, began) = (IssueNumber(1), self.site.now());
        let Response::Comment(ours) = self.ask(Request::CreateComment { number, body: "a word".to_owned() }).await
        else {
            panic!("a comment")
        };
        self.site.person(PersonAct::Comment { number, body: "/orchestrate status".to_owned() }).await;
        let Response::Comments(said) = self.ask(Request::Comments { number }).await else { panic!("comments") };
        let theirs = said.last().expect("a comment").id;
        self.site.person(PersonAct::EditComment { comment: theirs, body: "/orchestrate help".to_owned() }).await;
        let reactions = [Reaction::Eyes, Reaction::PlusOne, Reaction::MinusOne, Reaction::Rocket, Reaction::Eyes];
        for reaction in reactions {
            self.ask(Request::React { comment: theirs, reaction }).await;
        }
        for _ in 0..100 {
            self.site.person(PersonAct::Comment { number, body: "a page is full soon".to_owned() }).await;
        }
        let Response::Comments(said) = self.ask(Request::CommentsSince { since: began }).await else {
            panic!("comments")
        };
        assert!(said.len() > 100, "the list goes over two pages");
        self.ask(Request::DeleteComment { comment: ours.id }).await;
    }

    async fn commit(&mut self, path: &str, content: &str, parent: Option<Sha>) -> Sha {
        let files = vec![NewFile { path: path.to_owned(), content: content.to_owned() }];
        let request = Request::CreateCommit { message: format!("{path}\n\nmore"), files, parent };
        let Response::Commit(sha) = self.ask(request).await else { panic!("a commit") };
        sha
    }

    async fn tip(&mut self, branch: &str) -> Sha {
        let Response::Ref(found) = self.ask(Request::Branch { branch: branch.to_owned() }).await else {
            panic!("a branch")
        };
        found.sha
    }

    async fn branches(&mut self) {
        let branch = || "orchestrate/state".to_owned();
        let root = self.commit("state.json", "{}", None).await;
        self.ask(Request::CreateBranch { branch: branch(), sha: root.clone() }).await;
        self.conflict(Request::CreateBranch { branch: branch(), sha: root.clone() }).await;
        let next = self.commit("state.json", "{ }", Some(root.clone())).await;
        self.ask(Request::AdvanceBranch { branch: branch(), sha: next.clone() }).await;
        self.conflict(Request::AdvanceBranch { branch: branch(), sha: root }).await;
        let trunk = self.tip("trunk").await;
        let beside = self.commit("f1.txt", "two\n", Some(trunk.clone())).await;
        self.ask(Request::CreateBranch { branch: "topic".to_owned(), sha: beside }).await;
        for prefix in ["orchestrate/", "nothing-", ""] {
            self.ask(Request::Branches { prefix: prefix.to_owned() }).await;
        }
        let branches = ["orchestrate/state", "topic", "nowhere"].map(str::to_owned).to_vec();
        self.ask(Request::Tips { branches, path: "state.json".to_owned() }).await;
        let files = vec![NewFile { path: "briefs/1.1.json".to_owned(), content: "{}".to_owned() }];
        let message = "a brief\n\nand why".to_owned();
        let request = |expected| Request::CommitOnBranch {
            branch: branch(),
            expected,
            message: message.clone(),
            files: files.clone(),
        };
        self.ask(request(next.clone())).await;
        self.conflict(request(next)).await;
        for (reference, path) in [("orchestrate/state", "briefs/1.1.json"), (trunk.as_str(), "f1.txt")] {
            self.ask(Request::File { reference: reference.to_owned(), path: path.to_owned() }).await;
        }
        let commit = self.tip(&branch()).await;
        for path in ["briefs", "nowhere"] {
            self.ask(Request::Folder { commit: commit.clone(), path: path.to_owned() }).await;
        }
        for _ in 0..2 {
            self.ask(Request::Branch { branch: branch() }).await;
        }
        self.ask(Request::CreateBranch { branch: "short-lived".to_owned(), sha: trunk.clone() }).await;
        for _ in 0..2 {
            self.ask(Request::DeleteBranch { branch: "short-lived".to_owned() }).await;
        }
        let branches = ["short", "lived"].map(str::to_owned);
        for branch in branches.clone() {
            self.ask(Request::CreateBranch { branch, sha: trunk.clone() }).await;
        }
        // Gone already the second time: all are refused, and each is deleted by itself.
        for _ in 0..2 {
            self.together(branches.clone().map(|branch| Request::DeleteBranch { branch }).to_vec()).await;
        }
    }

    /// Several requests, in as few exchanges as they take.
    async fn together(&mut self, requests: Vec<Request>) {
        self.sent.extend(requests.iter().map(kind));
        self.site.pass(2);
        for answer in self.client.send_together(requests).await {
            answer.expect("answered");
        }
    }

    async fn dispatch(&mut self, key: &str) -> RunId {
        let inputs = [("key".to_owned(), key.to_owned()), ("brief".to_owned(), "b".repeat(40))].into();
        let request = Request::DispatchWorkflow { workflow: "task.yml".to_owned(), branch: "trunk".to_owned(), inputs };
        let Response::Dispatched(Some(run)) = self.ask(request).await else { panic!("a run") };
        run
    }

    async fn runner(&self, act: RunnerAct) {
        self.site.report(request::Request::Runner(act)).await;
    }

    fn job(&self, run: RunId) -> JobId {
        let first = self.site.handle.look(|world| world.jobs_of(run).map(|job| job.job.id).next());
        first.expect("a job")
    }

    async fn runs(&mut self) {
        let began = self.site.now();
        for enabled in [false, true] {
            self.ask(Request::SetWorkflow { workflow: "task.yml".to_owned(), enabled }).await;
        }
        let run = self.dispatch("t1.1.aa").await;
        self.ask(Request::Run { run }).await;
        let job = self.job(run);
        self.runner(RunnerAct::JobStarted { job }).await;
        self.runner(RunnerAct::StepStarted { job, name: "claim".to_owned() }).await;
        self.ask(Request::Run { run }).await;
        self.runner(RunnerAct::StepEnded { job, conclusion: Conclusion::Failure }).await;
        self.runner(RunnerAct::LogTail { job, text: "it went wrong\n".to_owned() }).await;
        self.runner(RunnerAct::JobEnded { job, conclusion: Conclusion::Failure, outputs: BTreeMap::new() }).await;
        self.runner(RunnerAct::RunEnded { run, conclusion: Conclusion::Failure }).await;
        self.ask(Request::Run { run }).await;
        self.ask(Request::JobLog { job }).await;
        self.conflict(Request::CancelRun { run, force: false }).await;
        self.ask(Request::RerunFailedJobs { run }).await;
        self.conflict(Request::RerunFailedJobs { run }).await;
        for force in [false, true] {
            let run = self.dispatch(if force { "t1.3.aa" } else { "t1.2.aa" }).await;
            self.runner(RunnerAct::JobStarted { job: self.job(run) }).await;
            self.ask(Request::CancelRun { run, force }).await;
        }
        let run = self.dispatch("t1.4.aa").await;
        self.runner(RunnerAct::JobStarted { job: self.job(run) }).await;
        self.runner(RunnerAct::RunEnded { run, conclusion: Conclusion::Success }).await;
        self.ask(Request::Run { run }).await;
        self.ask(Request::Runs { workflow: "task.yml".to_owned(), since: began }).await;
    }

    async fn checks(&mut self, sha: &Sha) {
        let check = |name: &str, app: &str, conclusion| CheckAct::Ended {
            sha: sha.clone(),
            name: name.to_owned(),
            app: app.to_owned(),
            conclusion,
            summary: "a summary".to_owned(),
            log: "a log".to_owned(),
        };
        let status = |context: &str, conclusion| CheckAct::Status {
            sha: sha.clone(),
            context: context.to_owned(),
            conclusion,
            description: "a sentence".to_owned(),
        };
        let (name, app) = ("slow".to_owned(), "github-actions".to_owned());
        for act in [
            CheckAct::Started { sha: sha.clone(), name, app },
            check("build", "github-actions", Conclusion::Success),
            check("test", "github-actions", Conclusion::Failure),
            check("lint", "somebody", Conclusion::Neutral),
            status("deploy", None),
            status("audit", Some(Conclusion::Success)),
            status("size", Some(Conclusion::Failure)),
        ] {
            self.site.report(request::Request::Check(act)).await;
        }
        self.ask(Request::Checks { sha: sha.clone() }).await;
    }

    async fn open(&mut self, head: &str, draft: bool) -> PullNumber {
        let request = Request::CreatePullRequest {
            title: format!("fix: {head}"),
            body: "Closes #1".to_owned(),
            head: head.to_owned(),
            base: "trunk".to_owned(),
            draft,
        };
        let Response::PullRequest(pull) = self.ask(request.clone()).await else { panic!("a pull request") };
        self.conflict(request).await;
        pull.number
    }

    async fn pulls(&mut self) {
        let trunk = self.tip("trunk").await;
        let head = self.tip("topic").await;
        let number = self.open("topic", false).await;
        self.checks(&head).await;
        let other = self.commit("f2.txt", "two\n", Some(trunk.clone())).await;
        self.ask(Request::CreateBranch { branch: "draft".to_owned(), sha: other.clone() }).await;
        let draft = self.open("draft", true).await;
        let against = self.commit("f1.txt", "three\n", Some(trunk)).await;
        self.ask(Request::CreateBranch { branch: "against".to_owned(), sha: against.clone() }).await;
        let against_number = self.open("against", false).await;
        let issue = IssueNumber(draft.0);
        self.site.person(PersonAct::Label { number: issue, label: "later".to_owned() }).await;
        self.site.person(PersonAct::Unlabel { number: issue, label: "later".to_owned() }).await;
        let (title, body) = (Some("fix: another title".to_owned()), Some("Closes #2".to_owned()));
        self.ask(Request::UpdatePullRequest { number: draft, title, body }).await;
        let numbers = vec![number, draft, against_number, PullNumber(9_999)];
        self.ask(Request::PullsAndChecks { numbers: numbers.clone() }).await;
        let tips = Request::Tips { branches: vec!["topic".to_owned()], path: "f1.txt".to_owned() };
        self.together(vec![tips, Request::PullsAndChecks { numbers: numbers.clone() }]).await;
        self.ask(Request::MergePullRequest { number, head: head.clone() }).await;
        self.conflict(Request::MergePullRequest { number, head }).await;
        self.conflict(Request::MergePullRequest { number: draft, head: against.clone() }).await;
        self.conflict(Request::MergePullRequest { number: against_number, head: against }).await;
        for into in ["draft", "draft"] {
            self.ask(Request::MergeBranch { into: into.to_owned(), from: "trunk".to_owned() }).await;
        }
        self.conflict(Request::MergeBranch { into: "against".to_owned(), from: "trunk".to_owned() }).await;
        self.site.person(PersonAct::Close { number: issue }).await;
        for number in numbers.iter().take(3) {
            self.ask(Request::PullRequest { number: *number }).await;
        }
        self.ask(Request::PullsAndChecks { numbers }).await;
        self.site.person(PersonAct::Reopen { number: issue }).await;
        for head in [None, Some("topic".to_owned()), Some("nowhere".to_owned())] {
            self.ask(Request::PullRequests { head }).await;
        }
    }
}
