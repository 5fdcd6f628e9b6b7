//! An export without an api: what it writes is what an import reads, and a kill at any point leaves
//! what can be gone on with.

mod imported;
mod killed;
mod law;
mod order;
mod values;
