//! One run of the git program: an environment of its own, bounded time and output, never a prompt, hook or user
//! setting.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// How long one git command may take.
const GIT_SECONDS_MAX: u64 = 300;
/// The most bytes taken from a command's standard output.
pub(super) const OUTPUT_BYTES_MAX: u64 = 100 * 1024 * 1024;
/// The most bytes taken from a command's standard error.
const ERROR_BYTES_MAX: u64 = 64 * 1024;

/// Why git did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The git program could not be started.
    #[error("git could not be started ({message}); install git 2.38 or newer and put it on PATH")]
    NotStarted {
        /// The system's words.
        message: String,
    },
    /// It ended badly where it should not.
    #[error("git {verb} failed: {message}")]
    Failed {
        /// The subcommand.
        verb: String,
        /// The end of what it printed.
        message: String,
    },
    /// The repository to work from cannot be used; says what to do.
    #[error("{message}")]
    Source {
        /// What is wrong and what to do instead.
        message: String,
    },
}

/// What a command printed and how it ended.
pub(super) struct Output {
    /// Exit code; -1 where a signal ended it.
    pub(super) code: i32,
    /// Standard output, bounded.
    pub(super) stdout: Vec<u8>,
    /// Standard error, bounded.
    pub(super) stderr: String,
}

impl Output {
    /// Standard output as text without its last line end.
    pub(super) fn line(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }

    /// The output of a command that must have ended well.
    pub(super) fn ok(self, verb: &str) -> Result<Self, Error> {
        if self.code == 0 {
            return Ok(self);
        }
        let message = self.stderr.trim().to_owned();
        Err(Error::Failed { verb: verb.to_owned(), message: format!("{message} (exit {})", self.code) })
    }
}

/// A git command with nothing of the parent's environment but `PATH`.
pub(super) fn isolated() -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"]);
    command
}

/// Runs a prepared command with these bytes on standard input.
pub(super) async fn run(mut command: Command, verb: &str, input: &[u8]) -> Result<Output, Error> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| Error::NotStarted { message: error.to_string() })?;
    let failed = |message: String| Error::Failed { verb: verb.to_owned(), message };
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed("its pipes are missing".to_owned()));
    };
    let work = async {
        let feed = async {
            // A command that ends without reading its input is judged by its exit code, not by the broken pipe.
            let _ = stdin.write_all(input).await;
            drop(stdin);
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut bounded_out = stdout.take(OUTPUT_BYTES_MAX + 1);
        let mut bounded_err = stderr.take(ERROR_BYTES_MAX);
        let (_, read_out, read_err) =
            tokio::join!(feed, bounded_out.read_to_end(&mut out), bounded_err.read_to_end(&mut err));
        read_out.and(read_err).map_err(|error| failed(error.to_string()))?;
        if out.len() as u64 > OUTPUT_BYTES_MAX {
            return Err(failed(format!("it printed more than {OUTPUT_BYTES_MAX} bytes")));
        }
        let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
        let stderr = String::from_utf8_lossy(&err).into_owned();
        Ok(Output { code: status.code().unwrap_or(-1), stdout: out, stderr })
    };
    tokio::time::timeout(Duration::from_secs(GIT_SECONDS_MAX), work)
        .await
        .map_err(|_| failed(format!("it took longer than {GIT_SECONDS_MAX} s")))?
}

/// Runs git in a bare repository.
pub(super) async fn in_repository(git_dir: &Path, arguments: &[&str], input: &[u8]) -> Result<Output, Error> {
    let mut command = isolated();
    command.arg("--git-dir").arg(git_dir).args(arguments);
    run(command, arguments.first().copied().unwrap_or_default(), input).await
}
