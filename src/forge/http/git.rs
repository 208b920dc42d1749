//! Git over smart HTTP: `git http-backend` as a CGI program. Pushes happen in turn; what they moved is told to the
//! world.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::engine::id::Sha;
use crate::engine::snapshot::Actor;
use crate::forge::http::failure::Failure;
use crate::forge::http::hub::Hub;
use crate::forge::http::keys::random_hex;
use crate::forge::world::access::{Level, Scope, allows};
use crate::forge::world::request::Request as WorldRequest;

/// Largest body of a fetch or push, in bytes.
const BODY_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Most bytes of the program's header lines.
const HEADER_BYTES_MAX: u64 = 16 * 1024;
/// Most bytes of a push's answer.
const PUSH_ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Most bytes of an answer to `info/refs` that is kept.
const GREETING_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What an answer by version 2 says first.
const GREETING_VERSION: &[u8] = b"version 2\n";
/// Bytes sent on at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// What git's client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Fetch,
    Push,
}

fn wish_of(method: &Method, path: &str, query: &str) -> Option<Wish> {
    match (method.as_str(), path, query) {
        ("GET", "info/refs", "service=git-upload-pack") | ("POST", "git-upload-pack", _) => Some(Wish::Fetch),
        ("GET", "info/refs", "service=git-receive-pack") | ("POST", "git-receive-pack", _) => Some(Wish::Push),
        _ => None,
    }
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

/// `/{owner}/{repository}.git/{path}`
pub(crate) async fn serve(State(hub): State<Arc<Hub>>, Path(path): Path<String>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let Some(wish) = wish_of(request.method(), &path, query) else { return Failure::not_found().into_response() };
    let Some(grant) = hub.git_grant_of(request.headers()) else {
        let mut response = Failure::new(StatusCode::UNAUTHORIZED, "Requires authentication").into_response();
        let realm = HeaderValue::from_static("Basic realm=\"forge\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        return response;
    };
    let level = if wish == Wish::Push { Level::Write } else { Level::Read };
    if !allows(&grant.permissions, &[(Scope::Contents, level)]) {
        return Failure::new(StatusCode::FORBIDDEN, "Resource not accessible by integration").into_response();
    }
    let moves_refs = wish == Wish::Push && request.method() == Method::POST;
    let greets = wish == Wish::Fetch && request.method() == Method::GET && speaks_version_two(request.headers());
    let answer = async {
        if greets && let Some(greeting) = hub.greeting.get() {
            return Ok(greeting.response());
        }
        let call = BackendCall::read(&hub, &path, request).await?;
        match (moves_refs, greets) {
            (true, _) => push(hub, grant.actor, call).await,
            (false, true) => greet(&hub, call).await,
            (false, false) => call.stream(&hub).await,
        }
    };
    answer.await.unwrap_or_else(IntoResponse::into_response)
}

fn speaks_version_two(headers: &HeaderMap) -> bool {
    headers.get("git-protocol").is_some_and(|value| value.as_bytes() == b"version=2")
}

/// What a fetch by version 2 of git's protocol is greeted with: what this git can do, and nothing of the refs (git's
/// gitprotocol-v2), so that one answer serves all.
pub(crate) struct Greeting {
    headers: HeaderMap,
    body: Bytes,
}

impl Greeting {
    fn response(&self) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        response.headers_mut().clone_from(&self.headers);
        response
    }
}

/// Answers a greeting, and keeps it if it is one of version 2: a git that speaks an older one tells its refs here.
async fn greet(hub: &Hub, call: BackendCall) -> Result<Response, Failure> {
    let (parts, body) = call.finish(hub).await?.into_parts();
    let body = axum::body::to_bytes(body, GREETING_BYTES_MAX).await.map_err(failed)?;
    let is_second = body.windows(GREETING_VERSION.len()).any(|window| window == GREETING_VERSION);
    if parts.status == StatusCode::OK && is_second {
        // Whoever comes second has read the same.
        let _ = hub.greeting.set(Greeting { headers: parts.headers.clone(), body: body.clone() });
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// One call of the program, its body on disk.
struct BackendCall {
    method: String,
    path: String,
    query: String,
    headers: HeaderMap,
    body: SpooledBody,
}

impl BackendCall {
    async fn read(hub: &Hub, path: &str, request: Request) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        Ok(Self {
            method: parts.method.to_string(),
            path: format!("/{path}"),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body: SpooledBody::write(hub, body).await?,
        })
    }

    fn start(&self, hub: &Hub) -> Result<Child, Failure> {
        let git_dir = hub.repository.git_dir();
        let text = |name: HeaderName| self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut command = Command::new("git");
        command
            .arg("http-backend")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_PROJECT_ROOT", git_dir)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("GIT_HTTP_MAX_REQUEST_BUFFER", "100M")
            .env("REQUEST_METHOD", &self.method)
            .env("PATH_INFO", &self.path)
            .env("QUERY_STRING", &self.query)
            .env("CONTENT_TYPE", text(header::CONTENT_TYPE))
            .env("HTTP_CONTENT_ENCODING", text(header::CONTENT_ENCODING))
            .env("HTTP_GIT_PROTOCOL", text(HeaderName::from_static("git-protocol")))
            .env("GIT_PROTOCOL", text(HeaderName::from_static("git-protocol")))
            .env("CONTENT_LENGTH", self.body.length.to_string())
            .env("REMOTE_USER", "forge")
            .env("REMOTE_ADDR", "127.0.0.1")
            .stdin(Stdio::from(std::fs::File::open(&self.body.path).map_err(failed)?))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command.spawn().map_err(failed)
    }

    /// Answers with what the program prints, while it prints it.
    async fn stream(self, hub: &Hub) -> Result<Response, Failure> {
        let mut child = self.start(hub)?;
        let stdout = child.stdout.take().ok_or_else(|| failed("git http-backend has no output"))?;
        let mut output = BufReader::with_capacity(CHUNK_BYTES, stdout);
        let mut response = read_head(&mut output).await?;
        // The body's file and the program live as long as the stream.
        let state: (BufReader<ChildStdout>, Child, Self) = (output, child, self);
        let body = futures_util::stream::unfold(state, |mut state| async move {
            let chunk = match state.0.fill_buf().await {
                Ok([]) => return None,
                Ok(chunk) => Bytes::copy_from_slice(chunk),
                Err(error) => return Some((Err(error), state)),
            };
            state.0.consume(chunk.len());
            Some((Ok::<Bytes, std::io::Error>(chunk), state))
        });
        *response.body_mut() = Body::from_stream(body);
        Ok(response)
    }

    /// Answers once the program has ended.
    async fn finish(self, hub: &Hub) -> Result<Response, Failure> {
        let mut child = self.start(hub)?;
        let stdout = child.stdout.take().ok_or_else(|| failed("git http-backend has no output"))?;
        let mut output = BufReader::new(stdout);
        let mut response = read_head(&mut output).await?;
        let mut body = Vec::new();
        output.take(PUSH_ANSWER_BYTES_MAX).read_to_end(&mut body).await.map_err(failed)?;
        child.wait().await.map_err(failed)?;
        *response.body_mut() = Body::from(body);
        Ok(response)
    }
}

/// Reads the program's status and header lines up to the empty one.
async fn read_head(output: &mut (impl AsyncBufRead + Unpin)) -> Result<Response, Failure> {
    let mut response = Response::new(Body::empty());
    let mut head = output.take(HEADER_BYTES_MAX);
    loop {
        let mut line = String::new();
        if head.read_line(&mut line).await.map_err(failed)? == 0 {
            return Err(failed("git http-backend ended before its answer"));
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(response);
        }
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().and_then(|code| code.parse::<StatusCode>().ok());
            *response.status_mut() = code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        } else if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
            response.headers_mut().insert(name, value);
        }
    }
}

