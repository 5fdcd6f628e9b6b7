//! A sorted current list that is stable while it is paged: every page shows the state at the first
//! page, so nothing is repeated or missed when values change. The documents give the order; later
//! changes are reverted with the graph, so a page costs as much as was written since the first
//! page.

use std::collections::BTreeSet;

use spice_core::{
    id::{InstanceRef, LogPosition},
    lineage::View,
    model::{ModelEntry, ModelKey},
    port::{
        documents::{Document, Search, SearchPage},
        graph::{Entity, State},
    },
    query::{
        Filter, Order,
        words::{Sought, are_in},
    },
};

use super::{
    found::{Found, Unlisted},
    order::{Cursor, Place},
    past,
};
use crate::read::{
    reading::Reading,
    wait::{Needs, Patience, Wanted},
};

/// With more changes than this, the whole class is read from the graph.
const MOVED: usize = 2_000;
/// After this many document pages, the class is read from the graph.
const TURNS: usize = 4;
/// The maximum wait for the graph to reach the list's position.
const LATE: std::time::Duration = std::time::Duration::from_secs(10);

/// One page of such a list.
struct Steady<'a> {
    reading: &'a Reading,
    search: Search,
    position: LogPosition,
    /// The view at that position.
    then: View,
    /// Where the page continues.
    after: Option<Place>,
}

/// The changes since the list's position, up to an end of the log.
struct Moved {
    end: LogPosition,
    instances: BTreeSet<InstanceRef>,
    /// The changed instances that were in the list, in their old state and place.
    versions: Vec<(Place, State)>,
}

/// A page; `cursor` is that of the previous page.
pub(super) async fn list(
    reading: &Reading,
    search: Search,
    cursor: Option<Cursor>,
) -> Result<Found, Unlisted> {
    let (reads, stream) = (&reading.reads, &reading.view.stream);
    let position = match &cursor {
        Some(cursor) if cursor.position >= reading.snapshot.end => {
            return Err(Unlisted::UnknownCursor);
        }
        Some(cursor) => cursor.position,
        None => {
            let sink = reads.engine.documents.sink(stream).await?;
            LogPosition(sink.visible.0.saturating_sub(1))
        }
    };
    let then = reads
        .view_at(&reading.snapshot, &reading.branch, position)
        .await?;
    let from_graph = cursor.as_ref().is_some_and(|it| it.documents.is_none());
    let (after, documents) = cursor.map_or((None, None), |it| (it.after, it.documents));
    let mut steady = Steady {
        reading,
        search,
        position,
        then,
        after,
    };
    if from_graph {
        return steady.read_graph().await;
    }
    steady.search.cursor = documents.filter(|text| !text.is_empty());
    steady.page().await
}

