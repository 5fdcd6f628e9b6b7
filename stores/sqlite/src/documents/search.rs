//! Lists and searches: the passing documents of each layer of a view, and a page of them.

use rusqlite::Connection;
use spice_core::{
    guard::Guards,
    lineage::View,
    name::ClassName,
    port::documents::{Document, Search, SearchPage},
};

use super::{
    cursor::Cursor,
    hidden::Hidden,
    matches::{Finder, Matches},
    order::{Hit, Place, Sorting, keep_first},
    pages::LayerPage,
    row_set::RowSet,
    rows::{DocumentRows, branch_of, document, document_columns},
    sorted::Wanted,
};
use crate::{
    columns::text,
    failure::Attempt,
    layers::Layer,
    lookup::{layers_of, level_of},
    scopes::Part,
};

/// A prepared search.
struct Query<'a> {
    connection: &'a Connection,
    search: &'a Search,
    sorting: Sorting<'a>,
    after: Option<Place>,
    /// The number of hits after the cursor that the page needs, plus one to see whether more
    /// follow.
    wanted: usize,
    /// The number of documents from which a layer is worth an index.
    from: u64,
}

/// Returns a page, and the indexes that would have helped.
pub(super) fn search(
    connection: &Connection,
    view: &View,
    search: &Search,
    from: u64,
    guards: Guards,
) -> Attempt<(SearchPage, Vec<Wanted>)> {
    let sorting = Sorting::new(search.order.as_ref());
    let cursor = search.cursor.as_deref().map(Cursor::parse).transpose()?;
    let query = Query {
        connection,
        search,
        sorting,
        after: cursor.map(|cursor| sorting.place_of(cursor)),
        wanted: search.offset.saturating_add(search.limit).saturating_add(1),
        from,
    };
    let layers = layers_of(
        connection,
        &DocumentRows(guards),
        view,
        &Part::instances(&search.class),
    )?;
    let (mut hits, mut total, mut missing) = (Vec::new(), 0, Vec::new());
    for (index, layer) in layers.iter().enumerate() {
        let hidden = Hidden::find(connection, &layers[..index], layer)?;
        let (found, count) = query.select(layer, &hidden, &mut missing)?;
        hits.extend(found);
        total += count;
    }
    keep_first(sorting, &mut hits, query.wanted);
    let page = query.page(view, hits, total, &search.class)?;
    Ok((page, missing))
}

impl Query<'_> {
    /// Returns the first hits of a layer, and the total number of hits.
    fn select(
        &self,
        layer: &Layer,
        hidden: &Hidden,
        missing: &mut Vec<Wanted>,
    ) -> Attempt<(Vec<Hit>, u64)> {
        let finder = Finder {
            connection: self.connection,
            layer,
            from: self.from,
        };
        let page = LayerPage {
            connection: self.connection,
            layer,
            hidden,
            sorting: self.sorting,
            after: self.after.as_ref(),
            wanted: self.wanted,
        };
        let filters = &self.search.filters;
        let all = || -> Attempt<RowSet> {
            let mut rows = finder.live_rows()?;
            rows.subtract(&hidden.rows);
            Ok(rows)
        };
        let passing = match finder.find(self.search.text.as_deref(), filters, missing)? {
            Matches::All => None,
            Matches::Exactly(mut rows) => {
                rows.subtract(&hidden.rows);
                if rows.len() <= self.from {
                    return page.read_rows(&rows, &[]);
                }
                Some(rows)
            }
            Matches::Among(mut rows) => {
                rows.subtract(&hidden.rows);
                self.order_slot(&finder, layer, rows.len(), missing)?;
                return page.read_rows(&rows, filters);
            }
            Matches::Any => {
                let rows = all()?;
                self.order_slot(&finder, layer, rows.len(), missing)?;
                return page.read_rows(&rows, filters);
            }
        };
        let total = match &passing {
            Some(rows) => rows.len(),
            None => hidden.count_visible(self.connection, layer)?,
        };
        let hits = match self.sorting {
            Sorting::Id { descending } => page.by_id(descending, passing.as_ref())?,
            Sorting::Property(order) => match self.order_slot(&finder, layer, total, missing)? {
                Some(slot) => page.by_value(order, slot, passing.as_ref(), &finder)?,
                None => page.read_rows(&passing.map_or_else(all, Ok)?, &[])?.0,
            },
        };
        Ok((hits, total))
    }

    /// Returns the index over the order's property. For few rows it is not requested.
    fn order_slot(
        &self,
        finder: &Finder<'_>,
        layer: &Layer,
        rows: u64,
        missing: &mut Vec<Wanted>,
    ) -> Attempt<Option<i64>> {
        match self.sorting {
            Sorting::Property(order) if rows > self.from => {
                let property = order.property.as_str();
                let wanted = Wanted::new(layer.scope, property, order.property_type);
                finder.find_slot(wanted, missing)
            }
            _ => Ok(None),
        }
    }

    fn page(
        &self,
        view: &View,
        mut hits: Vec<Hit>,
        total: u64,
        class: &ClassName,
    ) -> Attempt<SearchPage> {
        let more = hits.len() >= self.wanted;
        hits.truncate(self.wanted - 1);
        let cursor = match hits.last() {
            Some(last) if more => Some(self.cursor_after(last)?),
            _ => None,
        };
        let part = Part::instances(class);
        let mut fetch = self.connection.prepare_cached(concat!(
            "SELECT ",
            document_columns!(),
            " FROM documents WHERE row = ?1"
        ))?;
        let mut documents: Vec<Document> = Vec::new();
        for hit in hits.iter().skip(self.search.offset) {
            let mut rows = fetch.query([hit.row])?;
            if let Some(row) = rows.next()? {
                let branch = branch_of(level_of(view, &hit.layer));
                documents.push(document(row, branch, part.entity(&hit.place.id)?)?);
            }
        }
        Ok(SearchPage {
            documents,
            total,
            cursor,
        })
    }

    fn cursor_after(&self, last: &Hit) -> Attempt<String> {
        let mut fetch = self
            .connection
            .prepare_cached("SELECT data FROM documents WHERE row = ?1")?;
        let mut rows = fetch.query([last.row])?;
        let cursor = match rows.next()? {
            Some(row) => self.sorting.cursor(&last.place.id, text(row, 0)?)?,
            None => self.sorting.cursor(&last.place.id, "{}")?,
        };
        cursor.to_text()
    }
}