/// Takes a push in turn and to its end, whatever becomes of the client.
async fn push(hub: Arc<Hub>, actor: Actor, call: BackendCall) -> Result<Response, Failure> {
    let work = tokio::spawn(async move {
        let mut turn = hub.turn().await;
        // What the world knows, so that a move it missed is told now.
        let before = hub.look(|world| world.branches().clone());
        let answer = call.finish(&hub).await;
        let after = hub.repository.branches().await?;
        for request in moves(&actor, &before, &after) {
            let now = hub.clock.now();
            hub.write(&mut turn, request)
                .await
                .map_err(|error| Failure::of(error, StatusCode::INTERNAL_SERVER_ERROR, now))?;
        }
        answer
    });
    work.await.unwrap_or_else(|error| Err(failed(error)))
}

/// What happened to branches between two looks, by branch name.
pub(crate) fn moves(actor: &Actor, before: &BTreeMap<String, Sha>, after: &BTreeMap<String, Sha>) -> Vec<WorldRequest> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let moved = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    let pushed = |name: &String| WorldRequest::Pushed {
        actor: actor.clone(),
        branch: name.clone(),
        before: before.get(name).cloned(),
        after: after.get(name).cloned(),
    };
    moved.map(pushed).collect()
}

/// A request's body in a file of its own, gone with it: no client's slowness holds the turn.
struct SpooledBody {
    path: PathBuf,
    length: u64,
}

impl SpooledBody {
    async fn write(hub: &Hub, body: Body) -> Result<Self, Failure> {
        let folder = hub.repository.git_dir().join("scratch");
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let mut spooled = Self { path: folder.join(random_hex(16).map_err(failed)?), length: 0 };
        let mut file = tokio::fs::File::create(&spooled.path).await.map_err(failed)?;
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| Failure::new(StatusCode::BAD_REQUEST, error.to_string()))?;
            spooled.length += chunk.len() as u64;
            if spooled.length > BODY_BYTES_MAX {
                return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "the push is larger than 1 GiB"));
            }
            file.write_all(&chunk).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        Ok(spooled)
    }
}

impl Drop for SpooledBody {
    fn drop(&mut self) {
        // What stays behind is never read again and is removed with the state folder.
        let _ = std::fs::remove_file(&self.path);
    }
}
