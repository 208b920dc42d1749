//! The workflow file as it is written. Keys that are not listed here are refused with their line.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

/// A mapping in the file's order.
#[derive(Clone, Debug)]
pub(super) struct Ordered<T>(pub(super) Vec<(String, T)>);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) run_name: Option<String>,
    pub(super) on: On,
    pub(super) permissions: Option<Ordered<String>>,
    #[serde(default)]
    pub(super) env: Ordered<String>,
    pub(super) concurrency: Option<ConcurrencyFile>,
    pub(super) jobs: Ordered<JobFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct On {
    #[serde(default, deserialize_with = "given")]
    pub(super) workflow_dispatch: Option<Dispatch>,
    pub(super) issues: Option<Issues>,
    pub(super) push: Option<Push>,
    #[serde(default)]
    pub(super) schedule: Vec<Schedule>,
}

/// A key that stands there, with or without anything behind it.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Dispatch>, D::Error> {
    Option::<Dispatch>::deserialize(deserializer).map(|dispatch| Some(dispatch.unwrap_or_default()))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Issues {
    pub(super) types: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Push {
    pub(super) branches: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Schedule {
    pub(super) cron: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ConcurrencyFile {
    pub(super) group: String,
    #[serde(default)]
    pub(super) cancel_in_progress: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dispatch {
    #[serde(default)]
    pub(super) inputs: Ordered<InputFile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputFile {
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(default)]
    pub(super) required: bool,
    pub(super) default: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct JobFile {
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) needs: Needs,
    #[serde(rename = "if")]
    pub(super) condition: Option<String>,
    pub(super) permissions: Option<Ordered<String>>,
    pub(super) environment: Option<String>,
    #[serde(rename = "runs-on")]
    _runs_on: String,
    pub(super) timeout_minutes: Option<u32>,
    #[serde(default)]
    pub(super) outputs: Ordered<String>,
    #[serde(default)]
    pub(super) env: Ordered<String>,
    pub(super) steps: Vec<StepFile>,
}

/// `needs: a` or `needs: [a, b]`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Needs {
    One(String),
    Several(Vec<String>),
}

impl Default for Needs {
    fn default() -> Self {
        Self::Several(Vec::new())
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct StepFile {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    #[serde(rename = "if")]
    pub(super) condition: Option<String>,
    pub(super) uses: Option<String>,
    #[serde(default)]
    pub(super) with: Ordered<String>,
    pub(super) run: Option<String>,
    #[serde(default)]
    pub(super) env: Ordered<String>,
    pub(super) shell: Option<String>,
    pub(super) timeout_minutes: Option<u32>,
    #[serde(default)]
    pub(super) continue_on_error: bool,
}
