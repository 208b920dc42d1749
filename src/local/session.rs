//! One run of `local`, from the flags to the exit code.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;

use crate::engine::id::{IssueNumber, RepositoryName};
use crate::engine::plan::Plan;
use crate::engine::plan_document::PlanDocument;
use crate::engine::rest::{Rest, rest};
use crate::engine::snapshot::Actor;
use crate::engine::task::Verdict;
use crate::engine::time::Timestamp;
use crate::forge::world::request::{PersonAct, Request};
use crate::local::base::forge_repository;
use crate::local::finish::Branches;
use crate::local::interrupts::Interrupts;
use crate::local::issues::{GivenIssues, given};
use crate::local::last_words::{print_json, report, stopping, to_go_on};
use crate::local::options::{Chosen, LocalArgs, Mistake};
use crate::local::progress::{Progress, plain};
use crate::local::question::answer;
use crate::local::site::{Site, SiteOptions, now, owner};
use crate::server::ProgressByRepository;

/// How a run ended; its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All merged or without need for change.
    Well,
    /// Something escalated, was cancelled, or waits for a person, or `--merge-into` could not follow.
    Unfinished,
    /// Ctrl-C; the same command goes on.
    Interrupted,
}

impl Ended {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Unfinished => 3,
            Self::Interrupted => 130,
        }
    }
}

/// How a run ended, and the plan as it stood then.
pub struct Outcome {
    /// How.
    pub ended: Ended,
    /// The plan; nothing where there was none yet.
    pub plan: Option<Arc<Plan>>,
}

/// Runs `local`. A [`Mistake`] in the error chain is the person's and means exit code 2.
pub async fn run(args: &LocalArgs) -> anyhow::Result<Outcome> {
    let chosen = args.choose().await?;
    let terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let progress = Progress::new(terminal, now());
    let (issues, notes) = given(&args.issues, &chosen.settings.label)?;
    let asks = chosen.settings.approval == crate::engine::config::ApprovalPolicy::Ask;
    if asks && !terminal && !chosen.state.join("orchestrator.sqlite").exists() {
        return Err(nothing_approved().into());
    }
    check_port(&chosen.state, args.port)?;
    let mut interrupts = Interrupts::listen().context("listening for Ctrl-C")?;
    let session = Session::start(&chosen, issues, notes, args, progress.clone(), terminal);
    let mut session = tokio::select! {
        session = session => session?,
        () = interrupts.next() => {
            progress.say(&to_go_on());
            return Ok(Outcome { ended: Ended::Interrupted, plan: None });
        }
    };
    let mut ended = session.follow(&mut interrupts).await?;
    if ended == Ended::Interrupted {
        progress.say(&stopping());
    } else if args.stay {
        ended = session.stay(&mut interrupts).await?;
        progress.say(&stopping());
    }
    tokio::select! {
        outcome = session.end(ended, args) => outcome,
        // Asked for a second time: what is cut off here is taken up at the next start.
        () = interrupts.next() => Ok(Outcome { ended: Ended::Interrupted, plan: None }),
    }
}

/// Looks whether the port can be had before a state folder is made for nothing. Where there is one already, the forge
/// looks: it knows better whether another process works there.
fn check_port(state: &std::path::Path, port: u16) -> Result<(), Mistake> {
    if port == 0 || state.exists() {
        return Ok(());
    }
    let had = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port));
    had.map(drop).map_err(|error| {
        Mistake::new(format!("port {port} on 127.0.0.1 cannot be used ({error}); give another --port, or 0 for any"))
    })
}

fn nothing_approved() -> Mistake {
    Mistake::new(
        "nothing is approved yet and there is no terminal to ask on; give --auto-approve to approve every text as it \
         stands",
    )
}

/// A run under way.
pub struct Session {
    site: Site,
    progress: Progress,
    branches: Branches,
    started: Timestamp,
    terminal: bool,
    state: PathBuf,
    /// What runs for each task and where that comes from.
    agent: Vec<String>,
    /// What was wanted of a person when the world was last looked at for it before its time.
    looked_for: Vec<(IssueNumber, String)>,
    /// Whether the tracking issue's address was said.
    addressed: bool,
    /// What a person was told to do, and the moment of the turn that showed it.
    wanted: Option<(Vec<(IssueNumber, String)>, Timestamp)>,
    /// Whether the question for approvals was put.
    asked: bool,
    /// What a person was last told that the run waits for.
    announced: Vec<(IssueNumber, String)>,
}

