//! The runner with real processes on a bare world.

mod ends;
mod forge;
mod guarded;
mod runs;
mod stage;
