//! The forge's heart: the world, git and the log behind one door.
//!
//! Whatever changes anything waits for its turn, asks git, is applied, is committed to `forge.sqlite` with its
//! webhooks, and only then answered. A writer that has begun is never cut off by a caller that goes away.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use secrecy::SecretString;
use tokio::sync::{Notify, watch};

use crate::engine::snapshot::Actor;
use crate::engine::time::Timestamp;
use crate::forge::http::fault::Faults;
use crate::forge::http::git::Greeting;
use crate::forge::http::json::{self, Place, payload};
use crate::forge::http::keys::{self, AppKey};
use crate::forge::http::options::{Clock, WebhookTarget};
use crate::forge::http::registration::Registration;
use crate::forge::http::token::Tokens;
use crate::forge::pages::session::Sessions;
use crate::forge::repository::Repository;
use crate::forge::store::{self, NewDelivery, Store};
use crate::forge::world::World;
use crate::forge::world::question::{GitAnswer, GitQuestion};
use crate::forge::world::request::Request;
use crate::github::{Error, Response};

/// Requests in the log before the world is written whole.
const LOG_ROWS_MAX: u64 = 500;

/// How often one kind of call was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// With something new, or a write.
    pub answered: u64,
    /// With "not modified".
    pub unchanged: u64,
}

/// Calls by method and route.
pub type Calls = BTreeMap<String, Counted>;

/// Everything the forge's parts share.
pub(crate) struct Hub {
    pub(crate) place: Place,
    pub(crate) repository: Repository,
    pub(crate) store: Store,
    pub(crate) tokens: Tokens,
    pub(crate) sessions: Sessions,
    pub(crate) registration: Registration,
    pub(crate) key: AppKey,
    pub(crate) clock: Clock,
    /// Signs addresses of job logs.
    pub(crate) address_secret: SecretString,
    target: Mutex<Option<WebhookTarget>>,
    /// What goes wrong between the App and the world.
    pub(crate) faults: Mutex<Option<Arc<Faults>>>,
    /// Wakes the webhook sender.
    pub(crate) to_deliver: Notify,
    /// What fetches are greeted with, once known.
    pub(crate) greeting: OnceLock<Greeting>,
    world: Mutex<World>,
    calls: Mutex<Calls>,
    turn: tokio::sync::Mutex<Turn>,
    changes: watch::Sender<u64>,
    broken: AtomicBool,
}

/// The right to change anything.
#[derive(Debug)]
pub(crate) struct Turn {
    logged: u64,
}

/// What a hub is made of.
pub(crate) struct Parts {
    pub(crate) place: Place,
    pub(crate) repository: Repository,
    pub(crate) store: Store,
    pub(crate) sessions: Sessions,
    pub(crate) key: AppKey,
    pub(crate) clock: Clock,
    pub(crate) address_secret: SecretString,
    pub(crate) target: Option<WebhookTarget>,
    pub(crate) world: World,
    /// Requests in the log since the last snapshot.
    pub(crate) logged: u64,
}