impl Session {
    async fn start(
        chosen: &Chosen,
        issues: GivenIssues,
        notes: Vec<String>,
        args: &LocalArgs,
        progress: Progress,
        terminal: bool,
    ) -> anyhow::Result<Self> {
        let started = now();
        let numbers: Vec<IssueNumber> = issues.open.iter().map(|issue| issue.number).collect();
        let options = SiteOptions {
            state: chosen.state.clone(),
            source: chosen.checkout.root.clone(),
            repository: repository_name(&chosen.checkout.root),
            issues,
            settings: chosen.settings.clone(),
            check: args.check.clone(),
            port: args.port,
            program: None,
        };
        let site = Site::start(options).await?;
        // Said only now: a start that comes to nothing has its own words.
        let dirty = "Note: work in this checkout that is not committed is not seen; the base is its last commit.";
        let dirty = chosen.checkout.dirty.then(|| dirty.to_owned());
        let base = chosen.base.words().await?;
        let words = notes.into_iter().chain(base).chain(dirty).chain(chosen.agent.clone());
        words.chain(site.taken_over.iter().cloned()).for_each(|words| progress.tell(&words));
        let pages = site.forge.web_url().map_err(anyhow::Error::msg)?;
        progress.say(&format!("Pages (valid once, for your browser): {pages}"));
        // Git runs in the checkout's folder: the forge's must be named from the root.
        let forge = forge_repository(&chosen.state.canonicalize()?);
        let mut branches = Branches::new(&chosen.checkout.root, &forge, args.merge_into.clone(), &chosen.base).await?;
        branches.strangers(numbers.into_iter()).await?.iter().for_each(|words| progress.tell(words));
        let state = chosen.state.clone();
        Ok(Self {
            site,
            progress,
            branches,
            started,
            terminal,
            state,
            agent: chosen.agent.clone(),
            looked_for: Vec::new(),
            addressed: false,
            wanted: None,
            asked: false,
            announced: Vec::new(),
        })
    }

    /// Follows the plan until nothing can go on, or Ctrl-C.
    async fn follow(&mut self, interrupts: &mut Interrupts) -> anyhow::Result<Ended> {
        let mut changes = self.site.progress();
        loop {
            tokio::select! {
                changed = changes.changed() => changed.context("the server has stopped")?,
                Some((run, words)) = self.site.quiet.recv() => {
                    if let Some(plan) = self.site.plan(&changes.borrow()) {
                        self.progress.quiet(&plan, run, &words, now());
                    }
                    continue;
                }
                () = interrupts.next() => return Ok(Ended::Interrupted),
            }
            let seen = changes.borrow_and_update().clone();
            if let Some(ended) = self.turned(&seen, interrupts).await? {
                return Ok(ended);
            }
        }
    }

    /// After a turn: shows, brings branches over, and tells whether the run is at its end.
    async fn turned(
        &mut self,
        seen: &ProgressByRepository,
        interrupts: &mut Interrupts,
    ) -> anyhow::Result<Option<Ended>> {
        let Some(plan) = self.site.plan(seen) else { return Ok(None) };
        let moment = now();
        if let (false, Some(tracking)) = (self.addressed, &plan.header.tracking) {
            self.addressed = true;
            self.progress.say(&format!("Tracking issue: {}", self.site.tracking_url(tracking.number)));
        }
        self.progress.show(&plan, moment);
        for words in self.branches.follow(&plan).await {
            self.progress.say(&words);
        }
        let at = seen.values().map(|progress| progress.at).max().unwrap_or(moment);
        match rest(&plan, moment) {
            Rest::Working => {
                self.wanted = None;
                Ok(None)
            }
            Rest::Ended => Ok(Some(ended(&plan))),
            Rest::NeedsPerson(wanted) => self.needs_person(&plan, wanted, at, interrupts).await,
        }
    }

    /// Nothing goes on without a person. What is still on its way (a webhook, an answer) has until the next turn, which
    /// looks at everything at once.
    async fn needs_person(
        &mut self,
        plan: &Plan,
        wanted: Vec<(IssueNumber, String)>,
        at: Timestamp,
        interrupts: &mut Interrupts,
    ) -> anyhow::Result<Option<Ended>> {
        let before = self.wanted.replace((wanted.clone(), at));
        let told = before.as_ref().is_some_and(|(said, since)| *said == wanted && *since < at);
        if !told {
            if self.looked_for != wanted {
                self.site.look();
                self.looked_for = wanted;
            }
            return Ok(None);
        }
        if self.terminal && !self.asked && approvals(plan) > 0 {
            self.asked = true;
            return self.ask(plan, interrupts).await;
        }
        if !self.terminal && approvals(plan) > 0 && plan.tasks.values().all(|task| task.approval.is_none()) {
            return Err(nothing_approved().into());
        }
        if !self.terminal || !can_be_given(plan) {
            return Ok(Some(ended(plan)));
        }
        if self.announced != wanted {
            self.progress.tell(
                "Waiting for you; approve, merge or comment in the pages (Ctrl-C ends, the same command resumes):",
            );
            wanted.iter().for_each(|(issue, what)| self.progress.tell(&format!("  #{issue} {what}")));
            self.announced = wanted;
        }
        Ok(None)
    }

