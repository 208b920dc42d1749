//! See the module map in `engine`.
