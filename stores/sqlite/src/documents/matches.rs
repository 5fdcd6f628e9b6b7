//! Which documents of one layer pass, as far as indexes show.

use rusqlite::{CachedStatement, Connection, ToSql, params, types::Value};
use spice_core::query::{Filter, Operator, Pattern};

use super::{
    conditions::{Condition, Matcher, Range, is_doubtful, is_rough},
    hidden::count_live,
    row_set::RowSet,
    sorted::{Index, Wanted, find_index},
    words,
};
use crate::{
    columns::{from_column, optional_text},
    failure::{Attempt, Failure},
    layers::Layer,
    looks::Sieve,
};

/// One condition on a document.
enum Clause<'search> {
    Words(Option<String>),
    Filter(&'search Filter, Condition<'search>, i64),
    /// All pass.
    Always,
    /// No index can decide it.
    Unindexed,
}

/// The result of the indexes for a layer.
pub(super) enum Matches {
    /// There is no condition: every visible document passes.
    All,
    /// These rows pass if they are visible.
    Exactly(RowSet),
    /// Only these can pass; each has to be read.
    Among(RowSet),
    /// Any can pass.
    Any,
}

/// Finds the passing documents of a layer.
pub(super) struct Finder<'a> {
    pub(super) connection: &'a Connection,
    pub(super) layer: &'a Layer,
    /// The number of documents from which a layer is worth an index; fewer rows than this are read
    /// one by one rather than narrowed by further indexes.
    pub(super) from: u64,
}

