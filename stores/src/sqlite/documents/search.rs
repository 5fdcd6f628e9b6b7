//! Lists and searches: walk through what shows, or through what has the words, and keep a page.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use rusqlite::{CachedStatement, Connection, params};
use spice_core::{
    guard::Guards,
    json::Json,
    lineage::View,
    name::ClassName,
    port::documents::{Document, Search, SearchPage},
    query::{INSTANCE_ID, Order},
};

use super::{
    cursor::Cursor,
    read::{KEYS, branch_of, count, layers_of},
    rows::{document, document_columns},
    words,
};
use crate::sqlite::{
    candidates::{self, Found},
    columns::{optional_text, text},
    failure::{Attempt, Failure},
    index::Indexer,
    layers::{KeyRange, Layer, walk},
    looks::Sieve,
    properties::member,
    scopes::Part,
};

/// A document that is in the answer.
struct Hit {
    value: Option<Json>,
    id: String,
    row: i64,
    layer: Layer,
}

struct Query<'a> {
    connection: &'a Connection,
    view: &'a View,
    search: &'a Search,
    layers: Vec<Layer>,
    sieve: Sieve<'a>,
    cursor: Option<Cursor>,
    /// How many hits after the cursor the page needs, with one to see whether more follow.
    wanted: usize,
}

pub(super) fn search(
    connection: &Connection,
    view: &View,
    search: &Search,
    indexer: &Indexer,
    guards: Guards,
) -> Attempt<(SearchPage, Vec<(i64, String)>)> {
    let part = Part::instances(&search.class);
    let query = Query {
        connection,
        view,
        search,
        layers: layers_of(connection, view, &part, guards)?,
        sieve: Sieve::new(&search.filters),
        cursor: search.cursor.as_deref().map(Cursor::parse).transpose()?,
        wanted: search.offset.saturating_add(search.limit).saturating_add(1),
    };
    let plain = search.filters.is_empty() && search.text.is_none() && search.order.is_none();
    if plain {
        let total = count(connection, &query.layers)?;
        let page = query.page(query.list()?, total, &search.class)?;
        return Ok((page, Vec::new()));
    }
    let found = match search.text {
        Some(_) => Found::default(),
        None => candidates::find(connection, indexer, &search.filters, &query.layers)?,
    };
    let (hits, total) = query.select(found.ids.as_ref())?;
    Ok((query.page(hits, total, &search.class)?, found.missing))
}

