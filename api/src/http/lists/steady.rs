//! An ordered list of now that stands still while it is paged: every page shows what showed when
//! the first was read, so nothing comes twice and nothing is left out when values move meanwhile.
//! The documents tell the order; what has changed since is put back from the graph, so a page
//! costs what was written in between.

use std::collections::BTreeSet;

use spice_core::{
    id::{InstanceRef, LogPosition},
    json::Properties,
    lineage::View,
    model::ModelKey,
    port::{
        documents::{Document, Search, SearchPage},
        graph::{Entity, Version},
    },
    query::Order,
};

use super::{
    Found, Item, not_a_cursor, of_search,
    order::{Cursor, Listed, Place},
    past,
    words::Words,
};
use crate::http::{
    Api,
    call::Call,
    failure::Failure,
    read::Reading,
    wait::{Needs, Patience, Wanted},
};

/// More changes than this, and the whole class is read from the graph.
const MOVED: usize = 2_000;
/// How long the graph may take to show the position that the list stands at.
const LATE: std::time::Duration = std::time::Duration::from_secs(10);

/// One page of such a list.
struct Steady<'a> {
    api: &'a Api,
    reading: &'a Reading,
    search: Search,
    position: LogPosition,
    /// The view at that position.
    then: View,
    /// Where the page goes on.
    after: Option<Place>,
}

/// What changed since the list's position.
enum Moved {
    /// Those that did, and those of them that were in the list, as they were.
    Some(BTreeSet<InstanceRef>, Vec<Version>),
    /// Too much to put it back.
    TooMuch,
}

