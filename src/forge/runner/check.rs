//! A check of a pull request: a command on the head merged into its base, reported as a check run.

use std::sync::Arc;

use tokio::sync::watch;

use crate::engine::id::{PullNumber, Sha};
use crate::engine::snapshot::Conclusion;
use crate::forge::runner::folder::JobFolder;
use crate::forge::runner::interrupt::{Cause, Interrupt, Interruption};
use crate::forge::runner::launch::{self, Launch};
use crate::forge::runner::log::LogTail;
use crate::forge::runner::{CHECK_APP, Check, Host, MergedTree, Shared};
use crate::forge::world::request::{CheckAct, Request};

/// What is to be checked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject {
    pub(super) head: Sha,
    pub(super) base: String,
    /// Where the base is: a head that conflicts with it is looked at again once it has moved.
    pub(super) base_at: Option<Sha>,
    pub(super) pull: PullNumber,
}

/// A check that is about to run.
pub(super) struct CheckTask<H> {
    pub(super) shared: Arc<Shared<H>>,
    pub(super) check: Check,
    pub(super) subject: Subject,
    pub(super) interrupt: watch::Receiver<Interrupt>,
}

impl<H: Host> CheckTask<H> {
    /// Runs it to its reported end.
    pub(super) async fn run(self) {
        let name = format!("check-{}", self.subject.head);
        let _running = self.shared.ended.job();
        let folder = match JobFolder::make(&self.shared.options.state, &name) {
            Ok(folder) => folder,
            Err(error) => {
                tracing::error!(%error, "a check's folder cannot be made");
                return;
            }
        };
        self.in_folder(&folder).await;
        if let Err(error) = Arc::clone(&self.shared).put_aside(folder).await {
            tracing::warn!(name, %error, "a check's folder stays");
        }
    }

    async fn in_folder(&self, folder: &JobFolder) {
        let Subject { head, base, .. } = &self.subject;
        match self.shared.host.merged_tree(base, head, &folder.workspace).await {
            Ok(MergedTree::Filled) => {}
            Ok(MergedTree::Conflict) => return,
            Err(problem) => {
                return self.ended(Conclusion::Failure, "The merged files could not be had.", problem).await;
            }
        }
        let (sha, name, app) = (head.clone(), self.check.name.clone(), CHECK_APP.to_owned());
        if !self.tell(CheckAct::Started { sha, name, app }).await {
            return;
        }
        let mut interruption = Interruption::new(self.interrupt.clone(), self.check.timeout);
        let mut log = LogTail::default();
        let (code, cause) = self.command(folder, &mut log, &mut interruption).await;
        if interruption.is_abandoned() {
            return;
        }
        let command = &self.check.command;
        let (conclusion, summary) = match (code, cause) {
            (_, Some(Cause::Cancelled | Cause::TimedOut)) => {
                (Conclusion::TimedOut, format!("`{command}` took longer than {} s.", self.check.timeout.as_secs()))
            }
            (Ok(0), None) => (Conclusion::Success, format!("`{command}` ended with 0.")),
            (Ok(code), None) => (Conclusion::Failure, format!("`{command}` ended with {code}.")),
            (Err(error), None) => (Conclusion::Failure, format!("`{command}` could not be run: {error}")),
        };
        self.ended(conclusion, &summary, log.text()).await;
    }

    async fn command(
        &self,
        folder: &JobFolder,
        log: &mut LogTail,
        interruption: &mut Interruption,
    ) -> (std::io::Result<i32>, Option<Cause>) {
        let mut environment = folder.environment();
        for (name, value) in [("GITHUB_SHA", self.subject.head.as_str()), ("GITHUB_BASE_REF", &self.subject.base)] {
            environment.insert(name.to_owned(), value.into());
        }
        environment.insert("GITHUB_WORKSPACE".to_owned(), folder.workspace.clone().into());
        let launch = Launch {
            guard: &self.shared.options.guard,
            program: vec!["sh".into(), "-c".into(), self.check.command.clone().into()],
            environment,
            directory: &folder.workspace,
            folder: &folder.root,
            grace: self.shared.options.grace,
        };
        let mut stops = interruption.step(None, false);
        let code = launch::run(&launch, log, &mut stops).await;
        (code, stops.cause)
    }

    async fn ended(&self, conclusion: Conclusion, summary: &str, log: String) {
        let (sha, name, app) = (self.subject.head.clone(), self.check.name.clone(), CHECK_APP.to_owned());
        self.tell(CheckAct::Ended { sha, name, app, conclusion, summary: summary.to_owned(), log }).await;
    }

    async fn tell(&self, act: CheckAct) -> bool {
        let told = self.shared.host.apply(Request::Check(act)).await;
        let pull = self.subject.pull;
        told.inspect_err(|error| tracing::warn!(%error, %pull, "the world refuses what a check tells")).is_ok()
    }
}
