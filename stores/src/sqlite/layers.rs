//! Reading through the layers of a lineage: for each key, the first layer that knows it tells.

use std::ops::ControlFlow;

use rusqlite::{CachedStatement, Connection, Rows, params};

use super::{columns::text, failure::Attempt};

/// One layer: a scope, as it stood at a position.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layer {
    /// The scope.
    pub(crate) scope: i64,
    /// The last position that shows.
    pub(crate) until: i64,
    /// Which level of the lineage this is.
    pub(crate) level: usize,
}

/// What a key shows.
pub(crate) struct Shown<'walk> {
    /// The key.
    pub(crate) key: &'walk str,
    /// The row that tells its state.
    pub(crate) row: i64,
    /// Where that row stands in the log.
    pub(crate) position: i64,
    /// Whether the row is a live one; true where the table does not say.
    pub(crate) live: bool,
    /// The layer that the row stands in.
    pub(crate) layer: Layer,
}

/// Keys from `low` (inclusive) to `high` (exclusive).
#[derive(Debug, Clone)]
pub(crate) struct KeyRange {
    low: String,
    high: String,
}

impl KeyRange {
    /// Every key after `after`.
    pub(crate) fn after(after: Option<&str>) -> Self {
        Self::prefixed("", after)
    }

    /// One key.
    pub(crate) fn only(key: &str) -> Self {
        Self {
            low: key.to_owned(),
            high: format!("{key}\0"),
        }
    }

    /// Every key that starts with `prefix`, after `after`.
    pub(crate) fn prefixed(prefix: &str, after: Option<&str>) -> Self {
        let first_after = after.map(|key| format!("{key}\0"));
        Self {
            low: first_after
                .filter(|key| key.as_str() > prefix)
                .unwrap_or_else(|| prefix.to_owned()),
            high: format!("{prefix}{}", char::MAX),
        }
    }
}

struct Cursor<'statement> {
    rows: Rows<'statement>,
    layer: Layer,
    key: String,
    row: i64,
    position: i64,
    live: bool,
    ended: bool,
}

impl Cursor<'_> {
    /// Moves to the next key; what a key had before is passed over.
    fn advance(&mut self, started: bool) -> Attempt<()> {
        loop {
            let Some(row) = self.rows.next()? else {
                self.ended = true;
                return Ok(());
            };
            let key = text(row, 0)?;
            if started && key == self.key {
                continue;
            }
            self.key.clear();
            self.key.push_str(key);
            self.position = row.get(1)?;
            self.row = row.get(2)?;
            self.live = row.get(3)?;
            return Ok(());
        }
    }
}

/// Visits every key of a range that shows in the layers (topmost first), in order. `sql` selects
/// (key, position, row, live) of ?1 a scope, from key ?2 to key ?3, up to position ?4, by key and
/// newest first.
pub(crate) fn walk(
    connection: &Connection,
    sql: &str,
    layers: &[Layer],
    range: &KeyRange,
    mut visit: impl FnMut(&Shown<'_>) -> Attempt<ControlFlow<()>>,
) -> Attempt<()> {
    let mut statements: Vec<CachedStatement<'_>> = layers
        .iter()
        .map(|_| connection.prepare_cached(sql))
        .collect::<Result<_, _>>()?;
    let mut cursors = Vec::with_capacity(layers.len());
    for (statement, layer) in statements.iter_mut().zip(layers) {
        let rows = statement.query(params![layer.scope, range.low, range.high, layer.until])?;
        let mut cursor = Cursor {
            rows,
            layer: *layer,
            key: String::new(),
            row: 0,
            position: 0,
            live: true,
            ended: false,
        };
        cursor.advance(false)?;
        cursors.push(cursor);
    }
    while let Some(top) = topmost(&cursors) {
        let cursor = &cursors[top];
        let shown = Shown {
            key: &cursor.key,
            row: cursor.row,
            position: cursor.position,
            live: cursor.live,
            layer: cursor.layer,
        };
        if visit(&shown)?.is_break() {
            break;
        }
        pass(&mut cursors, top)?;
    }
    Ok(())
}

/// The topmost of the cursors that stand at the smallest key.
fn topmost(cursors: &[Cursor<'_>]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (index, cursor) in cursors.iter().enumerate() {
        if cursor.ended {
            continue;
        }
        if best.is_none_or(|best: usize| cursor.key < cursors[best].key) {
            best = Some(index);
        }
    }
    best
}

/// Moves every cursor that stands at the key of `top`.
fn pass(cursors: &mut [Cursor<'_>], top: usize) -> Attempt<()> {
    for index in (0..cursors.len()).rev() {
        let same = !cursors[index].ended && cursors[index].key == cursors[top].key;
        if same && index != top {
            cursors[index].advance(true)?;
        }
    }
    cursors[top].advance(true)
}
