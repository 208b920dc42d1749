//! Areas → values, inverted so that "what does this area meet?" costs what it finds, never a walk over everything.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::engine::overlap::shape::{Pattern, Shape, Side};

/// Values by area. Files and directories are found by name and by range, globs by the directory of their literal
/// beginning.
#[derive(Clone, Debug)]
pub(in crate::engine) struct AreaMap<V> {
    files: BTreeMap<String, V>,
    directories: BTreeMap<String, V>,
    globs: BTreeMap<String, BTreeMap<String, (Shape, V)>>,
}

impl<V> Default for AreaMap<V> {
    fn default() -> Self {
        Self { files: BTreeMap::new(), directories: BTreeMap::new(), globs: BTreeMap::new() }
    }
}

/// What a visit hands out: the stored value and which side is narrower.
pub(in crate::engine) type Visitor<'v, 'f, V> = dyn FnMut(&'v V, Side) -> ControlFlow<()> + 'f;

impl<V: Default> AreaMap<V> {
    /// The value of exactly this area, made if missing.
    pub(in crate::engine) fn entry(&mut self, shape: &Shape) -> &mut V {
        match shape {
            Shape::File(path) => self.files.entry(path.clone()).or_default(),
            Shape::Directory(path) => self.directories.entry(path.clone()).or_default(),
            Shape::Glob(pattern) => {
                let bucket = self.globs.entry(home(pattern).to_owned()).or_default();
                &mut bucket.entry(pattern.text.clone()).or_insert_with(|| (shape.clone(), V::default())).1
            }
        }
    }
}

impl<V> AreaMap<V> {
    /// The value of exactly this area.
    pub(in crate::engine) fn get_mut(&mut self, shape: &Shape) -> Option<&mut V> {
        match shape {
            Shape::File(path) => self.files.get_mut(path),
            Shape::Directory(path) => self.directories.get_mut(path),
            Shape::Glob(pattern) => self
                .globs
                .get_mut(home(pattern))
                .and_then(|bucket| bucket.get_mut(&pattern.text))
                .map(|(_, value)| value),
        }
    }

    /// Forgets exactly this area.
    pub(in crate::engine) fn remove(&mut self, shape: &Shape) {
        match shape {
            Shape::File(path) => drop(self.files.remove(path)),
            Shape::Directory(path) => drop(self.directories.remove(path)),
            Shape::Glob(pattern) => {
                if let Some(bucket) = self.globs.get_mut(home(pattern)) {
                    bucket.remove(&pattern.text);
                    if bucket.is_empty() {
                        self.globs.remove(home(pattern));
                    }
                }
            }
        }
    }

    /// Hands out every stored area that meets this one, each once, until told to stop.
    pub(in crate::engine) fn visit<'v>(&'v self, shape: &Shape, found: &mut Visitor<'v, '_, V>) -> ControlFlow<()> {
        let (text, reach) = match shape {
            Shape::File(path) => (path.as_str(), format!("{path}/")),
            Shape::Directory(path) => (path.as_str(), path.clone()),
            Shape::Glob(pattern) => (pattern.prefix.as_str(), pattern.prefix.clone()),
        };
        self.visit_above(shape, text, found)?;
        self.visit_below(shape, text, &reach, found)
    }

    /// Directories and globs at or above the text, and files whose name is a directory on the way to it.
    fn visit_above<'v>(&'v self, shape: &Shape, text: &str, found: &mut Visitor<'v, '_, V>) -> ControlFlow<()> {
        for above in ancestors(text) {
            if let Some(value) = self.directories.get(above) {
                visit_one(shape, &Shape::Directory(above.to_owned()), value, found)?;
            }
            if let Some(bucket) = self.globs.get(above) {
                visit_bucket(shape, bucket, found)?;
            }
            if let Some((name, value)) = above.strip_suffix('/').and_then(|name| self.files.get_key_value(name)) {
                visit_one(shape, &Shape::File(name.clone()), value, found)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// Everything whose name lies below what the area reaches.
    fn visit_below<'v>(
        &'v self,
        shape: &Shape,
        text: &str,
        reach: &str,
        found: &mut Visitor<'v, '_, V>,
    ) -> ControlFlow<()> {
        if let (Shape::File(name), Some(value)) = (shape, self.files.get(text)) {
            visit_one(shape, &Shape::File(name.clone()), value, found)?;
        }
        for (name, value) in self.files.range(reach.to_owned()..).take_while(|(name, _)| name.starts_with(reach)) {
            visit_one(shape, &Shape::File(name.clone()), value, found)?;
        }
        let nearest = ancestors(text).last().unwrap_or_default();
        let below = |name: &&String| name.starts_with(reach) && name.as_str() != nearest;
        for (name, value) in self.directories.range(reach.to_owned()..).take_while(|(name, _)| name.starts_with(reach))
        {
            if below(&name) {
                visit_one(shape, &Shape::Directory(name.clone()), value, found)?;
            }
        }
        for (name, bucket) in self.globs.range(reach.to_owned()..).take_while(|(name, _)| name.starts_with(reach)) {
            if below(&name) {
                visit_bucket(shape, bucket, found)?;
            }
        }
        ControlFlow::Continue(())
    }
}

fn visit_bucket<'v, V>(
    shape: &Shape,
    bucket: &'v BTreeMap<String, (Shape, V)>,
    found: &mut Visitor<'v, '_, V>,
) -> ControlFlow<()> {
    for (pattern, value) in bucket.values() {
        if let Some(side) = shape.meets(pattern) {
            found(value, side)?;
        }
    }
    ControlFlow::Continue(())
}

fn visit_one<'v, V>(shape: &Shape, stored: &Shape, value: &'v V, found: &mut Visitor<'v, '_, V>) -> ControlFlow<()> {
    match shape.meets(stored) {
        Some(side) => found(value, side),
        None => ControlFlow::Continue(()),
    }
}

/// The directory of a pattern's literal beginning, with its slash.
fn home(pattern: &Pattern) -> &str {
    pattern.prefix.rfind('/').and_then(|at| pattern.prefix.get(..=at)).unwrap_or_default()
}

/// The empty text and every beginning of `text` that ends with a slash, shortest first.
fn ancestors(text: &str) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(text.match_indices('/').filter_map(move |(at, _)| text.get(..=at)))
}
