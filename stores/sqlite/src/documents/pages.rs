//! The first hits of one layer: read one by one, or along an index that already has them in order.

use rusqlite::{Connection, Statement, params};
use spice_core::{
    query::{Filter, Order},
    value::SortKey,
};

use super::{
    hidden::Hidden,
    matches::{Finder, id_bound},
    order::{Hit, Place, Sorting, keep_first},
    row_set::RowSet,
};
use crate::{
    columns::{optional_text, text},
    failure::{Attempt, Failure},
    layers::Layer,
    looks::Sieve,
};

/// A value with more entries than this is read again in the order of ids.
const RUN: usize = 256;
/// The number of hits that are kept before the last ones are dropped.
const KEPT: usize = 4_096;

/// The page of one layer.
pub(super) struct LayerPage<'a> {
    pub(super) connection: &'a Connection,
    pub(super) layer: &'a Layer,
    pub(super) hidden: &'a Hidden,
    pub(super) sorting: Sorting<'a>,
    pub(super) after: Option<&'a Place>,
    pub(super) wanted: usize,
}

/// Entries of one value, while an index is read backwards or values have to be read.
#[derive(Default)]
struct Run {
    key: Vec<u8>,
    members: Vec<(String, i64)>,
}

impl LayerPage<'_> {
    /// Reads each of these rows; returns the first hits and the number that pass.
    pub(super) fn read_rows(&self, rows: &RowSet, filters: &[Filter]) -> Attempt<(Vec<Hit>, u64)> {
        let sieve = Sieve::new(filters);
        let (mut hits, mut total) = (Vec::new(), 0);
        let mut fetch = self
            .connection
            .prepare_cached("SELECT id, data FROM documents WHERE row = ?1")?;
        for number in rows.iter() {
            let mut found = fetch.query([number])?;
            let Some(row) = found.next()? else { continue };
            let (id, Some(data)) = (text(row, 0)?, optional_text(row, 1)?) else {
                continue;
            };
            if !sieve.passes(id, data)? {
                continue;
            }
            total += 1;
            let place = self.sorting.place(id, data)?;
            if self.is_after(&place) {
                hits.push(self.read_hit(place, number));
            }
            if hits.len() >= self.wanted.saturating_mul(2).max(KEPT) {
                keep_first(self.sorting, &mut hits, self.wanted);
            }
        }
        keep_first(self.sorting, &mut hits, self.wanted);
        Ok((hits, total))
    }

    /// Walks along the ids.
    pub(super) fn by_id(&self, descending: bool, passing: Option<&RowSet>) -> Attempt<Vec<Hit>> {
        let mut hits = Vec::new();
        let after = self.after.map(|place| place.id.as_str());
        let takes = |row| self.accepts(row, passing);
        self.walk_ids(descending, after, takes, &mut hits)?;
        Ok(hits)
    }

    /// Walks along an index over the order's property.
    pub(super) fn by_value(
        &self,
        order: &Order,
        slot: i64,
        passing: Option<&RowSet>,
        finder: &Finder<'_>,
    ) -> Attempt<Vec<Hit>> {
        let mut hits = Vec::new();
        if self.after.is_none_or(|place| place.key.is_some()) {
            if order.descending {
                self.descend(slot, passing, &mut hits)?;
            } else {
                self.ascend(slot, passing, &mut hits)?;
            }
        }
        if hits.len() < self.wanted && finder.lacks_values(slot)? {
            let holding = finder.find_rows_with_value(slot)?;
            let after = self.after.filter(|place| place.key.is_none());
            let takes = |row| !holding.contains(row) && self.accepts(row, passing);
            let after = after.map(|place| place.id.as_str());
            self.walk_ids(false, after, takes, &mut hits)?;
        }
        hits.truncate(self.wanted);
        Ok(hits)
    }

    fn walk_ids(
        &self,
        descending: bool,
        after: Option<&str>,
        takes: impl Fn(i64) -> bool,
        hits: &mut Vec<Hit>,
    ) -> Attempt<()> {
        let (sql, bound) = if descending {
            let sql = "SELECT id, row FROM documents WHERE scope = ?1 AND id < ?2 AND live = 1
                 ORDER BY id DESC";
            (sql, id_bound(after))
        } else {
            let sql = "SELECT id, row FROM documents WHERE scope = ?1 AND id > ?2 AND live = 1
                 ORDER BY id";
            (sql, id_bound(after.or(Some(""))))
        };
        let mut find = self.connection.prepare_cached(sql)?;
        let mut rows = find.query(params![self.layer.scope, bound])?;
        while hits.len() < self.wanted
            && let Some(row) = rows.next()?
        {
            let number = row.get(1)?;
            if takes(number) {
                hits.push(self.read_hit(Place::of_id(text(row, 0)?), number));
            }
        }
        Ok(())
    }

    fn ascend(&self, slot: i64, passing: Option<&RowSet>, hits: &mut Vec<Hit>) -> Attempt<()> {
        let mut find = self.connection.prepare_cached(
            "SELECT value, id, row FROM sorted_values
             WHERE slot = ?1 AND (value, id) > (?2, ?3) ORDER BY value, id",
        )?;
        let (key, id) = match self
            .after
            .and_then(|place| Some((place.key.as_ref()?, place)))
        {
            None => (&[][..], ""),
            Some((key, place)) if key.is_exact() => (key.as_bytes(), place.id.as_str()),
            Some((key, _)) => (key.as_bytes(), ""),
        };
        let mut rows = find.query(params![slot, key, id])?;
        let mut run = Run::default();
        while hits.len() < self.wanted
            && let Some(row) = rows.next()?
        {
            let number = row.get(2)?;
            if !self.accepts(number, passing) {
                continue;
            }
            let value = row.get_ref(0)?.as_blob().map_err(Failure::unreadable)?;
            if run.key != value {
                self.flush(&mut run, hits)?;
            }
            if SortKey::is_cut(value) {
                run.add(value, text(row, 1)?, number);
            } else if hits.len() < self.wanted {
                hits.push(self.read_hit(Place::of_key(value, text(row, 1)?), number));
            }
        }
        self.flush(&mut run, hits)
    }

    fn descend(&self, slot: i64, passing: Option<&RowSet>, hits: &mut Vec<Hit>) -> Attempt<()> {
        let mut below = vec![u8::MAX];
        if let Some(place) = self.after
            && let Some(key) = &place.key
        {
            let after = if key.is_exact() { &place.id } else { "" };
            self.read_run(slot, key.as_bytes(), after, passing, hits)?;
            below = key.as_bytes().to_vec();
        }
        let mut find = self.connection.prepare_cached(
            "SELECT value, id, row FROM sorted_values WHERE slot = ?1 AND value < ?2
             ORDER BY value DESC, id DESC",
        )?;
        while hits.len() < self.wanted {
            let Some(long) = self.descend_below(&mut find, slot, &below, passing, hits)? else {
                return Ok(());
            };
            self.read_run(slot, &long, "", passing, hits)?;
            below = long;
        }
        Ok(())
    }

    /// Reads backwards until there are enough hits, or up to a value with many entries, which it
    /// returns.
    fn descend_below(
        &self,
        find: &mut Statement<'_>,
        slot: i64,
        below: &[u8],
        passing: Option<&RowSet>,
        hits: &mut Vec<Hit>,
    ) -> Attempt<Option<Vec<u8>>> {
        let mut run = Run::default();
        let mut rows = find.query(params![slot, below])?;
        while let Some(row) = rows.next()? {
            let number = row.get(2)?;
            if !self.accepts(number, passing) {
                continue;
            }
            let value = row.get_ref(0)?.as_blob().map_err(Failure::unreadable)?;
            if run.key != value {
                self.flush(&mut run, hits)?;
                if hits.len() >= self.wanted {
                    return Ok(None);
                }
            }
            run.add(value, text(row, 1)?, number);
            if run.members.len() > RUN {
                return Ok(Some(run.key));
            }
        }
        self.flush(&mut run, hits)?;
        Ok(None)
    }

    /// Reads the entries of one value by their ids.
    fn read_run(
        &self,
        slot: i64,
        key: &[u8],
        after: &str,
        passing: Option<&RowSet>,
        hits: &mut Vec<Hit>,
    ) -> Attempt<()> {
        let mut find = self.connection.prepare_cached(
            "SELECT id, row FROM sorted_values WHERE slot = ?1 AND value = ?2 AND id > ?3
             ORDER BY id",
        )?;
        let mut rows = find.query(params![slot, key, after])?;
        let mut run = Run::default();
        let is_cut = SortKey::is_cut(key);
        while let Some(row) = rows.next()? {
            let number = row.get(1)?;
            if !self.accepts(number, passing) {
                continue;
            }
            if is_cut {
                run.add(key, text(row, 0)?, number);
                continue;
            }
            hits.push(self.read_hit(Place::of_key(key, text(row, 0)?), number));
            if hits.len() >= self.wanted {
                return Ok(());
            }
        }
        self.flush(&mut run, hits)
    }

    /// Adds the entries of one value by their ids, or by their values if the key was truncated.
    fn flush(&self, run: &mut Run, hits: &mut Vec<Hit>) -> Attempt<()> {
        let Run { key, mut members } = std::mem::take(run);
        if SortKey::is_cut(&key) {
            let mut rows = RowSet::default();
            for (_, row) in &members {
                rows.insert(*row);
            }
            hits.extend(self.read_rows(&rows, &[])?.0);
            return Ok(());
        }
        members.sort();
        let hit = |(id, row): (String, i64)| self.read_hit(Place::of_key(&key, &id), row);
        hits.extend(members.into_iter().map(hit));
        Ok(())
    }

    fn accepts(&self, row: i64, passing: Option<&RowSet>) -> bool {
        match passing {
            // Hidden documents have been removed from it.
            Some(passing) => passing.contains(row),
            None => !self.hidden.rows.contains(row),
        }
    }

    fn is_after(&self, place: &Place) -> bool {
        let is_later = |after: &Place| self.sorting.compare(place, after).is_gt();
        self.after.is_none_or(is_later)
    }

    fn read_hit(&self, place: Place, row: i64) -> Hit {
        Hit {
            place,
            row,
            layer: *self.layer,
        }
    }
}

impl Run {
    fn add(&mut self, key: &[u8], id: &str, row: i64) {
        if self.members.is_empty() {
            self.key.clear();
            self.key.extend_from_slice(key);
        }
        self.members.push((id.to_owned(), row));
    }
}
