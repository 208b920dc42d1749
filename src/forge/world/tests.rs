//! The world's behaviour, as tables and short stories.
