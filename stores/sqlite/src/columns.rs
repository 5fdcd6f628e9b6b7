//! How the types of the core are written to columns and read back.

use rusqlite::{Row, types::ValueRef};
use spice_core::{
    id::{EventId, LogPosition, Sequence},
    json::Json,
    time::Timestamp,
};
use uuid::Uuid;

use super::failure::{Attempt, Failure};

/// Converts an unsigned number to a column; SQLite's integers are signed.
pub(crate) fn to_column(value: u64) -> Attempt<i64> {
    i64::try_from(value)
        .map_err(|_| Failure::Rejected(format!("{value} is too large for a column")))
}

/// Converts a column to an unsigned number.
pub(crate) fn from_column(value: i64) -> Attempt<u64> {
    u64::try_from(value)
        .map_err(|_| Failure::Damaged(format!("{value} is negative where no sign is allowed")))
}

/// Converts a position that bounds a read; beyond the largest column everything is visible.
pub(crate) fn bound(position: LogPosition) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

/// Parses a position.
pub(crate) fn position(row: &Row<'_>, index: usize) -> Attempt<LogPosition> {
    Ok(LogPosition(from_column(row.get(index)?)?))
}

/// Reads a sequence.
pub(crate) fn sequence(row: &Row<'_>, index: usize) -> Attempt<Sequence> {
    Ok(Sequence(from_column(row.get(index)?)?))
}

/// Reads a timestamp.
pub(crate) fn timestamp(row: &Row<'_>, index: usize) -> Attempt<Timestamp> {
    Ok(Timestamp::from_micros(row.get(index)?))
}

/// Reads a UUID.
pub(crate) fn uuid(row: &Row<'_>, index: usize) -> Attempt<Uuid> {
    let bytes = row.get_ref(index)?.as_blob().map_err(Failure::unreadable)?;
    Uuid::from_slice(bytes).map_err(Failure::unreadable)
}

/// Reads an event id.
pub(crate) fn event_id(row: &Row<'_>, index: usize) -> Attempt<EventId> {
    uuid(row, index).map(EventId)
}

/// Reads a text without copying it.
pub(crate) fn text<'row>(row: &'row Row<'_>, index: usize) -> Attempt<&'row str> {
    row.get_ref(index)?.as_str().map_err(Failure::unreadable)
}

/// Reads a text that may be absent, without copying it.
pub(crate) fn optional_text<'row>(row: &'row Row<'_>, index: usize) -> Attempt<Option<&'row str>> {
    match row.get_ref(index)? {
        ValueRef::Null => Ok(None),
        value => value.as_str().map(Some).map_err(Failure::unreadable),
    }
}

/// Reads JSON that may be absent.
pub(crate) fn optional_json(row: &Row<'_>, index: usize) -> Attempt<Option<Json>> {
    optional_text(row, index)?
        .map(|text| Json::parse(text).map_err(Failure::unreadable))
        .transpose()
}

/// Reads a name of any kind.
pub(crate) fn parse_name<T>(text: &str) -> Attempt<T>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    text.parse().map_err(Failure::unreadable)
}
