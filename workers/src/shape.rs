//! The shape of an event in each store: a version in the graph, documents and branch points in the
//! documents. Whatever writes, checks or repairs a sink gets the same shape from here.

mod change;
mod document;
mod version;

pub(crate) use self::{
    document::{branches, documents},
    version::version,
};
