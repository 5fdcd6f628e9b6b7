//! Segments: the format that every log of segments writes, and a cache of decoded ones.
#![warn(missing_docs)]

mod cache;
mod format;

pub use cache::{Cache, Key};
pub use format::{
    Encoder, EndMark, Lines, MARK_LENGTH, SUFFIX, decode, file_name, parse_file_name,
};
