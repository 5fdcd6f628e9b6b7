//! The hash chain of a log. The first envelope of every append carries `chain`: the SHA-256 over
//! the `chain` of the previous append and over each of its lines with its line end. So one value
//! covers everything before it, and an append cannot be removed, added or changed without breaking
//! the chain. Each append begins with the envelope that carries `chain`.
//!
//! A chain starts with a text that names the log, so no log can replace another. Envelopes of a
//! program without chains count as the part before the first append: the first `chain` covers them.

mod anchor;
mod fault;
mod head;
mod resume;
mod value;

pub use self::{
    anchor::{Anchor, KeptHead},
    fault::LogFault,
    head::ChainHead,
    resume::{check_end, resume},
    value::{Chain, InvalidChain},
};
