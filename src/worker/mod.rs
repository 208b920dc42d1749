//! The worker: our program inside the runner.
