//! A start: the state folder locked, the repository cloned once, the world brought back and squared with git.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::net::TcpListener;

use crate::engine::id::Sha;
use crate::forge::http::git::moves;
use crate::forge::http::hub::{Hub, Parts};
use crate::forge::http::json::Place;
use crate::forge::http::keys::{self, AppKey};
use crate::forge::http::options::{ForgeOptions, StartError};
use crate::forge::http::token::Grant;
use crate::forge::pages::session::Sessions;
use crate::forge::repository::{Moved, Repository, TreeContent, TreeEntry};
use crate::forge::store::{self, Intent, Loaded, Store};
use crate::forge::world::World;
use crate::forge::world::request::{Request, RunnerAct, SeedAct};
use crate::forge::world::setup::Setup;

/// The App's id on every forge.
const APP_ID: u64 = 1001;
/// The installation's id on every forge.
const INSTALLATION_ID: u64 = 2001;
/// What the commit of files that a forge is started with says.
const ADDED_MESSAGE: &str = "Set up task-orchestrator";
/// First parts of addresses that are the forge's own.
const RESERVED: [&str; 5] = ["repos", "app", "apps", "settings", "organizations"];
const FILE_MODE: &str = "100644";
const PORT_SETTING: &str = "port";
const REPOSITORY_SETTING: &str = "repository";

/// A forge that is ready to listen.
pub(crate) struct Ready {
    pub(crate) hub: Arc<Hub>,
    pub(crate) listener: TcpListener,
    /// Held as long as the forge lives.
    pub(crate) lock: Lock,
}

/// The hold on a state folder.
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would not do: a child process that is just being made still has the file open for a moment.
        let _ = self.0.unlock();
    }
}

fn state_error(place: &Path) -> impl Fn(std::io::Error) -> StartError + '_ {
    |error| StartError::State { place: place.to_owned(), message: error.to_string() }
}

/// Prepares everything; nothing is answered yet.
pub(crate) async fn prepare(options: ForgeOptions) -> Result<Ready, StartError> {
    let state = options.state.clone();
    std::fs::create_dir_all(&state).map_err(state_error(&state))?;
    let lock = locked(&state)?;
    let store = Store::open(&state.join("forge.sqlite")).await?;
    let (owner, name) = repository_name(&store, &options).await?;
    let git_dir = state.join("repository.git");
    let repository = match Repository::open(&git_dir) {
        Some(repository) => repository,
        None => Repository::clone_from(&options.source, &git_dir).await?.0,
    };
    let listener = listen(&store, options.port).await?;
    let address = listener.local_addr().map_err(state_error(&state))?;
    store.set(PORT_SETTING, &address.port().to_string()).await?;
    let (world, loaded) = load(&store, &repository, &options, &owner, &name).await?;
    let first = loaded.is_none();
    let random = |error: getrandom::Error| StartError::Option { message: format!("no random numbers: {error}") };
    let place = Place {
        base: format!("http://127.0.0.1:{}", address.port()),
        owner,
        name,
        repository_id: world.setup().repository_id,
        app_id: APP_ID,
        installation_id: INSTALLATION_ID,
        app_slug: world.setup().app_slug.clone(),
    };
    let hub = Hub::new(Parts {
        sessions: Sessions::new(address.port()),
        place,
        repository,
        store,
        key: AppKey::load_or_create(&state.join("app-key.pem"))?,
        clock: options.clock.clone(),
        address_secret: SecretString::from(keys::random_hex(32).map_err(random)?),
        target: options.webhook.clone(),
        logged: loaded.as_ref().map_or(0, |loaded| loaded.replayed),
        world,
    });
    restore_tokens(&hub).await?;
    settle(&hub, loaded.map(|loaded| loaded.intents).unwrap_or_default()).await?;
    begin(&hub, &options, first).await?;
    Ok(Ready { hub, listener, lock })
}