    /// Keeps everything up until Ctrl-C, so that the pages can be read and used; what they start is shown.
    async fn stay(&mut self, interrupts: &mut Interrupts) -> anyhow::Result<Ended> {
        self.progress.tell("At its end; the pages stay until Ctrl-C.");
        let mut changes = self.site.progress();
        loop {
            tokio::select! {
                changed = changes.changed() => changed.context("the server has stopped")?,
                () = interrupts.next() => break,
            }
            let seen = changes.borrow_and_update().clone();
            if let Some(plan) = self.site.plan(&seen) {
                self.progress.show(&plan, now());
                for words in self.branches.follow(&plan).await {
                    self.progress.tell(&words);
                }
            }
        }
        let seen = changes.borrow().clone();
        let plan = self.site.plan(&seen);
        let resting = plan.filter(|plan| !matches!(rest(plan, now()), Rest::Working));
        Ok(resting.map_or(Ended::Interrupted, |plan| ended(&plan)))
    }

    /// Shows the plan and asks on the terminal; a yes is the owner's command on the tracking issue. Ctrl-C ends.
    async fn ask(&mut self, plan: &Plan, interrupts: &mut Interrupts) -> anyhow::Result<Option<Ended>> {
        PlanDocument::of(plan).to_text().lines().for_each(|line| self.progress.tell(&plain(line)));
        if plan.tasks.values().any(|task| !task.left && !task.facts.validate.is_empty()) {
            self.progress.tell("Lines with `runs` are commands from the issues' texts; a shell runs them here.");
        }
        self.agent.iter().for_each(|line| self.progress.tell(line));
        let question = format!("Approve all {} texts as they stand and begin? [y/N] ", approvals(plan));
        self.progress.pause();
        let answer = answer(question, interrupts).await?;
        let Some(answer) = answer else {
            // The question's line is still open.
            self.progress.say("");
            return Ok(Some(Ended::Interrupted));
        };
        self.progress.go_on();
        if !matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
            self.progress.say("Nothing is started; approve in the pages, or end with Ctrl-C.");
            return Ok(None);
        }
        let Some(tracking) = plan.header.tracking.as_ref() else { return Ok(None) };
        let act = PersonAct::Comment { number: tracking.number, body: "/orchestrate approve".to_owned() };
        let actor = Actor { login: owner(), bot: false };
        self.site.forge.apply(Request::Person { actor, act, git: None }).await?;
        Ok(None)
    }

    /// Stops everything and says how it went.
    async fn end(mut self, ended: Ended, args: &LocalArgs) -> anyhow::Result<Outcome> {
        self.progress.pause();
        let seen = self.site.progress().borrow().clone();
        let plan = self.site.plan(&seen);
        self.site.stop().await;
        let Some(plan) = plan else {
            self.progress.say("Ended before anything was planned.");
            return Ok(Outcome { ended, plan: None });
        };
        self.branches.follow_once_more(&plan).await.iter().for_each(|words| self.progress.say(words));
        report(&self.progress, &plan, self.started);
        // Merged work that is not where it was asked for is not all done.
        let ended = if ended == Ended::Well && self.branches.lags(&plan) { Ended::Unfinished } else { ended };
        if ended == Ended::Interrupted {
            self.progress.say(&to_go_on());
        } else if let Some(line) = self.branches.how_to_merge(&plan) {
            self.progress.say(&line);
        }
        tracing::debug!(state = %self.state.display(), "the state is kept");
        if args.json {
            print_json(&plan)?;
        }
        Ok(Outcome { ended, plan: Some(plan) })
    }
}

/// `local/<folder>`, with signs that a repository's name may have.
pub(super) fn repository_name(root: &std::path::Path) -> RepositoryName {
    let name = root.file_name().map_or_else(|| "repository".into(), |name| name.to_string_lossy().into_owned());
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    let plain = plain.trim_matches('.').trim_end_matches(".git");
    RepositoryName::new(format!("local/{}", if plain.is_empty() { "repository" } else { plain }))
}

/// How a plan that has come to rest ended.
fn ended(plan: &Plan) -> Ended {
    let well = |task: &Arc<crate::engine::task::Task>| task.verdict.is_some_and(Verdict::is_well);
    if plan.tasks.values().all(well) { Ended::Well } else { Ended::Unfinished }
}

/// Tasks whose text nobody approved.
fn approvals(plan: &Plan) -> usize {
    plan.tasks.values().filter(|task| !task.is_approved() && task.verdict.is_none() && !task.left).count()
}

/// Whether the pages can give what is wanted: an approval or a merge.
fn can_be_given(plan: &Plan) -> bool {
    approvals(plan) > 0 || plan.tasks.values().any(|task| task.has_open_pull())
}
