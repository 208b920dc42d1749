//! A store on the state branch of the repository itself, for where there is no disk that lasts: workflow runs.
//!
//! Promises: a save is one commit, made only where the branch holds the version that was loaded and nobody took the
//! lease since, so that the branch's history tells every step; one file per task. A lease is written with its first
//! save, or before the first write to GitHub that it allows: who only looked leaves no commit. What the plan's nonces
//! are made from is never written. Deliveries are kept no longer than the process lives: an event is a hint, and who
//! works from this store looks at everything each time.
//!
//! A plan that went on elsewhere since, as the plan kept beside it shows, counts as none here: it is rebuilt.

mod files;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::engine::id::{Owner, RepositoryName, STATE_BRANCH, Sha};
use crate::engine::kept::PLAN_FILE;
use crate::engine::plan::{Change, Header, Plan};
use crate::engine::time::Timestamp;
use crate::github::{self, Error as Refusal, GitHub, KnownTip, NewFile, Request, Response, commit_onto};
use crate::store::deliveries::{Deliveries, folded};
use crate::store::lease::{Epoch, Lease, Leases};
use crate::store::{Delivery, Error, Store, Version, rows};

use files::{FOLDER, Files, Index};

/// How long a lease lasts: longer than a turn takes, so that renewing it costs few commits. Only who works under
/// another name waits for its end.
pub const BRANCH_LEASE_LENGTH: Duration = Duration::from_secs(10 * 60);
/// Most tries when others write the state branch at the same time.
const TRIES_MAX: u32 = 8;
/// Most tasks that a commit's message names.
const NAMED_MAX: usize = 5;

/// A handle; clones share one store. It holds the plan of one repository.
#[derive(Debug)]
pub struct BranchStore<G>(Arc<Inner<G>>);

#[derive(Debug)]
struct Inner<G> {
    github: G,
    repository: RepositoryName,
    seed: String,
    /// Tells this process's leases from others' of the same epoch.
    holder: String,
    tip: KnownTip,
    content: Mutex<Content>,
}

#[derive(Debug)]
struct Content {
    leases: Leases,
    deliveries: Deliveries,
    known: Option<Known>,
    /// The newest epoch that the branch was seen to have from another process.
    foreign: Epoch,
}

/// What the branch holds, as it was read or written last.
#[derive(Clone, Debug)]
struct Known {
    files: Files,
    /// [`KnownTip::breaks`] then: while it stays, only commits of ours came on top.
    breaks: u64,
    /// Whether a plan kept beside the store is newer: then the store's counts for nothing.
    is_behind: bool,
}

impl<G> Clone for BranchStore<G> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<G: GitHub> BranchStore<G> {
    /// The store of one repository. `seed` is random text that loaded plans make nonces from. `tip` is shared with
    /// whoever else in this process writes the state branch. Nothing is sent yet.
    pub fn new(github: G, repository: RepositoryName, seed: String, tip: KnownTip) -> Self {
        let leases = Leases::lasting(BRANCH_LEASE_LENGTH);
        let content = Content { leases, deliveries: Deliveries::default(), known: None, foreign: 0 };
        let holder = hex::encode(Sha256::digest(format!("holder of {seed}")).get(..8).unwrap_or_default());
        Self(Arc::new(Inner { github, repository, seed, holder, tip, content: Mutex::new(content) }))
    }

    fn is_own(&self, repository: &RepositoryName) -> bool {
        folded(repository) == folded(&self.0.repository)
    }
}

impl<G: GitHub> Inner<G> {
    /// What the branch holds now; read again only where it moved other than by us.
    async fn look(&self, content: &mut Content) -> Result<Known, Error> {
        if let (Some(known), Some(tip)) = (&content.known, self.tip.tip())
            && known.breaks == self.tip.breaks()
            && self.branch().await?.as_ref() == Some(&tip)
        {
            return Ok(known.clone());
        }
        self.read(content).await
    }

    /// Reads the branch: where it stands with the plan kept there, then the store's folder at that commit.
    async fn read(&self, content: &mut Content) -> Result<Known, Error> {
        content.known = None;
        let branches = vec![STATE_BRANCH.to_owned()];
        let answer = self.ask(Request::Tips { branches, path: PLAN_FILE.to_owned() }).await?;
        let Response::Tips(tips) = answer else { return Err(other()) };
        let found = tips.into_iter().next().flatten();
        let mut known = Known { files: Files::default(), breaks: 0, is_behind: false };
        if let Some(found) = &found
            && let Some(files) = Files::read(self.texts(&found.sha).await?)?
        {
            known.is_behind = found.file.as_deref().is_some_and(|kept| is_behind(&files, kept));
            known.files = files;
        }
        self.tip.keep(found.map(|found| found.sha));
        known.breaks = self.tip.breaks();
        if let Some(kept) = &known.files.index.lease {
            let of_others = !self.holds(&known.files.index);
            content.leases.learn(&folded(&self.repository), kept, of_others);
            if of_others {
                content.foreign = content.foreign.max(kept.epoch);
            }
        }
        content.known = Some(known.clone());
        Ok(known)
    }

