//! The rows of a file in any format.

use spice_core::name::InstanceId;

use crate::{
    error::Result,
    instance::Instance,
    reader::{Place, Record},
    reason::Reason,
};

/// The rows of a file.
pub trait Rows {
    /// The next row that is not blank; none at the end.
    fn next(&mut self) -> Result<Option<Taken>>;

    /// After the last row.
    fn place(&self) -> Place;

    /// Blank rows after the last row, once the end is reached.
    fn blanks(&self) -> u64;

    /// Whether the api adds no defaults for a row.
    fn is_whole(&self) -> bool;
}

/// A row that was read, and its instance or the reasons for rejecting it.
pub struct Taken {
    /// The row as it is in the file.
    pub(crate) raw: Record,
    pub(crate) instance: Result<Instance, Vec<Reason>>,
    /// The id that keeps a rejected row without its own separate from equal ones.
    pub(crate) rejected_id: Option<InstanceId>,
    /// Whether it has no key and equals an earlier row.
    pub(crate) is_equal: bool,
    /// Blank cells after the last column.
    pub(crate) surplus: u64,
    /// Blank items that its lists do not contain.
    pub(crate) blank_items: u64,
}
