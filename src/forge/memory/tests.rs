//! The memory forge, in stories.