    /// The files of the store's folder.
    async fn texts(&self, tip: &Sha) -> Result<BTreeMap<String, String>, Error> {
        let answer = self.ask(Request::Folder { commit: tip.clone(), path: FOLDER.to_owned() }).await?;
        let Response::Folder(files) = answer else { return Err(other()) };
        let mut texts = BTreeMap::new();
        for (name, text) in files {
            let text = match text {
                Some(text) => text,
                None => self.file(tip, &name).await?,
            };
            texts.insert(name, text);
        }
        Ok(texts)
    }

    /// A file that is too long to be told with the others.
    async fn file(&self, tip: &Sha, name: &str) -> Result<String, Error> {
        let (reference, path) = (tip.to_string(), format!("{FOLDER}/{name}"));
        let Response::File(bytes) = self.ask(Request::File { reference, path }).await? else { return Err(other()) };
        let no_text = |_| Error::Corrupt { row: name.to_owned(), message: "it is no text".to_owned() };
        String::from_utf8(bytes).map_err(no_text)
    }

    async fn branch(&self) -> Result<Option<Sha>, Error> {
        match self.github.send(Request::Branch { branch: STATE_BRANCH.to_owned() }).await {
            Ok(Response::Ref(found)) => Ok(Some(found.sha)),
            Ok(_) => Err(other()),
            Err(github::Error::Missing { .. }) => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    async fn ask(&self, request: Request) -> Result<Response, Error> {
        self.github.send(request).await.map_err(|error| failed(&error))
    }

    /// Writes what `change` makes of the store, by compare-and-swap: it is asked anew where the branch moved meanwhile.
    /// After an answer that was lost `landed` says from the branch itself whether the change stands there.
    async fn write<T>(
        &self,
        content: &mut Content,
        lease: Lease,
        message: &str,
        change: impl Fn(&mut Known) -> Result<(Vec<NewFile>, T), Error>,
        landed: impl Fn(&Index) -> Option<T>,
    ) -> Result<T, Error> {
        let (mut in_doubt, mut refused) = (false, String::new());
        for _ in 0..TRIES_MAX {
            let mut known = match content.known.clone() {
                Some(known) if known.breaks == self.tip.breaks() => known,
                Some(_) | None => self.read(content).await?,
            };
            content.stands(&self.repository, lease)?;
            if let (true, Some(made)) = (in_doubt, landed(&known.files.index)) {
                return Ok(made);
            }
            let (mut files, made) = change(&mut known)?;
            known.files.index.lease = content.leases.row(&folded(&self.repository)).cloned();
            known.files.index.holder = Some(self.holder.clone());
            files.push(known.files.index_file());
            let (branch, head) = (STATE_BRANCH.to_owned(), self.tip.tip());
            let done = commit_onto(&self.github, branch, head, files, message.to_owned()).await;
            self.tip.keep(done.as_ref().ok().cloned());
            match done {
                Ok(_) => {
                    known.breaks = self.tip.breaks();
                    content.known = Some(known);
                    return Ok(made);
                }
                Err(error @ (Refusal::RateLimited { .. } | Refusal::Denied { .. } | Refusal::Unauthorized { .. })) => {
                    return Err(failed(&error));
                }
                Err(error) => {
                    in_doubt |= error.leaves_doubt();
                    refused = error.to_string();
                }
            }
        }
        Err(Error::Database(format!("the state branch could not be written in {TRIES_MAX} tries: {refused}")))
    }

    /// Has the lease stand on the branch as it stands here.
    async fn write_lease(&self, content: &mut Content, lease: Lease, message: &str) -> Result<(), Error> {
        let wanted = content.leases.row(&folded(&self.repository)).cloned();
        let landed = |index: &Index| (index.lease == wanted && self.holds(index)).then_some(());
        self.write(content, lease, message, |_| Ok((Vec::new(), ())), landed).await
    }

    /// Whether the lease on the branch was written here.
    fn holds(&self, index: &Index) -> bool {
        index.holder.as_ref() == Some(&self.holder)
    }

    /// Whether this lease is the one on the branch.
    fn is_written(&self, known: &Known, lease: Lease) -> bool {
        let index = &known.files.index;
        self.holds(index) && index.lease.as_ref().is_some_and(|row| row.epoch == lease.epoch)
    }

    async fn save(
        &self,
        content: &mut Content,
        lease: Lease,
        expected: Version,
        changes: &[Change],
    ) -> Result<Version, Error> {
        rows::writes(changes, expected == 0)?;
        let change = |known: &mut Known| {
            if known.is_behind {
                (known.files, known.is_behind) = (Files::default(), false);
            }
            if known.files.index.version != expected {
                return Err(Error::Conflict);
            }
            let index = &mut known.files.index;
            index.version += 1;
            index.schema = rows::schema(changes).unwrap_or(index.schema);
            let changes: Vec<Change> = changes.iter().map(without_seed).collect();
            let files = known.files.put(rows::writes(&changes, expected == 0)?)?;
            Ok((files, expected + 1))
        };
        let ours = |index: &Index| {
            let is_ours = self.holds(index) && index.lease.as_ref().is_some_and(|row| row.epoch == lease.epoch);
            (is_ours && index.version == expected + 1).then_some(expected + 1)
        };
        let message = message(expected + 1, changes);
        self.write(content, lease, &message, change, ours).await
    }
}

impl Content {
    /// Refuses a lease that somebody has taken since, here or elsewhere.
    fn stands(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        self.leases.stands(&folded(repository), lease.epoch)?;
        if self.foreign < lease.epoch { Ok(()) } else { Err(Error::Fenced) }
    }
}

/// Whether a plan that is kept beside the store has gone on since the store was written.
fn is_behind(files: &Files, kept: &str) -> bool {
    #[derive(Deserialize)]
    struct Kept {
        header: Header,
    }
    #[derive(Deserialize)]
    struct Header {
        unkept: Unkept,
    }
    #[derive(Deserialize)]
    struct Unkept {
        revision: u64,
    }
    let revision = |header: Header| header.unkept.revision;
    let stored = files.header().and_then(|text| serde_json::from_str(text).ok()).map(revision);
    let kept = serde_json::from_str::<Kept>(kept).ok().map(|kept| revision(kept.header));
    stored.zip(kept).is_some_and(|(stored, kept)| stored < kept)
}

/// What nonces are made from stays here.
fn without_seed(change: &Change) -> Change {
    let Change::Header(header) = change else { return change.clone() };
    Change::Header(Box::new(Header { seed: String::new(), ..(**header).clone() }))
}

/// What a save's commit is called: the tasks it moves, and how many things are to be done.
fn message(version: Version, changes: &[Change]) -> String {
    let task = |change: &Change| {
        if let Change::Task(task) = change {
            return Some(format!("{} {}", task.id, task.stage));
        }
        if let Change::TaskGone(id) = change { Some(format!("{id} gone")) } else { None }
    };
    let tasks: Vec<String> = changes.iter().filter_map(task).collect();
    let entries = changes.iter().filter(|change| matches!(change, Change::Entry(_))).count();
    let mut parts: Vec<String> = tasks.iter().take(NAMED_MAX).cloned().collect();
    if tasks.len() > NAMED_MAX {
        parts.push(format!("{} more", tasks.len() - NAMED_MAX));
    }
    if entries > 0 {
        parts.push(format!("{entries} to do"));
    }
    let what = if parts.is_empty() { "the plan".to_owned() } else { parts.join(", ") };
    format!("Step {version}: {what}")
}

fn failed(error: &github::Error) -> Error {
    Error::Database(format!("the state branch: {error}"))
}

fn other() -> Error {
    Error::Database("the state branch: an answer of another kind than asked for".to_owned())
}

impl<G: GitHub> Store for BranchStore<G> {
    async fn acquire(&self, repository: &RepositoryName, owner: &Owner, now: Timestamp) -> Result<Lease, Error> {
        let mut content = self.0.content.lock().await;
        if self.is_own(repository) {
            self.0.look(&mut content).await?;
        }
        content.leases.acquire(folded(repository), owner, now)
    }

    async fn renew(&self, repository: &RepositoryName, lease: Lease, now: Timestamp) -> Result<Lease, Error> {
        let mut content = self.0.content.lock().await;
        content.stands(repository, lease)?;
        let renewed = content.leases.renew(&folded(repository), lease.epoch, now)?;
        if self.is_own(repository) {
            let known = self.0.look(&mut content).await?;
            content.stands(repository, lease)?;
            if self.0.is_written(&known, lease) {
                self.0.write_lease(&mut content, renewed, "Work on under the same lease").await?;
            }
        }
        Ok(renewed)
    }

    async fn release(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        let mut content = self.0.content.lock().await;
        if content.stands(repository, lease).is_err() {
            return Ok(());
        }
        content.leases.release(&folded(repository), lease.epoch);
        if self.is_own(repository) {
            let known = self.0.look(&mut content).await?;
            if self.0.is_written(&known, lease) {
                self.0.write_lease(&mut content, lease, "Give the lease back").await?;
            }
        }
        Ok(())
    }

    async fn stands(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        let mut content = self.0.content.lock().await;
        content.stands(repository, lease)?;
        if !self.is_own(repository) {
            return Ok(());
        }
        let known = self.0.look(&mut content).await?;
        content.stands(repository, lease)?;
        if self.0.is_written(&known, lease) {
            return Ok(());
        }
        self.0.write_lease(&mut content, lease, "Take the lease").await
    }

    async fn load(&self, repository: &RepositoryName) -> Result<Option<(Plan, Version)>, Error> {
        if !self.is_own(repository) {
            return Ok(None);
        }
        let mut content = self.0.content.lock().await;
        let known = self.0.look(&mut content).await?;
        if known.is_behind {
            tracing::warn!("the plan went on elsewhere since it was worked from the state branch; it is rebuilt");
            return Ok(None);
        }
        let Some(mut plan) = known.files.plan(&self.0.repository)? else { return Ok(None) };
        plan.repository = repository.clone();
        plan.header.seed.clone_from(&self.0.seed);
        Ok(Some((plan, known.files.index.version)))
    }

    async fn save(
        &self,
        repository: &RepositoryName,
        lease: Lease,
        expected: Version,
        changes: &[Change],
    ) -> Result<Version, Error> {
        let mut content = self.0.content.lock().await;
        content.stands(repository, lease)?;
        if !self.is_own(repository) {
            return Err(Error::Database(format!("the state branch of {} holds no other plan", self.0.repository)));
        }
        self.0.save(&mut content, lease, expected, changes).await
    }

    async fn keep(&self, deliveries: &[Delivery]) -> Result<Vec<bool>, Error> {
        Ok(self.0.content.lock().await.deliveries.keep(deliveries))
    }

    async fn claim(&self, repository: &RepositoryName, lease: Lease, limit: u32) -> Result<Vec<Delivery>, Error> {
        let content = self.0.content.lock().await;
        content.stands(repository, lease)?;
        Ok(content.deliveries.unworked(repository, limit))
    }

    async fn unworked(&self, repository: &RepositoryName, limit: u32) -> Result<Vec<Delivery>, Error> {
        Ok(self.0.content.lock().await.deliveries.unworked(repository, limit))
    }

    async fn waiting(&self) -> Result<Vec<RepositoryName>, Error> {
        Ok(self.0.content.lock().await.deliveries.waiting())
    }

    async fn worked(&self, guids: &[String]) -> Result<(), Error> {
        self.0.content.lock().await.deliveries.worked(guids);
        Ok(())
    }

    async fn repositories(&self) -> Result<Vec<RepositoryName>, Error> {
        let mut content = self.0.content.lock().await;
        let known = self.0.look(&mut content).await?;
        let has_plan = !known.is_behind && known.files.index.version > 0;
        Ok(has_plan.then(|| self.0.repository.clone()).into_iter().collect())
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, Error> {
        Ok(self.0.content.lock().await.deliveries.forget(before))
    }

    fn is_shared(&self) -> bool {
        false
    }
}

#[cfg(test)]
impl<G: GitHub> BranchStore<G> {
    /// Puts any text in a row's place, as a person's edit would.
    pub(super) async fn spoil(&self, kind: &str, id: &str, body: &str) {
        let mut content = self.0.content.lock().await;
        let mut known = self.0.look(&mut content).await.expect("readable");
        let files = known.files.spoil(kind, id, body);
        let head = self.0.tip.tip();
        let spoilt = commit_onto(&self.0.github, STATE_BRANCH.to_owned(), head, files, "Spoil".to_owned()).await;
        spoilt.expect("written");
        // As if somebody else had done it.
        self.0.tip.keep(None);
    }

    /// Lets all leases run out.
    pub(super) async fn expire(&self) {
        self.0.content.lock().await.leases.expire();
    }
}
