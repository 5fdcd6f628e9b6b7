//! Reads: ports in, values out. Does not use HTTP.
//!
//! [`reads::Reads`] is the start of all reads. Most continue from a [`reading::Reading`]: a branch
//! at a position, once the sinks are new enough.

pub(crate) mod classes;
mod database;
pub(crate) mod feed;
mod follow;
pub(crate) mod followed;
pub(crate) mod graph;
pub(crate) mod history;
mod letters;
pub(crate) mod list;
pub(crate) mod member;
mod origin;
mod past;
mod progress;
pub(crate) mod reading;
pub(crate) mod reads;
pub(crate) mod replays;
pub(crate) mod samples;
mod scan;
pub(crate) mod status;
pub(crate) mod wait;
mod waits;