impl Finder<'_> {
    /// Finds the rows that pass a text and filters; adds indexes that would have helped to
    /// `missing`.
    pub(super) fn find(
        &self,
        text: Option<&str>,
        filters: &[Filter],
        missing: &mut Vec<Wanted>,
    ) -> Attempt<Matches> {
        let mut clauses = Vec::with_capacity(filters.len() + 1);
        if let Some(text) = text {
            clauses.push(Clause::Words(words::of_query(self.layer.scope, text)));
        }
        for filter in filters {
            clauses.push(self.plan_clause(filter, missing)?);
        }
        clauses.retain(|clause| !matches!(clause, Clause::Always));
        if clauses.is_empty() {
            return Ok(Matches::All);
        }
        if let Some(few) = self.find_few(&clauses)? {
            return Ok(Matches::Among(few));
        }
        self.combine(&clauses)
    }

    /// Returns a complete index over a property; adds one that would be worth it to `missing`.
    pub(super) fn find_slot(
        &self,
        wanted: Wanted,
        missing: &mut Vec<Wanted>,
    ) -> Attempt<Option<i64>> {
        match find_index(self.connection, &wanted)? {
            Index::Complete(slot) => return Ok(Some(slot)),
            Index::Possible if count_live(self.connection, self.layer.scope)? >= self.from => {
                missing.push(wanted);
            }
            Index::Possible | Index::Refused => {}
        }
        Ok(None)
    }

    fn plan_clause<'search>(
        &self,
        filter: &'search Filter,
        missing: &mut Vec<Wanted>,
    ) -> Attempt<Clause<'search>> {
        match Condition::new(filter) {
            Condition::Other => Ok(Clause::Unindexed),
            condition @ Condition::Id(..) => Ok(Clause::Filter(filter, condition, 0)),
            condition => {
                let property = filter.property.as_str();
                let wanted = Wanted::new(self.layer.scope, property, filter.property_type);
                let Some(slot) = self.find_slot(wanted, missing)? else {
                    return Ok(Clause::Unindexed);
                };
                let is_presence = matches!(filter.operator, Operator::Exists(true));
                if is_presence && !self.lacks_values(slot)? {
                    return Ok(Clause::Always);
                }
                Ok(Clause::Filter(filter, condition, slot))
            }
        }
    }

    /// Returns the rows of a clause that only few rows can pass. A text is always looked up,
    /// because the document alone does not show whether it has the words.
    fn find_few(&self, clauses: &[Clause<'_>]) -> Attempt<Option<RowSet>> {
        let is_words = |clause: &&Clause<'_>| matches!(clause, Clause::Words(_));
        let words = clauses.iter().find(is_words);
        for clause in clauses {
            let Some(mut rows) = self.rows(clause, self.from)? else {
                continue;
            };
            if let Some(words) = words.filter(|words| !std::ptr::eq(*words, clause))
                && let Some(with_words) = self.rows(words, u64::MAX)?
            {
                rows.intersect(&with_words);
            }
            return Ok(Some(rows));
        }
        Ok(None)
    }

    fn combine(&self, clauses: &[Clause<'_>]) -> Attempt<Matches> {
        let mut passing: Option<RowSet> = None;
        let mut failing = Vec::new();
        let mut is_exact = true;
        for clause in clauses {
            match (clause, self.rows(clause, u64::MAX)?) {
                (Clause::Filter(_, Condition::Absent, slot), _) => {
                    failing.push(self.find_rows_with_value(*slot)?);
                }
                (_, None) => is_exact = false,
                (_, Some(rows)) => match &mut passing {
                    None => passing = Some(rows),
                    Some(passing) => passing.intersect(&rows),
                },
            }
        }
        let mut passing = match passing {
            None if !is_exact => return Ok(Matches::Any),
            None => self.live_rows()?,
            Some(passing) => passing,
        };
        for rows in &failing {
            passing.subtract(rows);
        }
        Ok(if is_exact {
            Matches::Exactly(passing)
        } else {
            Matches::Among(passing)
        })
    }

    /// Returns the rows that pass a clause; none if there are more than `most`, or if no index
    /// lists them.
    fn rows(&self, clause: &Clause<'_>, most: u64) -> Attempt<Option<RowSet>> {
        match clause {
            Clause::Words(None) => Ok(Some(RowSet::default())),
            Clause::Words(Some(expression)) => {
                let mut find = self
                    .connection
                    .prepare_cached("SELECT rowid FROM words WHERE words MATCH ?1")?;
                let mut rows = RowSet::default();
                let is_all = collect(&mut find, params![expression], &mut rows, most)?;
                Ok(is_all.then_some(rows))
            }
            Clause::Filter(_, Condition::Id(ranges, pattern), _) => {
                self.by_id(ranges, *pattern, most)
            }
            Clause::Filter(filter, Condition::Value(ranges, pattern), slot) => {
                self.by_value(filter, ranges, *pattern, *slot, most)
            }
            Clause::Filter(..) | Clause::Always | Clause::Unindexed => Ok(None),
        }
    }

    fn by_id(
        &self,
        ranges: &[Range<Option<String>>],
        pattern: Option<&Pattern>,
        most: u64,
    ) -> Attempt<Option<RowSet>> {
        let mut rows = RowSet::default();
        let mut find = self.connection.prepare_cached(
            "SELECT row, id FROM documents WHERE scope = ?1 AND id >= ?2 AND id < ?3 AND live = 1",
        )?;
        for (low, high) in ranges {
            let (low, high) = (id_bound(low.as_deref()), id_bound(high.as_deref()));
            let mut found = find.query(params![self.layer.scope, low, high])?;
            while let Some(row) = found.next()? {
                let id = optional_text(row, 1)?.unwrap_or_default();
                if pattern.is_none_or(|pattern| pattern.matches(id)) {
                    rows.insert(row.get(0)?);
                }
                if rows.len() > most {
                    return Ok(None);
                }
            }
        }
        Ok(Some(rows))
    }

    fn by_value(
        &self,
        filter: &Filter,
        ranges: &[Range<Vec<u8>>],
        pattern: Option<&Pattern>,
        slot: i64,
        most: u64,
    ) -> Attempt<Option<RowSet>> {
        let mut rows = RowSet::default();
        let mut doubtful = Vec::new();
        let mut matcher = pattern.map(Matcher::new);
        // A list exists if its elements do.
        let is_presence = matches!(filter.operator, Operator::Exists(true));
        let slots = if is_presence { &[1][..] } else { &[1, -1] };
        for (range, sign) in ranges
            .iter()
            .flat_map(|range| slots.iter().map(move |sign| (range, sign)))
        {
            if matcher.is_none() && !is_rough(range) {
                let mut find = self.connection.prepare_cached(
                    "SELECT row FROM sorted_values WHERE slot = ?1 AND value >= ?2 AND value < ?3",
                )?;
                if !collect(
                    &mut find,
                    params![slot * sign, range.0, range.1],
                    &mut rows,
                    most,
                )? {
                    return Ok(None);
                }
                continue;
            }
            let mut find = self.connection.prepare_cached(
                "SELECT row, value FROM sorted_values
                 WHERE slot = ?1 AND value >= ?2 AND value < ?3",
            )?;
            let mut found = find.query(params![slot * sign, range.0, range.1])?;
            while let Some(row) = found.next()? {
                let value = row.get_ref(1)?.as_blob().map_err(Failure::unreadable)?;
                if is_doubtful(value, range, pattern.is_some()) {
                    doubtful.push(row.get(0)?);
                } else if matcher.as_mut().is_none_or(|matcher| matcher.passes(value)) {
                    rows.insert(row.get(0)?);
                }
                if rows.len() + doubtful.len() as u64 > most {
                    return Ok(None);
                }
            }
        }
        self.add_doubtful(filter, &doubtful, &mut rows)?;
        Ok(Some(rows))
    }

    /// Adds the doubtful rows that pass.
    fn add_doubtful(&self, filter: &Filter, doubtful: &[i64], rows: &mut RowSet) -> Attempt<()> {
        let sieve = Sieve::new(std::slice::from_ref(filter));
        let mut fetch = self
            .connection
            .prepare_cached("SELECT data FROM documents WHERE row = ?1")?;
        for number in doubtful {
            let mut found = fetch.query([number])?;
            if let Some(row) = found.next()?
                && let Some(data) = optional_text(row, 0)?
                && sieve.passes("", data)?
            {
                rows.insert(*number);
            }
        }
        Ok(())
    }

    /// Returns the rows that hold a value.
    pub(super) fn find_rows_with_value(&self, slot: i64) -> Attempt<RowSet> {
        let mut find = self
            .connection
            .prepare_cached("SELECT row FROM sorted_values WHERE slot = ?1")?;
        let mut rows = RowSet::default();
        collect(&mut find, params![slot], &mut rows, u64::MAX)?;
        Ok(rows)
    }

    /// Returns whether an index has no value for some live documents.
    pub(super) fn lacks_values(&self, slot: i64) -> Attempt<bool> {
        let holding = self
            .connection
            .prepare_cached("SELECT count(*) FROM sorted_values WHERE slot = ?1")?
            .query_row([slot], |row| row.get(0))?;
        Ok(from_column(holding)? < count_live(self.connection, self.layer.scope)?)
    }

    /// Returns the rows that are not tombstones.
    pub(super) fn live_rows(&self) -> Attempt<RowSet> {
        let mut find = self
            .connection
            .prepare_cached("SELECT row FROM documents WHERE scope = ?1 AND live = 1")?;
        let mut rows = RowSet::default();
        collect(&mut find, params![self.layer.scope], &mut rows, u64::MAX)?;
        Ok(rows)
    }
}

/// Returns a bound over ids: every text comes before a blob.
pub(super) fn id_bound(id: Option<&str>) -> Value {
    id.map_or_else(|| Value::Blob(Vec::new()), |id| Value::Text(id.to_owned()))
}

fn collect(
    find: &mut CachedStatement<'_>,
    parameters: &[&dyn ToSql],
    rows: &mut RowSet,
    most: u64,
) -> Attempt<bool> {
    let mut found = find.query(parameters)?;
    while let Some(row) = found.next()? {
        rows.insert(row.get(0)?);
        if rows.len() > most {
            return Ok(false);
        }
    }
    Ok(true)
}
