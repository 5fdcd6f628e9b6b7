//! The api: takes commands, decides them, appends them; answers reads. Names no adapter.
#![warn(missing_docs)]

pub mod writer;