impl Query<'_> {
    /// A page of everything, by id; reads no more than the page.
    fn list(&self) -> Attempt<Vec<Hit>> {
        let mut hits = Vec::new();
        let after = self.cursor.as_ref().map(|cursor| cursor.id.as_str());
        let range = KeyRange::after(after);
        walk(self.connection, KEYS, &self.layers, &range, |shown| {
            if shown.live {
                hits.push(Hit {
                    value: None,
                    id: shown.key.to_owned(),
                    row: shown.row,
                    layer: shown.layer,
                });
            }
            Ok(if hits.len() >= self.wanted {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        Ok(hits)
    }

    /// The first hits after the cursor, and how many there are in all.
    fn select(&self, candidates: Option<&BTreeSet<String>>) -> Attempt<(Vec<Hit>, u64)> {
        let mut hits = Vec::new();
        let mut total = 0;
        let mut fetch = self
            .connection
            .prepare_cached("SELECT data FROM documents WHERE row = ?1")?;
        self.visit(candidates, |id, row, layer| {
            let Some(hit) = self.test(&mut fetch, id, row, layer)? else {
                return Ok(());
            };
            total += 1;
            if self.is_after_cursor(&hit) {
                self.keep(&mut hits, hit);
            }
            Ok(())
        })?;
        self.cut(&mut hits);
        Ok((hits, total))
    }

    /// Keeps a hit; in order of id those that come later than the page are not needed.
    fn keep(&self, hits: &mut Vec<Hit>, hit: Hit) {
        if self.search.order.is_none() && hits.len() >= self.wanted {
            return;
        }
        hits.push(hit);
        if hits.len() >= self.wanted.saturating_mul(2).max(4_096) {
            self.cut(hits);
        }
    }

    /// Leaves the first hits, in order.
    fn cut(&self, hits: &mut Vec<Hit>) {
        let Some(order) = &self.search.order else {
            return;
        };
        if hits.len() > self.wanted {
            hits.select_nth_unstable_by(self.wanted, |one, other| compare(order, one, other));
            hits.truncate(self.wanted);
        }
        hits.sort_by(|one, other| compare(order, one, other));
    }

    /// Visits the live documents that may pass, in order of id.
    fn visit(
        &self,
        candidates: Option<&BTreeSet<String>>,
        mut visit: impl FnMut(&str, i64, Layer) -> Attempt<()>,
    ) -> Attempt<()> {
        if let Some(query) = &self.search.text {
            for (id, (row, layer)) in self.with_words(query)? {
                visit(&id, row, layer)?;
            }
            return Ok(());
        }
        let ranges: Vec<KeyRange> = match candidates {
            Some(ids) => ids.iter().map(|id| KeyRange::only(id)).collect(),
            None => vec![KeyRange::after(None)],
        };
        for range in ranges {
            walk(self.connection, KEYS, &self.layers, &range, |shown| {
                if shown.live {
                    visit(shown.key, shown.row, shown.layer)?;
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(())
    }

    /// The documents that have the words and show.
    fn with_words(&self, query: &str) -> Attempt<BTreeMap<String, (i64, Layer)>> {
        let mut found = BTreeMap::new();
        let mut find = self.connection.prepare_cached(
            "SELECT documents.id, documents.row FROM words
             JOIN documents ON documents.row = words.rowid
             WHERE words MATCH ?1 AND documents.position <= ?2",
        )?;
        let mut covers = self.connection.prepare_cached(
            "SELECT 1 FROM documents WHERE scope = ?1 AND id = ?2 AND position <= ?3",
        )?;
        for (index, layer) in self.layers.iter().enumerate() {
            let Some(expression) = words::of_query(layer.scope, query) else {
                continue;
            };
            let mut rows = find.query(params![expression, layer.until])?;
            while let Some(row) = rows.next()? {
                let id = text(row, 0)?;
                if !is_covered(&mut covers, &self.layers[..index], id)? {
                    found.insert(id.to_owned(), (row.get(1)?, *layer));
                }
            }
        }
        Ok(found)
    }

    /// The hit that a live document is; none when it does not pass the filters.
    fn test(
        &self,
        fetch: &mut CachedStatement<'_>,
        id: &str,
        row_number: i64,
        layer: Layer,
    ) -> Attempt<Option<Hit>> {
        let mut rows = fetch.query([row_number])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let Some(data) = optional_text(row, 0)? else {
            return Ok(None);
        };
        if !self.sieve.passes(id, data)? {
            return Ok(None);
        }
        let value = match &self.search.order {
            None => None,
            Some(order) if order.property.as_str() == INSTANCE_ID => {
                Some(Json::of(id).map_err(Failure::unreadable)?)
            }
            Some(order) => value_of(data, order.property.as_str())?,
        };
        Ok(Some(Hit {
            value,
            id: id.to_owned(),
            row: row_number,
            layer,
        }))
    }

    fn is_after_cursor(&self, hit: &Hit) -> bool {
        let Some(cursor) = &self.cursor else {
            return true;
        };
        let by_value = self.search.order.as_ref().map_or(Ordering::Equal, |order| {
            order.compare(hit.value.as_ref(), cursor.value.as_ref())
        });
        by_value.then_with(|| hit.id.cmp(&cursor.id)).is_gt()
    }

    fn page(&self, mut hits: Vec<Hit>, total: u64, class: &ClassName) -> Attempt<SearchPage> {
        let more = hits.len() >= self.wanted;
        hits.truncate(self.wanted - 1);
        let cursor = match hits.last() {
            Some(last) if more => Some(
                Cursor {
                    value: last.value.clone(),
                    id: last.id.clone(),
                }
                .to_text()?,
            ),
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
                let branch = branch_of(self.view, &hit.layer);
                documents.push(document(row, branch, part.entity(&hit.id)?)?);
            }
        }
        Ok(SearchPage {
            documents,
            total,
            cursor,
        })
    }
}

fn compare(order: &Order, one: &Hit, other: &Hit) -> Ordering {
    order
        .compare(one.value.as_ref(), other.value.as_ref())
        .then_with(|| one.id.cmp(&other.id))
}

fn value_of(data: &str, property: &str) -> Attempt<Option<Json>> {
    member(data, property)
        .map(Json::parse)
        .transpose()
        .map_err(Failure::unreadable)
}

fn is_covered(covers: &mut CachedStatement<'_>, above: &[Layer], id: &str) -> Attempt<bool> {
    for layer in above {
        if covers.exists(params![layer.scope, id, layer.until])? {
            return Ok(true);
        }
    }
    Ok(false)
}
