//! A plan as files of one folder of the state branch: what stands in which, and the plan that they make.
//!
//! Each row has a file of its own, written so that a change of one field is one changed line; what is still to be done
//! lies in one file together, since it comes and goes. `store.json` names what counts: a task's file that it does not
//! name is of a task that has gone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::id::RepositoryName;
use crate::engine::plan::Plan;
use crate::github::NewFile;
use crate::store::rows::{self, Row, Write};
use crate::store::{Error, Version, lease};

/// The folder.
pub(super) const FOLDER: &str = "store";
/// What counts of the folder, and since when.
const INDEX_FILE: &str = "store.json";
/// What is still to be done, by key.
const OUTBOX_FILE: &str = "outbox.json";
const TASK: &str = "task";
const ENTRY: &str = "entry";

/// `store.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    /// Counts saves; 0: only the lease was written so far.
    pub(super) version: Version,
    /// The rows' form.
    pub(super) schema: u32,
    /// Who works the repository, or worked it last.
    pub(super) lease: Option<lease::Row>,
    /// Which process took the lease.
    pub(super) holder: Option<String>,
    /// Tasks that there are.
    pub(super) tasks: BTreeSet<String>,
    /// Rows of which there is one of a kind.
    pub(super) rows: BTreeSet<String>,
}

/// The folder's content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) index: Index,
    outbox: BTreeMap<String, Value>,
    /// Bodies of all other rows by file name.
    bodies: BTreeMap<String, String>,
}

impl Files {
    /// Reads a folder: file names and texts; nothing where there is no store in it.
    pub(super) fn read(mut texts: BTreeMap<String, String>) -> Result<Option<Self>, Error> {
        let Some(index) = texts.remove(INDEX_FILE) else { return Ok(None) };
        let index = parsed(&index, INDEX_FILE)?;
        let outbox = texts.remove(OUTBOX_FILE).map_or(Ok(BTreeMap::new()), |text| parsed(&text, OUTBOX_FILE))?;
        Ok(Some(Self { index, outbox, bodies: texts }))
    }

    /// The plan that the files make; nothing where none was saved yet.
    pub(super) fn plan(&self, repository: &RepositoryName) -> Result<Option<Plan>, Error> {
        if self.index.version == 0 {
            return Ok(None);
        }
        let missing = |name: &str| Error::Corrupt { row: name.to_owned(), message: "its file is missing".to_owned() };
        let mut found = Vec::new();
        let named = self.index.tasks.iter().map(|id| (TASK, id.as_str()));
        for (kind, id) in named.chain(self.index.rows.iter().map(|kind| (kind.as_str(), ""))) {
            let name = file_name(kind, id);
            let body = self.bodies.get(&name).ok_or_else(|| missing(&name))?.clone();
            found.push(Row { kind: kind.to_owned(), id: id.to_owned(), body });
        }
        for (key, body) in &self.outbox {
            found.push(Row { kind: ENTRY.to_owned(), id: key.clone(), body: body.to_string() });
        }
        rows::plan(repository, self.index.schema, found).map(Some)
    }

    /// The plan's own row, as text.
    pub(super) fn header(&self) -> Option<&String> {
        self.bodies.get(&file_name("header", ""))
    }

    /// Does what a save writes; gives the files that change by it, but for the index, which always does.
    pub(super) fn put(&mut self, writes: Vec<Write>) -> Result<Vec<NewFile>, Error> {
        let (mut changed, mut outbox_changed) = (BTreeSet::new(), false);
        for write in writes {
            match write {
                Write::Put(row) if row.kind == ENTRY => {
                    outbox_changed = true;
                    self.outbox.insert(row.id, parsed(&row.body, OUTBOX_FILE)?);
                }
                Write::Put(row) => {
                    let name = file_name(&row.kind, &row.id);
                    let body: Value = parsed(&row.body, &name)?;
                    self.bodies.insert(name.clone(), text(&body));
                    changed.insert(name);
                    let listed = if row.kind == TASK { &mut self.index.tasks } else { &mut self.index.rows };
                    listed.insert(if row.kind == TASK { row.id } else { row.kind });
                }
                Write::Delete { kind: ENTRY, id } => outbox_changed |= self.outbox.remove(&id).is_some(),
                Write::Delete { kind, id } => {
                    self.bodies.remove(&file_name(kind, &id));
                    self.index.tasks.remove(&id);
                }
            }
        }
        let body = |name: String| self.bodies.get(&name).map(|body| file(&name, body.clone()));
        let mut files: Vec<NewFile> = changed.into_iter().filter_map(body).collect();
        if outbox_changed {
            files.push(file(OUTBOX_FILE, text(&self.outbox)));
        }
        Ok(files)
    }

    /// `store.json` as it stands.
    pub(super) fn index_file(&self) -> NewFile {
        file(INDEX_FILE, text(&self.index))
    }

    /// Puts any text in a row's place, as a person's edit would. Gives the files that change by it.
    #[cfg(test)]
    pub(super) fn spoil(&mut self, kind: &str, id: &str, body: &str) -> Vec<NewFile> {
        if kind == ENTRY {
            self.outbox.insert(id.to_owned(), parsed(body, OUTBOX_FILE).expect("JSON"));
            return vec![file(OUTBOX_FILE, text(&self.outbox))];
        }
        let listed = if kind == TASK { &mut self.index.tasks } else { &mut self.index.rows };
        listed.insert(if kind == TASK { id.to_owned() } else { kind.to_owned() });
        vec![file(&file_name(kind, id), body.to_owned()), self.index_file()]
    }
}

/// A row's file: the task's id, or the kind of which there is one.
fn file_name(kind: &str, id: &str) -> String {
    format!("{}.json", if kind == TASK { id } else { kind })
}

fn file(name: &str, content: String) -> NewFile {
    NewFile { path: format!("{FOLDER}/{name}"), content }
}

fn parsed<T: serde::de::DeserializeOwned>(body: &str, name: &str) -> Result<T, Error> {
    let unreadable = |error: serde_json::Error| Error::Corrupt { row: name.to_owned(), message: error.to_string() };
    serde_json::from_str(body).map_err(unreadable)
}

/// One field a line.
fn text(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
