//! Issue text → footprint, pure over an index value.
