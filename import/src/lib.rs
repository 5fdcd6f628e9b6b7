//! Imports files as instances: CSV with the names of a class, or NDJSON as an export writes it.
//!
//! [`run`] reads an input, sends its rows to the api, and writes refused rows to a file. The parts
//! can also be used alone: a [`Reader`] of records, the [`Plan`] of the columns, and the [`Kind`]
//! that converts a text to a value.
//!
//! The library prints nothing and asks nothing: an [`Observer`] gets the progress, and an
//! [`Outcome`] is the result.

mod batch;
mod cell;
mod check;
pub mod classes;
mod column;
mod convert;
mod decoder;
mod digest;
mod encoding;
mod error;
mod exact;
mod head;
mod id;
mod identity;
mod instance;
mod journal;
mod layout;
mod line;
mod lines;
mod observer;
mod occurrences;
mod options;
mod paths;
mod plan;
mod reader;
mod reason;
mod rejects;
mod row;
mod rows;
mod run;
mod session;
mod settle;
mod shape;
mod signature;
mod source;
mod start;
mod summary;
mod table;
mod task;
#[cfg(test)]
mod tests;
mod text;
mod waiting;

pub use self::{
    batch::{Batch, Batches, Fate, Row},
    cell::read_cell,
    column::{Column, LeftOut, Reserved},
    convert::{Broken, Kind, Link, Words, kinds},
    encoding::{Charset, parse as parse_encoding},
    error::{Error, Result},
    exact::show,
    instance::Instance,
    lines::LineRows,
    observer::{Counts, Event, Observer},
    options::{Cells, Format, Input, Mapping, OnError, Options, parse_delimiter, parse_escape},
    paths::{add_suffix, replace},
    plan::Plan,
    reader::{Dialect, Place, Reader, Record},
    reason::Reason,
    rows::{Rows, Taken},
    run::run,
    summary::{Failure, Outcome, Stop, Summary, rate},
    table::TableRows,
    text::reveal,
};
