//! Reading the store's folder, and writing it by compare-and-swap.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::engine::id::{STATE_BRANCH, Sha};
use crate::engine::kept::PLAN_FILE;
use crate::engine::plan::{Change, Header};
use crate::github::{self, Error as Refusal, GitHub, NewFile, Request, Response, commit_onto};
use crate::store::branch::files::{FOLDER, Files, Index};
use crate::store::branch::{Content, Inner, Known};
use crate::store::deliveries::folded;
use crate::store::lease::Lease;
use crate::store::{Error, Version, rows};

/// Most tries when others write the state branch at the same time.
const TRIES_MAX: u32 = 8;
/// Most tasks that a commit's message names.
const NAMED_MAX: usize = 5;

impl<G: GitHub> Inner<G> {
    /// What the branch holds now; read again only where it moved other than by us.
    pub(super) async fn look(&self, content: &mut Content) -> Result<Known, Error> {
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
    pub(super) async fn write_lease(&self, content: &mut Content, lease: Lease, message: &str) -> Result<(), Error> {
        let wanted = content.leases.row(&folded(&self.repository)).cloned();
        let landed = |index: &Index| (index.lease == wanted && self.holds(index)).then_some(());
        self.write(content, lease, message, |_| Ok((Vec::new(), ())), landed).await
    }

    /// Whether the lease on the branch was written here.
    fn holds(&self, index: &Index) -> bool {
        index.holder.as_ref() == Some(&self.holder)
    }

    /// Whether this lease is the one on the branch.
    pub(super) fn is_written(&self, known: &Known, lease: Lease) -> bool {
        let index = &known.files.index;
        self.holds(index) && index.lease.as_ref().is_some_and(|row| row.epoch == lease.epoch)
    }

    pub(super) async fn save(
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
