//! The index equals what a walk over all tasks finds.
