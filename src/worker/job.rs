//! The job a step runs in, as GitHub's runner describes it by variables, and the two files it takes answers in.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use secrecy::SecretString;

use crate::engine::id::{AttemptKey, RunId, Sha};
use crate::engine::time::Timestamp;
use crate::git::command::{Credential, Program};
use crate::worker::Error;
use crate::worker::redact::Redactor;
use crate::worker::variables::Variables;

/// The variable with the job's token.
const TOKEN_VARIABLE: &str = "ORCHESTRATOR_TOKEN";

/// The two values a run is dispatched with.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// The attempt's key, `t<issue>.<n>.<32 hexadecimal digits>`.
    #[arg(long)]
    pub key: String,
    /// The commit that holds the brief.
    #[arg(long)]
    pub brief: String,
}

/// Where a step runs and for which attempt.
#[derive(Clone, Debug)]
pub struct Job {
    /// The attempt.
    pub key: AttemptKey,
    /// The brief's commit.
    pub brief: Sha,
    /// The repository's URL for git.
    pub url: String,
    /// The run.
    pub run_id: RunId,
    /// 1, or more where GitHub started the run again.
    pub run_attempt: u32,
    /// The job's token, where the step was given one.
    pub token: Option<SecretString>,
    /// The step's outputs file.
    pub output: Option<PathBuf>,
    /// The step's summary file.
    pub summary: Option<PathBuf>,
    /// How git is run.
    pub program: Program,
    /// Every variable the step was given but the token.
    pub environment: Variables,
}

impl Job {
    /// Reads the process's environment.
    pub fn from_environment(common: &Common) -> Result<Self, Error> {
        Self::new(common, Variables::of_process(), Program::default())
    }

    /// Reads the variables of a runner. Wrong or missing ones are named.
    pub fn new(common: &Common, mut environment: Variables, program: Program) -> Result<Self, Error> {
        let key =
            AttemptKey::try_from(common.key.clone()).map_err(|problem| Error::Input(format!("--key: {problem}")))?;
        let token = environment.remove(TOKEN_VARIABLE).and_then(|token| token.into_string().ok());
        let text = |name: &str| environment.text(name);
        let needed = |name: &str| {
            text(name)
                .ok_or_else(|| Error::Input(format!("{name} is not set; this command runs inside a workflow's step")))
        };
        let number = |name: &str| {
            let value = needed(name)?;
            value.parse::<u64>().map_err(|_| Error::Input(format!("{name} is `{value}`, which is no number")))
        };
        let run_attempt = u32::try_from(number("GITHUB_RUN_ATTEMPT")?).unwrap_or(u32::MAX);
        Ok(Self {
            key,
            brief: commit(&common.brief)?,
            url: format!("{}/{}.git", needed("GITHUB_SERVER_URL")?.trim_end_matches('/'), needed("GITHUB_REPOSITORY")?),
            run_id: RunId(number("GITHUB_RUN_ID")?),
            run_attempt,
            token: token.filter(|token| !token.is_empty()).map(SecretString::from),
            output: text("GITHUB_OUTPUT").map(PathBuf::from),
            summary: text("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            program,
            environment,
        })
    }

    /// Whether GitHub started this run again; then it must do nothing, and says why.
    pub fn is_rerun(&self) -> Result<bool, Error> {
        if self.run_attempt <= 1 {
            return Ok(false);
        }
        self.say(&format!(
            "This run was started again (attempt {} of run {}) and does nothing. To try the task again, comment \
             `/orchestrate retry #{}` on its issue.",
            self.run_attempt, self.run_id, self.key.id.issue
        ))?;
        Ok(true)
    }

    /// What takes the secrets of this job out of texts.
    pub(crate) fn redactor(&self) -> Redactor {
        Redactor::new(&self.environment, self.token.as_ref())
    }

    /// The credential for the repository, where there is a token.
    pub fn credential(&self) -> Option<Credential> {
        self.token.clone().map(|token| Credential { url: self.url.clone(), token })
    }

    /// Sets one of the step's outputs. Name and value must be single lines.
    pub fn set_output(&self, name: &str, value: &str) -> Result<(), Error> {
        self.append(self.output.as_deref(), &format!("{name}={}", value.replace(['\n', '\r'], " ")))
    }

    /// Adds a line to the step's summary.
    pub fn say(&self, line: &str) -> Result<(), Error> {
        tracing::info!("{line}");
        self.append(self.summary.as_deref(), line)
    }

    fn append(&self, file: Option<&Path>, line: &str) -> Result<(), Error> {
        let Some(file) = file else { return Ok(()) };
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .and_then(|mut open| writeln!(open, "{line}"))
            .map_err(Error::machine(format!("writing {}", file.display())))
    }
}

/// A commit's full name, or what is wrong with the text.
pub(crate) fn commit(text: &str) -> Result<Sha, Error> {
    let whole =
        [40, 64].contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if whole {
        return Ok(Sha::new(text));
    }
    Err(Error::Input(format!("`{}` is no commit; give its full hexadecimal name", text.escape_debug())))
}

/// Now, by this machine's clock.
pub(crate) fn now() -> Timestamp {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(passed.as_millis()).unwrap_or(i64::MAX))
}

/// Keeps other processes of the same account from reading this one's memory and environment through `/proc`.
pub fn close_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "other processes of this account may read this one's environment");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        Variables::from([
            ("GITHUB_SERVER_URL", "https://github.com".into()),
            ("GITHUB_REPOSITORY", "o/r".into()),
            ("GITHUB_RUN_ID", "5".into()),
            ("GITHUB_RUN_ATTEMPT", "1".into()),
        ])
    }

    fn common() -> Common {
        Common { key: format!("t1.1.{}", "0".repeat(32)), brief: "a".repeat(40) }
    }

    #[test]
    fn a_job_reads_its_variables_and_names_what_is_wrong() {
        let job = Job::new(&common(), variables(), Program::default()).expect("complete");
        assert_eq!((job.url.as_str(), job.run_id), ("https://github.com/o/r.git", RunId(5)));
        for (name, _) in variables().iter() {
            let mut without = variables();
            without.remove(name);
            let problem = Job::new(&common(), without, Program::default()).expect_err(name).to_string();
            assert!(problem.contains(name), "{problem}");
        }
        for (key, brief) in [("t1.1.x", "a"), (&*common().key, "-x"), (&*common().key, "HEAD")] {
            let wrong = Common { key: key.to_owned(), brief: brief.to_owned() };
            assert!(matches!(Job::new(&wrong, variables(), Program::default()), Err(Error::Input(_))));
        }
    }

    #[test]
    fn neither_token_nor_keys_are_printed_and_the_token_goes_to_nobody() {
        let mut variables = variables();
        variables.insert("ORCHESTRATOR_TOKEN", "token-canary");
        variables.insert("CODEX_API_KEY", "key-canary");
        let job = Job::new(&common(), variables, Program::default()).expect("complete");
        assert!(job.token.is_some() && job.environment.get("ORCHESTRATOR_TOKEN").is_none());
        let printed = format!("{job:?} {job:#?} {:?}", job.clone());
        assert!(printed.contains("CODEX_API_KEY") && !printed.contains("canary"), "{printed}");
        assert!(job.redactor().holds(b"a token-canary and") && job.redactor().holds(b"a key-canary and"));
    }
}
