//! A plan as rows of text, the same in every store: what a change writes, and the plan that rows make.
//!
//! Reading guesses nothing: a row that is unknown, unreadable or under another name than its content's is an error
//! that names it.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::engine::effect::Entry;
use crate::engine::id::RepositoryName;
use crate::engine::plan::{Change, Header, LayoutRow, Numbers, Plan, SCHEMA};
use crate::engine::task::Task;
use crate::engine::tasks::Tasks;
use crate::engine::upgrade::upgrade;
use crate::store::Error;

const HEADER: &str = "header";
const LAYOUT: &str = "layout";
const NUMBERS: &str = "numbers";
const TASK: &str = "task";
const ENTRY: &str = "entry";

/// A row as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// What it is.
    pub(super) kind: String,
    /// The task's id or the entry's key; empty where there is one of its kind.
    pub(super) id: String,
    /// JSON.
    pub(super) body: String,
}

/// What a change does to the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// Writes a row, new or over the old one.
    Put(Row),
    /// Takes a row away.
    Delete {
        /// Its kind.
        kind: &'static str,
        /// Its id.
        id: String,
    },
}

/// The rows' form after these changes, where they write the header.
pub(super) fn schema(changes: &[Change]) -> Option<u32> {
    changes.iter().rev().find_map(|change| match change {
        Change::Header(header) => Some(header.schema),
        Change::Layout(_)
        | Change::Numbers(_)
        | Change::Task(_)
        | Change::TaskGone(_)
        | Change::Entry(_)
        | Change::EntryGone(_) => None,
    })
}

/// The writes of a save, in order. A plan's first save must bring its header: without it nothing could be read back.
pub(super) fn writes(changes: &[Change], first: bool) -> Result<Vec<Write>, Error> {
    if first && schema(changes).is_none() {
        return Err(corrupt(HEADER, "", "the first save of a plan must have one"));
    }
    changes.iter().map(write).collect()
}

fn write(change: &Change) -> Result<Write, Error> {
    match change {
        Change::Header(header) => put(HEADER, String::new(), header),
        Change::Layout(layout) => put(LAYOUT, String::new(), layout),
        Change::Numbers(numbers) => put(NUMBERS, String::new(), numbers),
        Change::Task(task) => put(TASK, task.id.to_string(), task.as_ref()),
        Change::TaskGone(id) => Ok(Write::Delete { kind: TASK, id: id.to_string() }),
        Change::Entry(entry) => put(ENTRY, entry.key.0.clone(), entry),
        Change::EntryGone(key) => Ok(Write::Delete { kind: ENTRY, id: key.0.clone() }),
    }
}

fn put(kind: &str, id: String, value: &impl Serialize) -> Result<Write, Error> {
    match serde_json::to_string(value) {
        Ok(body) => Ok(Write::Put(Row { kind: kind.to_owned(), id, body })),
        Err(error) => Err(corrupt(kind, &id, &error.to_string())),
    }
}

/// The plan that rows of this form make.
pub(super) fn plan(repository: &RepositoryName, schema: u32, rows: Vec<Row>) -> Result<Plan, Error> {
    if schema > SCHEMA {
        return Err(Error::Newer { found: schema, known: SCHEMA });
    }
    let mut header = None;
    let mut layout = LayoutRow::default();
    let mut numbers = Numbers::new();
    let mut tasks = Tasks::default();
    let mut outbox = std::collections::BTreeMap::new();
    for mut row in rows {
        if schema < SCHEMA {
            row.body = upgraded(&row, schema)?;
        }
        match row.kind.as_str() {
            HEADER => header = Some(read::<Header>(&row)?),
            LAYOUT => layout = read(&row)?,
            NUMBERS => numbers = read(&row)?,
            TASK => {
                let task: Task = read(&row)?;
                named(&row, &task.id.to_string())?;
                tasks.insert(Arc::new(task));
            }
            ENTRY => {
                let entry: Entry = read(&row)?;
                named(&row, &entry.key.0)?;
                outbox.insert(entry.key.clone(), entry);
            }
            kind => return Err(corrupt(kind, &row.id, "this kind of row is not known")),
        }
    }
    let header = header.ok_or_else(|| corrupt(HEADER, "", "it is missing"))?;
    Ok(Plan { repository: repository.clone(), header, layout, numbers, tasks, outbox })
}

/// A row of an older form in today's.
fn upgraded(row: &Row, from: u32) -> Result<String, Error> {
    let mut body = read(row)?;
    upgrade(&row.kind, from, &mut body);
    Ok(body.to_string())
}

fn read<T: DeserializeOwned>(row: &Row) -> Result<T, Error> {
    serde_json::from_str(&row.body).map_err(|error| corrupt(&row.kind, &row.id, &error.to_string()))
}

/// A row must be what it is filed under.
fn named(row: &Row, name: &str) -> Result<(), Error> {
    if row.id == name { Ok(()) } else { Err(corrupt(&row.kind, &row.id, &format!("it holds `{name}`"))) }
}

fn corrupt(kind: &str, id: &str, message: &str) -> Error {
    let row = if id.is_empty() { kind.to_owned() } else { format!("{kind} {id}") };
    Error::Corrupt { row, message: message.to_owned() }
}
