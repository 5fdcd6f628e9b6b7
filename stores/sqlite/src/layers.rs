//! Reads through the layers of a lineage: for each key, the first layer that has it decides.

use std::{collections::VecDeque, ops::ControlFlow};

use rusqlite::{Connection, params};

use super::{columns::text, failure::Attempt};

/// One layer: a scope at a position.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer {
    /// The scope.
    pub(crate) scope: i64,
    /// The last visible position.
    pub(crate) until: i64,
    /// The level of the lineage.
    pub(crate) level: usize,
}

/// A visible key.
pub(crate) struct Shown<'walk> {
    /// The key.
    pub(crate) key: &'walk str,
    /// The row with its state.
    pub(crate) row: i64,
    /// The position of that row in the log.
    pub(crate) position: i64,
    /// The layer of the row.
    pub(crate) layer: Layer,
}

/// Keys from `low` (inclusive) to `high` (exclusive).
#[derive(Debug, Clone)]
pub(crate) struct KeyRange {
    low: String,
    high: String,
}

/// The last character. 64 of them are longer than any id and come after every other text of that
/// length.
const LAST: &str = "\u{10ffff}";

impl KeyRange {
    /// Returns the first key.
    pub(crate) fn first_key(&self) -> &str {
        &self.low
    }

    /// Returns the range of every key after `after`.
    pub(crate) fn after(after: Option<&str>) -> Self {
        Self::with_prefix("", after)
    }

    /// Returns the range of every key that starts with `prefix`, after `after`.
    pub(crate) fn with_prefix(prefix: &str, after: Option<&str>) -> Self {
        let first_after = after.map(|key| format!("{key}\0"));
        Self {
            low: first_after
                .filter(|key| key.as_str() > prefix)
                .unwrap_or_else(|| prefix.to_owned()),
            high: format!("{prefix}{}", LAST.repeat(64)),
        }
    }
}

/// The queries for the keys of a walk.
pub(crate) struct Keys {
    /// (key, position, row) of ?1 a scope, from key ?2 to key ?3, by key and newest first.
    pub(crate) all: &'static str,
    /// (position, row) of ?1 a scope, of key ?2, up to position ?3, the newest.
    pub(crate) newest: &'static str,
}

/// Entries of a key that are too new or too old are skipped by reading; more than this many are
/// skipped by a new query.
const READ_OVER: u32 = 16;
/// The number of keys that are read ahead, at first and at most.
const AHEAD: usize = 16;
const FAR_AHEAD: usize = 512;

/// One key in a layer.
struct Found {
    key: String,
    position: i64,
    row: i64,
}

/// Reads the keys of a layer, some of them ahead.
struct Cursor<'walk> {
    connection: &'walk Connection,
    keys: &'walk Keys,
    layer: Layer,
    rest: KeyRange,
    ahead: VecDeque<Found>,
    reads: usize,
    ended: bool,
}

impl Cursor<'_> {
    /// Returns the current key.
    fn key(&self) -> Option<&str> {
        self.ahead.front().map(|found| found.key.as_str())
    }

    /// Reads ahead if there is no current key.
    fn fill(&mut self) -> Attempt<()> {
        while self.ahead.is_empty() && !self.ended {
            self.read_ahead()?;
            self.reads = (self.reads * 2).min(FAR_AHEAD);
        }
        Ok(())
    }

    /// Reads up to the next keys, or up to where a new query is faster.
    fn read_ahead(&mut self) -> Attempt<()> {
        let mut all = self.connection.prepare_cached(self.keys.all)?;
        let scope = self.layer.scope;
        let mut rows = all.query(params![scope, self.rest.low, self.rest.high])?;
        let (mut current, mut is_known, mut passed) = (None::<String>, false, 0);
        while let Some(row) = rows.next()? {
            let (key, position) = (text(row, 0)?, row.get(1)?);
            if current.as_deref() != Some(key) {
                if self.ahead.len() == self.reads {
                    key.clone_into(&mut self.rest.low);
                    return Ok(());
                }
                (current, is_known, passed) = (Some(key.to_owned()), false, 0);
            }
            if !is_known && position <= self.layer.until {
                is_known = true;
                let (key, row) = (key.to_owned(), row.get(2)?);
                self.ahead.push_back(Found { key, position, row });
            } else if passed < READ_OVER {
                passed += 1;
            } else {
                if !is_known {
                    let newest = find_newest(self.connection, self.keys, &self.layer, key)?;
                    self.ahead.extend(newest);
                }
                self.rest.low = format!("{key}\0");
                return Ok(());
            }
        }
        self.ended = true;
        Ok(())
    }
}

fn find_newest(
    connection: &Connection,
    keys: &Keys,
    layer: &Layer,
    key: &str,
) -> Attempt<Option<Found>> {
    let mut newest = connection.prepare_cached(keys.newest)?;
    let mut rows = newest.query(params![layer.scope, key, layer.until])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(Some(Found {
        key: key.to_owned(),
        position: row.get(0)?,
        row: row.get(1)?,
    }))
}

/// Visits every visible key of a range in the layers (topmost first), in order.
pub(crate) fn walk(
    connection: &Connection,
    keys: &Keys,
    layers: &[Layer],
    range: &KeyRange,
    mut visit: impl FnMut(&Shown<'_>) -> Attempt<ControlFlow<()>>,
) -> Attempt<()> {
    let cursor = |layer: &Layer| Cursor {
        connection,
        keys,
        layer: *layer,
        rest: range.clone(),
        ahead: VecDeque::new(),
        reads: AHEAD,
        ended: false,
    };
    let mut cursors: Vec<Cursor<'_>> = layers.iter().map(cursor).collect();
    loop {
        for cursor in &mut cursors {
            cursor.fill()?;
        }
        let Some(top) = find_topmost(&cursors) else {
            return Ok(());
        };
        let Some(found) = cursors[top].ahead.pop_front() else {
            return Ok(());
        };
        // Cursors at the same key are lower, and covered.
        for cursor in &mut cursors {
            if cursor.key() == Some(found.key.as_str()) {
                cursor.ahead.pop_front();
            }
        }
        let shown = Shown {
            key: &found.key,
            row: found.row,
            position: found.position,
            layer: cursors[top].layer,
        };
        if visit(&shown)?.is_break() {
            return Ok(());
        }
    }
}

/// Returns the topmost of the cursors at the smallest key.
fn find_topmost(cursors: &[Cursor<'_>]) -> Option<usize> {
    let standing = cursors.iter().enumerate();
    standing
        .filter_map(|(index, cursor)| Some((cursor.key()?, index)))
        .min()
        .map(|(_, index)| index)
}
