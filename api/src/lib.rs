//! The api: takes commands, decides them, appends them; answers reads. Names no adapter.
#![warn(missing_docs)]

mod graph_query;
pub mod http;
pub mod status;
pub mod writer;