/// A page; `cursor` is the one of the page before.
pub(super) async fn list(
    call: &Call,
    reading: &Reading,
    search: Search,
    cursor: Option<Cursor>,
) -> Result<Found, Failure> {
    let (api, stream) = (&call.api, &reading.view.stream);
    let position = match &cursor {
        Some(cursor) if cursor.position >= reading.snapshot.end => return Err(not_a_cursor(call)),
        Some(cursor) => cursor.position,
        None => {
            let sink = api.engine.documents.sink(stream).await?;
            LogPosition(sink.position.0.saturating_sub(1))
        }
    };
    let then = api
        .view_at(&reading.snapshot, &reading.branch, position)
        .await?;
    let from_graph = cursor.as_ref().is_some_and(|it| it.documents.is_none());
    let (after, documents) = cursor.map_or((None, None), |it| (it.after, it.documents));
    let mut steady = Steady {
        api,
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
    async fn page(mut self) -> Result<Found, Failure> {
        let limit = self.search.limit;
        let mut items = Vec::with_capacity(limit);
        loop {
            let page = self.documents().await?;
            if self.search.offset > 0 {
                // Counting goes by what is there now; only a cursor holds on to what was.
                return self.plain(page);
            }
            let (moved, versions) = match self.moved().await? {
                Moved::TooMuch => return self.read_graph().await,
                Moved::Some(moved, versions) => (moved, versions),
            };
            if moved.is_empty() && items.is_empty() && self.after.is_none() {
                return self.plain(page);
            }
            let edge = page.documents.last().map(|it| it.place(self.order()));
            let edge = edge.filter(|_| page.cursor.is_some());
            let total = self.total(&page, &moved, &versions).await?;
            for (place, item) in self.merge(page.documents, &moved, versions, edge.as_ref()) {
                if items.len() == limit {
                    return self.found(items, total, true);
                }
                items.push(item);
                self.after = Some(place);
            }
            if page.cursor.is_none() {
                return self.found(items, total, false);
            }
            self.search.cursor = page.cursor;
            self.after = edge.or(self.after);
            if items.len() == limit {
                return self.found(items, total, true);
            }
        }
    }

    async fn documents(&self) -> Result<SearchPage, Failure> {
        let documents = &self.api.engine.documents;
        let page = documents.search(&self.reading.view, &self.search).await;
        page.map_err(|error| of_search(error, &self.search))
    }

    fn order(&self) -> Option<&Order> {
        self.search.order.as_ref()
    }

    /// Nothing has moved: the page is the documents'.
    fn plain(mut self, page: SearchPage) -> Result<Found, Failure> {
        self.after = page.documents.last().map(|it| it.place(self.order()));
        self.search.cursor = page.cursor;
        let has_more = self.search.cursor.is_some();
        let items = page.documents.into_iter().map(Item::Document).collect();
        self.found(items, page.total, has_more)
    }

    fn found(self, items: Vec<Item>, total: u64, has_more: bool) -> Result<Found, Failure> {
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

    async fn read_graph(mut self) -> Result<Found, Failure> {
        self.wait_for_graph().await?;
        self.search.cursor = None;
        let after = self.after.take();
        past::list(self.api, &self.then, self.position, &self.search, after).await
    }

    async fn wait_for_graph(&self) -> Result<(), Failure> {
        let wanted = Wanted {
            first: self.position.next(),
            last: self.position,
        };
        let stream = &self.then.stream;
        let patience = Patience::new(LATE);
        let api = self.api;
        api.wait_shown(stream, Needs::GRAPH, wanted, patience).await
    }

    /// What has changed since. To be asked for after the documents, so that it tells of all that
    /// they can show.
    async fn moved(&self) -> Result<Moved, Failure> {
        let own = |view: &View| view.lineage.own().map(|level| level.generation);
        if own(&self.then) != own(&self.reading.view) {
            return Ok(Moved::TooMuch);
        }
        let (api, stream) = (self.api, &self.then.stream);
        let spans = self.reading.view.lineage.beyond(&self.then.lineage);
        let prefix = ModelKey::instances_of(&self.search.class);
        let end = api.engine.log.end(stream).await?;
        let tail = api.tail(stream, end, &prefix).await?;
        let shows = |entry: &&spice_core::model::ModelEntry| {
            let mut spans = spans.iter();
            spans.any(|span| span.generation == entry.branch && span.holds(entry.position))
        };
        let mut moved: BTreeSet<InstanceRef> = tail
            .iter()
            .filter(shows)
            .filter_map(|entry| instance(&entry.key))
            .collect();
        let first = ModelKey::from_stored(&prefix);
        let model = &api.engine.model;
        let keys = model
            .changed(stream, &spans, Some(&first), MOVED + 1)
            .await?;
        moved.extend(
            keys.iter()
                .take_while(|key| key.as_str().starts_with(&prefix))
                .filter_map(instance),
        );
        if moved.len() > MOVED {
            return Ok(Moved::TooMuch);
        }
        let versions = self.versions(&moved).await?;
        Ok(Moved::Some(moved, versions))
    }

    /// Those that were in the list, as they were.
    async fn versions(&self, moved: &BTreeSet<InstanceRef>) -> Result<Vec<Version>, Failure> {
        if moved.is_empty() {
            return Ok(Vec::new());
        }
        self.wait_for_graph().await?;
        let entities: Vec<Entity> = moved.iter().cloned().map(Entity::Instance).collect();
        let versions = self.api.engine.graph.get(&self.then, &entities).await?;
        let versions = versions.into_iter().flatten();
        Ok(versions.filter(|it| is_listed(&self.search, it)).collect())
    }

    /// How many there were: the documents count what is there now.
    async fn total(
        &self,
        page: &SearchPage,
        moved: &BTreeSet<InstanceRef>,
        versions: &[Version],
    ) -> Result<u64, Failure> {
        let moved: Vec<InstanceRef> = moved.iter().cloned().collect();
        let documents = &self.api.engine.documents;
        let now = documents.get(&self.reading.view, &moved).await?;
        let now = now.iter().flatten();
        let counted = now.filter(|it| is_listed(&self.search, *it)).count() as u64;
        Ok((page.total + versions.len() as u64).saturating_sub(counted))
    }

    /// What has not moved and what has, as it was, in order, after the place where the page goes
    /// on and up to where the documents tell.
    fn merge(
        &self,
        documents: Vec<Document>,
        moved: &BTreeSet<InstanceRef>,
        versions: Vec<Version>,
        edge: Option<&Place>,
    ) -> Vec<(Place, Item)> {
        let order = self.order();
        let stays = |document: &Document| match &document.entity {
            Entity::Instance(instance) => !moved.contains(instance),
            Entity::Class(_) => false,
        };
        let documents = documents.into_iter().filter(stays);
        let documents = documents.map(|it| (it.place(order), Item::Document(it)));
        let versions = versions
            .into_iter()
            .map(|it| (it.place(order), Item::Version(it)))
            .filter(|(place, _)| edge.is_none_or(|edge| !place.is_after(Some(edge), order)));
        let mut merged: Vec<(Place, Item)> = documents
            .chain(versions)
            .filter(|(place, _)| place.is_after(self.after.as_ref(), order))
            .collect();
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

/// Whether an instance is live and passes what the list asks for.
fn is_listed(search: &Search, listed: &impl Listed) -> bool {
    let Some(data) = listed.data() else {
        return false;
    };
    let Ok(properties) = data.read::<Properties>() else {
        return false;
    };
    let passes = search
        .filters
        .iter()
        .all(|filter| filter.matches(listed.id(), properties.get(&filter.property)));
    let words = search.text.as_deref().map(Words::of);
    passes && words.is_none_or(|words| words.are_in(data))
}