impl Steady<'_> {
    async fn page(mut self) -> Result<Found, Unlisted> {
        let limit = self.search.limit;
        if self.search.offset > 0 {
            // An offset counts in the current list; only a cursor keeps the earlier state.
            let page = self.documents(limit).await?;
            return self.plain(page);
        }
        let begin = self.after.clone();
        let mut items = Vec::with_capacity(limit);
        let Some(mut moved) = self.moved().await? else {
            return self.read_graph().await;
        };
        for _ in 0..TURNS {
            // Up to this many may have moved from here to before the others.
            let page = self.documents(limit + moved.instances.len()).await?;
            moved = match self.moved_since(moved).await? {
                Some(moved) => moved,
                None => break,
            };
            if moved.instances.is_empty() && items.is_empty() && begin.is_none() {
                return self.plain(page);
            }
            let edge = page
                .documents
                .last()
                .map(|it| Place::of(&it.state, self.order()));
            let edge = edge.filter(|_| page.cursor.is_some());
            for (place, item) in self.merge(page.documents, &moved, edge.as_ref()) {
                if items.len() == limit {
                    let total = self.total(page.total, &moved).await?;
                    return self.build_page(items, total, true);
                }
                items.push(item);
                self.after = Some(place);
            }
            let has_more = page.cursor.is_some();
            if has_more {
                self.search.cursor = page.cursor;
                self.after = self.further(edge);
            }
            if !has_more || items.len() == limit {
                let total = self.total(page.total, &moved).await?;
                return self.build_page(items, total, has_more);
            }
        }
        self.after = begin;
        self.read_graph().await
    }

    /// The later of two places: the end of the page, and the end of the documents that were read.
    /// The documents end earlier if all of them have moved.
    fn further(&self, edge: Option<Place>) -> Option<Place> {
        let is_further = |edge: &Place| edge.is_after(self.after.as_ref(), self.order());
        edge.filter(is_further).or_else(|| self.after.clone())
    }

    async fn documents(&self, limit: usize) -> Result<SearchPage, Unlisted> {
        let search = Search {
            limit,
            ..self.search.clone()
        };
        let documents = &self.reading.reads.engine.documents;
        Ok(documents.search(&self.reading.view, &search).await?)
    }

    fn order(&self) -> Option<&Order> {
        self.search.order.as_ref()
    }

    /// Nothing has moved: the page is the documents' page.
    fn plain(mut self, page: SearchPage) -> Result<Found, Unlisted> {
        self.after = page
            .documents
            .last()
            .map(|it| Place::of(&it.state, self.order()));
        self.search.cursor.clone_from(&page.cursor);
        let has_more = page.cursor.is_some();
        let found = Found::from(page);
        self.build_page(found.items, found.total, has_more)
    }

    fn build_page(self, items: Vec<State>, total: u64, has_more: bool) -> Result<Found, Unlisted> {
        let cursor = Cursor {
            position: self.position,
            after: self.after,
            documents: Some(self.search.cursor.unwrap_or_default()),
        };
        let cursor = has_more.then(|| cursor.to_text()).transpose()?;
        Ok(Found {
            items,
            total,
            cursor,
        })
    }

    async fn read_graph(mut self) -> Result<Found, Unlisted> {
        self.wait_for_graph().await?;
        self.search.cursor = None;
        let after = self.after.take();
        let graph = &*self.reading.reads.engine.graph;
        Ok(past::list(graph, &self.then, self.position, &self.search, after).await?)
    }

    async fn wait_for_graph(&self) -> Result<(), Unlisted> {
        let wanted = Wanted::position(&self.then.stream, Needs::GRAPH, self.position);
        let reads = &self.reading.reads;
        Ok(reads.wait_shown(&wanted, Patience::new(LATE)).await?)
    }

    /// The changes so far. Ask after reading the documents, so that it covers everything that they
    /// can show. The same as before if the log has not grown.
    async fn moved_since(&self, known: Moved) -> Result<Option<Moved>, Unlisted> {
        let end = self.reading.reads.engine.log.end(&self.then.stream).await?;
        if end == known.end {
            return Ok(Some(known));
        }
        self.moved().await
    }

    /// The changes; none if there are too many to revert.
    async fn moved(&self) -> Result<Option<Moved>, Unlisted> {
        let own = |view: &View| view.lineage.own().map(|level| level.generation);
        if own(&self.then) != own(&self.reading.view) {
            return Ok(None);
        }
        let (reads, stream) = (&self.reading.reads, &self.then.stream);
        let spans = self.reading.view.lineage.spans_beyond(&self.then.lineage);
        let prefix = ModelKey::instances_of(&self.search.class);
        let end = reads.engine.log.end(stream).await?;
        let tail = reads.tail(stream, end, &prefix).await?;
        let shows = |entry: &&ModelEntry| {
            let mut spans = spans.iter();
            spans.any(|span| span.generation == entry.branch && span.holds(entry.position))
        };
        let mut instances: BTreeSet<InstanceRef> = tail
            .iter()
            .filter(shows)
            .filter_map(|entry| instance(&entry.key))
            .collect();
        let first = ModelKey::from_stored(&prefix);
        let model = &reads.engine.model;
        let keys = model
            .changed_keys(stream, &spans, Some(&first), MOVED + 1)
            .await?;
        instances.extend(
            keys.iter()
                .take_while(|key| key.as_str().starts_with(&prefix))
                .filter_map(instance),
        );
        if instances.len() > MOVED {
            return Ok(None);
        }
        Ok(Some(Moved {
            end,
            versions: self.versions(&instances).await?,
            instances,
        }))
    }

    /// The changed instances that were in the list, in their old state.
    async fn versions(
        &self,
        moved: &BTreeSet<InstanceRef>,
    ) -> Result<Vec<(Place, State)>, Unlisted> {
        if moved.is_empty() {
            return Ok(Vec::new());
        }
        self.wait_for_graph().await?;
        let entities: Vec<Entity> = moved.iter().cloned().map(Entity::Instance).collect();
        let versions = self
            .reading
            .reads
            .engine
            .graph
            .get(&self.then, &entities)
            .await?;
        let listed = versions.into_iter().flatten().map(|version| version.state);
        let listed = listed.filter(|it| is_listed(&self.search, it));
        Ok(listed
            .map(|it| (Place::of(&it, self.order()), it))
            .collect())
    }

    /// The number at that time, from the documents' current count.
    async fn total(&self, now: u64, moved: &Moved) -> Result<u64, Unlisted> {
        let instances: Vec<InstanceRef> = moved.instances.iter().cloned().collect();
        let documents = &self.reading.reads.engine.documents;
        let known = documents.get(&self.reading.view, &instances).await?;
        let known = known.iter().flatten();
        let counted = known
            .filter(|it| is_listed(&self.search, &it.state))
            .count() as u64;
        Ok((now + moved.versions.len() as u64).saturating_sub(counted))
    }

    /// Unmoved instances and the old state of moved ones, in order, after the place where the page
    /// continues, up to the end of the documents.
    fn merge(
        &self,
        documents: Vec<Document>,
        moved: &Moved,
        edge: Option<&Place>,
    ) -> Vec<(Place, State)> {
        let order = self.order();
        let stays = |document: &Document| match &document.state.entity {
            Entity::Instance(instance) => !moved.instances.contains(instance),
            Entity::Class(_) => false,
        };
        let is_after = |place: &Place| place.is_after(self.after.as_ref(), order);
        let is_before_edge =
            |place: &Place| edge.is_none_or(|edge| !place.is_after(Some(edge), order));
        let documents = documents.into_iter().filter(stays);
        let documents = documents
            .map(|it| (Place::of(&it.state, order), it.state))
            .filter(|(place, _)| is_after(place));
        let versions = moved.versions.iter();
        let versions = versions
            .filter(|(place, _)| is_after(place) && is_before_edge(place))
            .map(|(place, it)| (place.clone(), it.clone()));
        let mut merged: Vec<(Place, State)> = documents.chain(versions).collect();
        merged.sort_by(|one, other| one.0.compare(&other.0, order));
        merged
    }
}

fn instance(key: &ModelKey) -> Option<InstanceRef> {
    match key.entity()? {
        Entity::Instance(instance) => Some(instance),
        Entity::Class(_) => None,
    }
}

/// Whether an instance is live and matches the list.
fn is_listed(search: &Search, listed: &State) -> bool {
    let Some(data) = &listed.data else {
        return false;
    };
    let words = search.text.as_deref().map(Sought::all);
    Filter::match_all(&search.filters, listed.entity.id(), data)
        && words.is_none_or(|words| are_in(&words, data.as_str()))
}
