//! Recorded event streams and what they mean.

use super::*;
