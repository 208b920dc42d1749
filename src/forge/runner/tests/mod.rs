//! The runner with real processes on a bare world.

mod ends;
mod guarded;
mod runs;
mod stage;
