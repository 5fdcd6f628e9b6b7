//! The rows of a file, whatever its format.

use std::fmt::Debug;

use spice_core::name::InstanceId;

use crate::{error::Result, instance::Instance, reader::Place, reason::Reason};

/// A row as it stands in the file.
pub trait Raw: Debug + Clone + Send + 'static {
    /// The line where it begins.
    fn line(&self) -> u64;

    /// Blank rows and lines before it.
    fn blanks(&self) -> u64;
}

/// The rows of a file.
pub trait Rows {
    /// A row as it stands in the file.
    type Raw: Raw;

    /// The next row that is not blank; none at the end.
    fn next(&mut self) -> Result<Option<Taken<Self::Raw>>>;

    /// Behind the last row.
    fn place(&self) -> Place;

    /// Blank rows behind the last row, once the end is reached.
    fn blanks(&self) -> u64;

    /// Whether what a row leaves out stays out: the api adds no defaults.
    fn is_whole(&self) -> bool;
}

/// A row as it was read, and what the api gets of it or why nothing.
pub struct Taken<R> {
    pub(crate) raw: R,
    pub(crate) instance: Result<Instance, Vec<Reason>>,
    /// The id that keeps a rejected row apart from equal ones, when it has none of its own.
    pub(crate) rejected_id: Option<InstanceId>,
    /// Whether it has no key and says what an earlier row says.
    pub(crate) is_equal: bool,
    /// Blank cells behind the last column.
    pub(crate) surplus: u64,
}
