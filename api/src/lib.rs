//! The api: accepts commands, decides them and appends them; answers reads. Names no adapter.
#![warn(missing_docs)]

pub mod access;
mod engine;
pub mod http;
mod lock;
mod objects;
mod read;
pub mod writer;

pub use self::engine::Engine;