impl Hub {
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            place: parts.place,
            repository: parts.repository,
            store: parts.store,
            tokens: Tokens::default(),
            sessions: parts.sessions,
            registration: Registration::new(),
            key: parts.key,
            clock: parts.clock,
            address_secret: parts.address_secret,
            target: Mutex::new(parts.target),
            faults: Mutex::default(),
            to_deliver: Notify::new(),
            greeting: OnceLock::new(),
            world: Mutex::new(parts.world),
            calls: Mutex::default(),
            turn: tokio::sync::Mutex::new(Turn { logged: parts.logged }),
            changes: watch::Sender::new(0),
            broken: AtomicBool::new(false),
        })
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the world.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.world())
    }

    /// Counts a request that is no request to the world.
    pub(crate) fn count(&self, actor: &Actor) -> Result<(), Error> {
        self.world().count_plain(&actor.login, self.clock.now())
    }

    /// Counts an answered call of the App by its kind: one whose answer had not changed is no request of the hour's.
    pub(crate) fn count_call(&self, kind: String, actor: &Actor, unchanged: bool) {
        if !self.look(|world| world.app_bot() == *actor) {
            return;
        }
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = calls.entry(kind).or_default();
        if unchanged {
            counted.unchanged += 1;
            self.world().uncount(&actor.login);
        } else {
            counted.answered += 1;
        }
    }

    /// The App's calls so far, by method and route.
    pub(crate) fn calls(&self) -> Calls {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells that something changed: the number grows with every accepted write.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Where webhooks go from now on; nothing: none are made.
    pub(crate) fn send_webhooks_to(&self, target: Option<WebhookTarget>) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
        self.to_deliver.notify_one();
    }

    /// Has the App told that it was installed.
    pub(crate) async fn tell_installed(&self) -> Result<(), String> {
        if self.target().is_none() {
            return Ok(());
        }
        let payload = self.look(|world| json::app::installed(&self.place, world)).to_string();
        let guid = keys::guid().map_err(|error| error.to_string())?;
        let told = NewDelivery { guid, event: "installation".to_owned(), payload };
        self.store.deliver(&told).await.map_err(|error| error.to_string())?;
        self.to_deliver.notify_one();
        Ok(())
    }

    /// The address webhooks go to.
    pub(crate) fn target(&self) -> Option<WebhookTarget> {
        self.target.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The faults that are met here.
    pub(crate) fn faults(&self) -> Option<Arc<Faults>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the right to change anything.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, Turn> {
        self.turn.lock().await
    }

    /// Sends a request through: reads at once, writes in turn and to their end whatever becomes of the caller.
    pub(crate) async fn apply(self: &Arc<Self>, request: Request) -> Result<Response, Error> {
        if !request.is_write() {
            return self.read(request).await;
        }
        let hub = Arc::clone(self);
        let write = tokio::spawn(async move {
            let mut turn = hub.turn().await;
            hub.write(&mut turn, request).await
        });
        write.await.unwrap_or_else(|error| Err(Error::Unreachable { message: error.to_string() }))
    }

    async fn read(&self, request: Request) -> Result<Response, Error> {
        let now = self.clock.now();
        let question = self.look(|world| world.git_question(&request, now));
        let request = match question {
            Some(question) => with_answer(request, self.ask(question).await),
            None => request,
        };
        self.world().apply(request, now).response
    }

    /// Changes the world in one's turn: git first, then the world, then the log.
    pub(crate) async fn write(&self, turn: &mut Turn, request: Request) -> Result<Response, Error> {
        if self.broken.load(Ordering::Acquire) {
            return Err(Error::Unreachable {
                message: "forge.sqlite could not be written; start the forge again".to_owned(),
            });
        }
        let now = self.clock.now();
        let question = self.look(|world| world.git_question(&request, now));
        let (request, intent) = match question {
            Some(GitQuestion::Merge { into, from, message }) => self.merge(request, &into, &from, &message).await,
            Some(question) => (with_answer(request, self.ask(question).await), None),
            None => (request, None),
        };
        self.conclude(turn, request, intent, now).await
    }

    /// Changes the world by a request whose answer from git is in it already.
    pub(crate) async fn write_answered(&self, turn: &mut Turn, request: Request) -> Result<Response, Error> {
        let now = self.clock.now();
        self.conclude(turn, request, None, now).await
    }

    async fn conclude(
        &self,
        turn: &mut Turn,
        request: Request,
        intent: Option<i64>,
        now: Timestamp,
    ) -> Result<Response, Error> {
        let (response, deliveries) = self.change(&request, now);
        match response {
            Ok(response) => {
                self.keep(turn, now, &request, &deliveries, intent).await?;
                Ok(response)
            }
            Err(error) => {
                if let Some(intent) = intent {
                    // A row left behind is looked at again at the next start and does no harm.
                    let _ = self.store.forget_intent(intent).await;
                }
                Err(error)
            }
        }
    }

    fn change(&self, request: &Request, now: Timestamp) -> (Result<Response, Error>, Vec<NewDelivery>) {
        let wanted = self.target().is_some();
        let mut world = self.world();
        let applied = world.apply(request.clone(), now);
        let webhooks = if wanted { applied.webhooks } else { Vec::new() };
        let render = |webhook| {
            let payload = payload::render(&self.place, &world, webhook).to_string();
            let guid = keys::guid().map_err(|error| Error::Unexpected { message: error.to_string() })?;
            Ok(NewDelivery { guid, event: webhook.event().to_owned(), payload })
        };
        match webhooks.iter().map(render).collect::<Result<Vec<_>, Error>>() {
            Ok(deliveries) => (applied.response, deliveries),
            Err(error) => {
                tracing::error!(%error, "webhooks are left out: the system gives no random numbers");
                (applied.response, Vec::new())
            }
        }
    }

    async fn keep(
        &self,
        turn: &mut Turn,
        now: Timestamp,
        request: &Request,
        deliveries: &[NewDelivery],
        intent: Option<i64>,
    ) -> Result<(), Error> {
        let kept = async {
            let seq = self.store.append(now, request, deliveries, intent).await?;
            turn.logged += 1;
            if turn.logged >= LOG_ROWS_MAX {
                self.snapshot(seq).await?;
                turn.logged = 0;
            }
            Ok::<(), store::Error>(())
        };
        if let Err(error) = kept.await {
            self.broken.store(true, Ordering::Release);
            tracing::error!(%error, "the forge cannot keep what it was told");
            return Err(Error::Unreachable { message: error.to_string() });
        }
        self.changes.send_modify(|number| *number += 1);
        if !deliveries.is_empty() {
            self.to_deliver.notify_one();
        }
        Ok(())
    }

    /// Writes the world whole, as of a place in the log.
    pub(crate) async fn snapshot(&self, seq: i64) -> Result<(), store::Error> {
        let text = self.look(serde_json::to_string).map_err(|source| store::Error::Row { what: "snapshot", source })?;
        self.store.snapshot(seq, &text).await
    }
}

/// The request with git's answer put in.
pub(crate) fn with_answer(request: Request, answer: GitAnswer) -> Request {
    match request {
        Request::Api { actor, request, .. } => Request::Api { actor, request, git: Some(answer) },
        Request::Person { actor, act, .. } => Request::Person { actor, act, git: Some(answer) },
        other @ (Request::Pushed { .. } | Request::Runner(_) | Request::Check(_) | Request::Seed(_)) => other,
    }
}
