//! The repository itself: what it is, what lies in it, and how much may be asked of it.

use serde::Deserialize;

use crate::github::client::{encode, segment};
use crate::github::survey::Survey;
use crate::github::{Error, GitHub as _, Request, Response};

/// The repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// Its default branch.
    pub default_branch: String,
    /// Its page.
    pub page: Option<String>,
    /// Whether nothing can be changed any more.
    pub archived: bool,
    /// Whether it has issues.
    pub has_issues: bool,
}

/// A workflow as Actions knows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WorkflowState {
    /// `active`, or why it does not run (`disabled_manually`, `disabled_inactivity`, …).
    #[serde(default)]
    pub state: String,
    /// Its page.
    pub html_url: Option<String>,
}

/// Requests of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Quota {
    /// How many there are.
    pub limit: u64,
    /// How many are left.
    pub remaining: u64,
    /// When the hour begins anew, in seconds since 1970 by GitHub's clock.
    pub reset: i64,
}

#[derive(Debug, Deserialize)]
struct HomeAnswer {
    default_branch: Option<String>,
    html_url: Option<String>,
    #[serde(default)]
    archived: bool,
    has_issues: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct QuotaAnswer {
    resources: ResourcesAnswer,
}

#[derive(Debug, Deserialize)]
struct ResourcesAnswer {
    core: Quota,
}

#[derive(Debug, Deserialize)]
struct TreeAnswer {
    #[serde(default)]
    tree: Vec<ItemAnswer>,
}

#[derive(Debug, Deserialize)]
struct ItemAnswer {
    path: Option<String>,
}

impl Survey {
    /// The repository.
    ///
    /// # Errors
    /// As any call.
    pub async fn home(&self) -> Result<Home, Error> {
        let found: HomeAnswer = self.client.look("", "the repository").await?.json("the repository")?;
        let default_branch = found
            .default_branch
            .ok_or_else(|| Error::Unexpected { message: "the repository came without `default_branch`".to_owned() })?;
        let has_issues = found.has_issues.unwrap_or(true);
        Ok(Home { default_branch, page: found.html_url, archived: found.archived, has_issues })
    }

    /// A file's bytes on a branch; nothing where there is none.
    ///
    /// # Errors
    /// As any call.
    pub async fn file(&self, branch: &str, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let request = Request::File { reference: branch.to_owned(), path: path.to_owned() };
        match self.client.send(request).await {
            Ok(Response::File(bytes)) => Ok(Some(bytes)),
            Ok(_) => Err(Error::Unexpected { message: format!("`{path}` came as something else") }),
            Err(Error::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names of what lies in the repository's first folder on a branch; its folders are not opened.
    ///
    /// # Errors
    /// As any call.
    pub async fn first_folder(&self, branch: &str) -> Result<Vec<String>, Error> {
        let path = format!("/git/trees/{}", encode(branch));
        let found: TreeAnswer = self.client.look(&path, "the first folder").await?.json("the first folder")?;
        Ok(found.tree.into_iter().filter_map(|item| item.path).collect())
    }

    /// A workflow by its file name; nothing where Actions knows none.
    ///
    /// # Errors
    /// As any call.
    pub async fn workflow(&self, file: &str) -> Result<Option<WorkflowState>, Error> {
        let path = format!("/actions/workflows/{}", segment(file)?);
        present(self.client.look(&path, format!("the workflow `{file}`")).await)?
            .map(|answer| answer.json("the workflow"))
            .transpose()
    }

    /// Whether there is a label.
    ///
    /// # Errors
    /// As any call.
    pub async fn has_label(&self, name: &str) -> Result<bool, Error> {
        let path = format!("/labels/{}", segment(name)?);
        Ok(present(self.client.look(&path, format!("the label `{name}`")).await)?.is_some())
    }

    /// What is left of the hour's requests; nothing where there is no limit.
    ///
    /// # Errors
    /// As any call.
    pub async fn quota(&self) -> Result<Option<Quota>, Error> {
        let answer = present(self.client.look_beyond("/rate_limit", "the rate limit").await)?;
        answer.map(|answer| Ok(answer.json::<QuotaAnswer>("the rate limit")?.resources.core)).transpose()
    }
}

/// What is there; a 404 is nothing.
pub(super) fn present<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(Error::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
