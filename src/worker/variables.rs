//! Environment variables of the worker and of the programs it starts. Printed for debugging they show their names
//! alone: any value may hold a secret, whatever its name says.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

/// Variables by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, OsString>);

impl Variables {
    /// Those of this process whose names are text.
    pub fn of_process() -> Self {
        let named = std::env::vars_os().filter_map(|(name, value)| name.into_string().ok().map(|name| (name, value)));
        Self(named.collect())
    }

    /// A variable's value; an empty one counts as not set.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(name).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// A variable's value as text; nothing where it is empty or no text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str()
    }

    /// Sets a variable.
    pub fn insert(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Takes a variable out.
    pub fn remove(&mut self, name: &str) -> Option<OsString> {
        self.0.remove(name)
    }

    /// Every variable, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_os_str()))
    }

    /// Only those with one of these names.
    pub fn only(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| names.contains(&name.as_str()));
        Self(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }
}

impl<const N: usize> From<[(&str, OsString); N]> for Variables {
    fn from(pairs: [(&str, OsString); N]) -> Self {
        Self(pairs.map(|(name, value)| (name.to_owned(), value)).into())
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_printed() {
        let variables = Variables::from([("MODEL_KEY", "key-canary".into()), ("MODEL_URL", "url-canary".into())]);
        assert_eq!(format!("{variables:?}"), r#"{"MODEL_KEY", "MODEL_URL"}"#);
        let launched = crate::worker::process::Launch {
            program: "sh".into(),
            arguments: Vec::new(),
            environment: variables,
            directory: "/".into(),
            input: Vec::new(),
        };
        assert!(!format!("{launched:?}").contains("canary"));
    }
}
