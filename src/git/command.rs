//! Runs the git program with nothing inherited: no configuration of the machine or the user, no hooks, no prompts, no
//! repository-chosen helpers. Output and time are bounded, and a credential travels in the child's environment only,
//! never in its arguments or in a URL.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::git::Error;
use crate::git::group::Group;

/// Most bytes of standard output taken unless an invocation says otherwise.
pub const OUTPUT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of standard error kept: its end.
const COMPLAINT_BYTES_MAX: usize = 8 * 1024;
/// How long one git command may take unless told otherwise.
const TIMEOUT: Duration = Duration::from_secs(600);
/// Variables of our own environment that git gets: where to find programs and how to reach the network.
const ENVIRONMENT_KEPT: [&str; 12] = [
    "PATH",
    "TMPDIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
];
/// Settings every command runs under. They outrank whatever a repository's own configuration says.
const SETTINGS: [&str; 12] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.protectNTFS=true",
    "core.protectHFS=true",
    "core.quotePath=false",
    "credential.helper=",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.followRedirects=false",
    "protocol.ext.allow=never",
    "safe.directory=*",
];

/// How to run git: which program, for how long, and whether a remote may be a folder.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    file_protocol: bool,
    timeout: Duration,
    authorities: Option<PathBuf>,
}

impl Default for Program {
    fn default() -> Self {
        Self { path: PathBuf::from("git"), file_protocol: false, timeout: TIMEOUT, authorities: None }
    }
}

impl Program {
    /// Whether remotes may be folders of this machine; off by default.
    #[must_use]
    pub fn file_protocol(self, allowed: bool) -> Self {
        Self { file_protocol: allowed, ..self }
    }

    /// How long one command may take.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The certificate authorities (PEM) that servers are checked with, instead of the machine's own.
    #[must_use]
    pub fn authorities(self, bundle: Option<PathBuf>) -> Self {
        Self { authorities: bundle, ..self }
    }

    /// A command with these arguments, run in `directory`.
    pub fn command<I, S>(&self, directory: &Path, arguments: I) -> Invocation<'_>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        Invocation {
            program: self,
            directory: directory.to_owned(),
            arguments: arguments.into_iter().map(|argument| argument.as_ref().to_owned()).collect(),
            environment: Vec::new(),
            input: Vec::new(),
            credential: None,
            output_max: OUTPUT_BYTES_MAX,
        }
    }
}

/// A token for one server: sent only to URLs that begin with `url`.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The beginning of the URLs it is for, as `https://github.com/`.
    pub url: String,
    /// The token.
    pub token: SecretString,
}

impl Credential {
    fn header(&self) -> SecretString {
        let pair = format!("x-access-token:{}", self.token.expose_secret());
        format!("Authorization: Basic {}", base64::engine::general_purpose::STANDARD.encode(pair)).into()
    }

    /// The text without the token, in either form it could have been printed in.
    fn redact(&self, text: &str) -> String {
        let header = self.header();
        let encoded = header.expose_secret().trim_start_matches("Authorization: Basic ").to_owned();
        text.replace(&encoded, "***").replace(self.token.expose_secret(), "***")
    }
}

/// One git command to be run.
#[derive(Debug)]
pub struct Invocation<'a> {
    program: &'a Program,
    directory: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(&'static str, OsString)>,
    input: Vec<u8>,
    credential: Option<&'a Credential>,
    output_max: usize,
}

/// What a finished command left.
#[derive(Clone, Debug)]
pub struct Output {
    /// Exit code; -1 where a signal ended it.
    pub code: i32,
    /// Standard output, whole.
    pub stdout: Vec<u8>,
    /// The end of standard error, without secrets.
    pub stderr: String,
}

impl Output {
    /// Standard output as text without the final line end; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end_matches('\n').to_owned()
    }
}