fn locked(state: &Path) -> Result<Lock, StartError> {
    let path = state.join("forge.lock");
    let file = File::create(&path).map_err(state_error(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(std::fs::TryLockError::WouldBlock) => Err(StartError::InUse { place: state.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(state_error(&path)(error)),
    }
}

/// The repository's name: the one of the first start, which addresses and records rest on.
async fn repository_name(store: &Store, options: &ForgeOptions) -> Result<(String, String), StartError> {
    let full = match store.setting(REPOSITORY_SETTING).await? {
        Some(kept) => kept,
        None => {
            store.set(REPOSITORY_SETTING, options.repository.as_str()).await?;
            options.repository.as_str().to_owned()
        }
    };
    let plain = |part: &str| {
        let letters = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        !part.is_empty() && letters && !part.starts_with('.') && !part.ends_with(".git")
    };
    match full.split_once('/') {
        Some((owner, name)) if plain(owner) && plain(name) && !RESERVED.contains(&owner) => {
            Ok((owner.to_owned(), name.to_owned()))
        }
        _ => Err(StartError::Option {
            message: format!(
                "`{full}` is no repository name; write `owner/name` with letters, digits, `-`, `_` and `.`"
            ),
        }),
    }
}

async fn listen(store: &Store, port: u16) -> Result<TcpListener, StartError> {
    let kept: Option<u16> = store.setting(PORT_SETTING).await?.and_then(|text| text.parse().ok());
    if port == 0
        && let Some(kept) = kept
        && let Ok(listener) = TcpListener::bind(("127.0.0.1", kept)).await
    {
        return Ok(listener);
    }
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| StartError::Port { port, message: error.to_string() })
}

/// The world of the last start, or a new one; nothing loaded means that this is the first start.
async fn load(
    store: &Store,
    repository: &Repository,
    options: &ForgeOptions,
    owner: &str,
    name: &str,
) -> Result<(World, Option<Loaded>), StartError> {
    let mut loaded = store.load().await?;
    if let Some(text) = &loaded.snapshot {
        let mut world: World =
            serde_json::from_str(text).map_err(|source| store::Error::Row { what: "snapshot", source })?;
        loaded.replayed = loaded.log.len() as u64;
        for (at, request) in std::mem::take(&mut loaded.log) {
            // Answers and webhooks went out, or wait in their rows, since the request was first applied.
            let _ = world.apply(request, at);
        }
        return Ok((world, Some(loaded)));
    }
    let default_branch = repository.default_branch().await?;
    add_files(repository, &default_branch, &options.added).await?;
    let full = crate::engine::id::RepositoryName::new(format!("{owner}/{name}"));
    let setup = Setup {
        limits: options.limits,
        branches: repository.branches().await?,
        ..Setup::new(full, &default_branch, options.owner.clone())
    };
    Ok((World::new(setup), None))
}

/// Commits files on top of a branch, before anybody looks at it. Where they are there already nothing is committed.
async fn add_files(repository: &Repository, branch: &str, files: &BTreeMap<String, String>) -> Result<(), StartError> {
    let head = repository.branch(branch).await?;
    let entry = |(path, text): (&String, &String)| TreeEntry {
        path: path.clone(),
        mode: FILE_MODE.to_owned(),
        content: TreeContent::Bytes(text.clone().into_bytes()),
    };
    let entries: Vec<TreeEntry> = files.iter().map(entry).collect();
    let Some(head) = head.filter(|_| !entries.is_empty()) else { return Ok(()) };
    let tree = repository.write_tree(Some(&head), &entries).await?;
    if repository.tree(&head).await?.as_ref() == Some(&tree) {
        return Ok(());
    }
    let commit = repository.write_commit(ADDED_MESSAGE, &tree, std::slice::from_ref(&head)).await?;
    match repository.move_branch(branch, Some(&head), Some(&commit)).await? {
        Moved::Done => Ok(()),
        Moved::Elsewhere { .. } => Err(StartError::Option { message: format!("`{branch}` moved during the start") }),
        Moved::Refused { message } => Err(StartError::Option { message }),
    }
}

async fn restore_tokens(hub: &Hub) -> Result<(), StartError> {
    let bot = hub.look(World::app_bot);
    for kept in hub.store.tokens().await? {
        let permissions =
            serde_json::from_str(&kept.permissions).map_err(|source| store::Error::Row { what: "token", source })?;
        hub.tokens.restore(kept.digest, Grant { actor: bot.clone(), permissions, expires_at: kept.expires_at });
    }
    Ok(())
}

/// Squares the world with git: merges that landed are told, then every branch that is elsewhere.
async fn settle(hub: &Arc<Hub>, intents: Vec<Intent>) -> Result<(), StartError> {
    for intent in intents {
        let landed = match hub.repository.branch(&intent.branch).await? {
            Some(present) => hub.repository.is_ancestor(&Sha::new(intent.landed.clone()), &present).await?,
            None => false,
        };
        if landed {
            tell_landed(hub, &intent).await?;
        }
        hub.store.forget_intent(intent.id).await?;
    }
    let known = hub.look(|world| world.branches().clone());
    let present = hub.repository.branches().await?;
    let bot = hub.look(World::app_bot);
    for request in moves(&bot, &known, &present) {
        apply(hub, request).await?;
    }
    Ok(())
}

/// A merge that had moved its branch before the forge ended; one that was told already is refused by the world.
async fn tell_landed(hub: &Hub, intent: &Intent) -> Result<(), StartError> {
    let mut turn = hub.turn().await;
    match hub.write_answered(&mut turn, intent.request.clone()).await {
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::info!(%error, branch = intent.branch, "a merge of the last start is not told again");
            Ok(())
        }
    }
}

async fn apply(hub: &Arc<Hub>, request: Request) -> Result<(), StartError> {
    match hub.apply(request).await {
        Ok(_) => Ok(()),
        Err(error) => Err(StartError::Option { message: error.to_string() }),
    }
}

/// What each start tells the world: the issues (once), the workflows, and that whatever ran is over.
async fn begin(hub: &Arc<Hub>, options: &ForgeOptions, first: bool) -> Result<(), StartError> {
    if first {
        hub.snapshot(0).await?;
    }
    for (file, facts) in &options.workflows {
        let known = hub.look(|world| world.setup().workflows.get(file) == Some(facts));
        if !known {
            let seed = SeedAct::Workflow { file: file.clone(), facts: facts.clone() };
            apply(hub, Request::Seed(seed)).await?;
        }
    }
    let empty = hub.look(|world| world.issues().next().is_none());
    if empty && !options.issues.is_empty() {
        apply(hub, Request::Seed(SeedAct::Issues(options.issues.clone()))).await?;
    }
    if first { Ok(()) } else { apply(hub, Request::Runner(RunnerAct::Restarted)).await }
}
