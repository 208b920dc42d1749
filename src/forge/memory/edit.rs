//! Changes to files, as scripts write them.

use crate::forge::memory::merge::Tree;

/// One change to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// The file has this text now.
    Write {
        /// Its path.
        path: String,
        /// Its whole text.
        text: String,
    },
    /// This text stands at the file's end; a missing file is made.
    Append {
        /// Its path.
        path: String,
        /// The text added, with its line end.
        text: String,
    },
    /// The file is gone.
    Delete {
        /// Its path.
        path: String,
    },
}

impl Edit {
    /// A file's whole new text.
    pub fn write(path: &str, text: &str) -> Self {
        Self::Write { path: path.to_owned(), text: text.to_owned() }
    }

    /// Text at a file's end.
    pub fn append(path: &str, text: &str) -> Self {
        Self::Append { path: path.to_owned(), text: text.to_owned() }
    }

    /// Makes the change.
    pub fn make(&self, tree: &mut Tree) {
        match self {
            Self::Write { path, text } => drop(tree.insert(path.clone(), text.as_bytes().into())),
            Self::Append { path, text } => {
                let old = tree.get(path).map(|content| content.to_vec()).unwrap_or_default();
                tree.insert(path.clone(), [old, text.as_bytes().to_vec()].concat().into());
            }
            Self::Delete { path } => drop(tree.remove(path)),
        }
    }
}