impl<'a> Invocation<'a> {
    /// Sets one variable.
    #[must_use]
    pub fn variable(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Gives the command this standard input.
    #[must_use]
    pub fn input(self, input: impl Into<Vec<u8>>) -> Self {
        Self { input: input.into(), ..self }
    }

    /// Lets it use a credential.
    #[must_use]
    pub fn credential(self, credential: Option<&'a Credential>) -> Self {
        Self { credential, ..self }
    }

    /// Most bytes of standard output; more is an error.
    #[must_use]
    pub fn output_max(self, bytes: usize) -> Self {
        Self { output_max: bytes, ..self }
    }

    /// Runs it; any exit code but 0 is [`Error::Failed`] with the end of what git said.
    pub async fn run(self) -> Result<Output, Error> {
        let name = self.name();
        let output = self.answer().await?;
        if output.code == 0 {
            return Ok(output);
        }
        Err(Error::Failed { message: format!("git {name} ended with {}: {}", output.code, output.stderr.trim()) })
    }

    /// Runs it and gives whatever exit code it had. An error: it could not start, took too long or wrote too much.
    pub async fn answer(self) -> Result<Output, Error> {
        let (name, timeout) = (self.name(), self.program.timeout);
        match tokio::time::timeout(timeout, self.finish()).await {
            Ok(finished) => finished,
            Err(_) => Err(failed(&name, format!("did not end within {} s", timeout.as_secs()))),
        }
    }

    fn name(&self) -> String {
        self.arguments.first().map(|argument| argument.to_string_lossy().into_owned()).unwrap_or_default()
    }

    async fn finish(self) -> Result<Output, Error> {
        let name = self.name();
        let unstarted = |error: std::io::Error| {
            // A folder that is not there is told by the same error as a program that is not.
            let absent = error.kind() == std::io::ErrorKind::NotFound && self.directory.is_dir();
            let remedy = if absent { "; install git (https://git-scm.com) and have it on the PATH" } else { "" };
            failed(&name, format!("could not start: {error}{remedy}"))
        };
        let mut group = Group::start(&mut self.prepared()).map_err(unstarted)?;
        let child = group.child();
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let input = self.input;
        let feed = async move {
            if let Some(mut stdin) = stdin {
                // A command that ends without reading its input says so by its exit code.
                drop(stdin.write_all(&input).await);
            }
        };
        let ((), stdout, stderr) = tokio::join!(feed, read_whole(stdout, self.output_max), read_end(stderr));
        let stdout = stdout.map_err(|problem| failed(&name, problem))?;
        let status = group.wait().await.map_err(|error| failed(&name, error.to_string()))?;
        let stderr = self.credential.map_or_else(|| stderr.clone(), |credential| credential.redact(&stderr));
        Ok(Output { code: status.code().unwrap_or(-1), stdout, stderr })
    }

    fn prepared(&self) -> Command {
        let mut command = Command::new(&self.program.path);
        command.current_dir(&self.directory).env_clear();
        for name in ENVIRONMENT_KEPT {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_ASKPASS", "/bin/false")
            .env("SSH_ASKPASS", "/bin/false")
            .env("LC_ALL", "C");
        if let Some(bundle) = &self.program.authorities {
            command.env("GIT_SSL_CAINFO", bundle);
        }
        let mut settings: Vec<(String, String)> = SETTINGS
            .iter()
            .filter_map(|setting| setting.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let file = if self.program.file_protocol { "always" } else { "never" };
        settings.push(("protocol.file.allow".to_owned(), file.to_owned()));
        if let Some(credential) = self.credential {
            let key = format!("http.{}.extraHeader", credential.url);
            settings.push((key, credential.header().expose_secret().to_owned()));
        }
        command.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (at, (key, value)) in settings.into_iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{at}"), key).env(format!("GIT_CONFIG_VALUE_{at}"), value);
        }
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

fn failed(name: &str, problem: impl std::fmt::Display) -> Error {
    Error::Failed { message: format!("git {name} {problem}") }
}

async fn read_whole(stream: Option<impl AsyncRead + Unpin>, most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        stream.take(limit).read_to_end(&mut bytes).await.map_err(|error| format!("could not be read: {error}"))?;
    }
    if bytes.len() > most {
        return Err(format!("wrote more than {most} bytes"));
    }
    Ok(bytes)
}

async fn read_end(stream: Option<impl AsyncRead + Unpin>) -> String {
    let mut end = Vec::new();
    if let Some(mut stream) = stream {
        let mut piece = [0_u8; 4096];
        while let Ok(read @ 1..) = stream.read(&mut piece).await {
            end.extend_from_slice(&piece[..read]);
            let over = end.len().saturating_sub(COMPLAINT_BYTES_MAX);
            end.drain(..over);
        }
    }
    String::from_utf8_lossy(&end).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_token_is_in_no_argument_and_in_no_error() {
        let credential = Credential { url: "http://127.0.0.1:1/".to_owned(), token: "s3cret-token".to_owned().into() };
        let program = Program::default();
        let invocation = program
            .command(Path::new("/"), ["ls-remote", "http://127.0.0.1:1/s3cret-token"])
            .credential(Some(&credential));
        let prepared = invocation.prepared();
        let values: Vec<_> = prepared.as_std().get_envs().filter_map(|(_, value)| value).collect();
        let header = credential.header();
        assert!(values.contains(&OsStr::new(header.expose_secret())), "the header travels in the environment");
        let output = invocation.answer().await.expect("git ran");
        assert_ne!(output.code, 0);
        assert!(output.stderr.contains("***") && !output.stderr.contains("s3cret"), "{}", output.stderr);
    }

    #[tokio::test]
    async fn output_and_time_are_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = Program::default();
        let error = program.command(folder.path(), ["help", "-a"]).output_max(10).run().await.expect_err("too long");
        assert!(error.to_string().contains("more than 10 bytes"), "{error}");
        let hasty = Program::default().timeout(Duration::from_millis(1));
        let waiting = hasty.command(folder.path(), ["-c", "alias.wait=!exec cat /dev/zero", "wait"]).run();
        let error = waiting.await.expect_err("never ends");
        assert!(error.to_string().contains("did not end"), "{error}");
    }

    #[tokio::test]
    async fn a_folder_is_no_remote_unless_allowed() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = Program::default();
        program.command(folder.path(), ["init", "--bare", "--quiet", "there.git"]).run().await.expect("init");
        let ask = |program: &Program| program.clone();
        let error =
            ask(&program).command(folder.path(), ["ls-remote", "./there.git"]).run().await.expect_err("refused");
        assert!(error.to_string().contains("not allowed"), "{error}");
        let allowed = program.file_protocol(true);
        allowed.command(folder.path(), ["ls-remote", "./there.git"]).run().await.expect("allowed");
    }
}
