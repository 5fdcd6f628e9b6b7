//! A list at a position: from the graph, which keeps every version. It costs what the class holds
//! and keeps no more than the page.

use spice_core::{
    id::LogPosition,
    lineage::View,
    port::{documents::Search, graph::Version},
};

use super::{
    Found, Item,
    order::{Cursor, Listed, Place},
    words::Words,
};
use crate::http::{Api, failure::Failure};

/// How many versions are read at once from the graph.
const CHUNK: usize = 1_000;

/// The first of those that come after a place, in order.
struct Window<'a> {
    search: &'a Search,
    after: Option<Place>,
    /// How many are wanted, with one to see whether more follow.
    wanted: usize,
    kept: Vec<(Place, Version)>,
    total: u64,
}

/// A page of what showed in a view at a position, after a place.
pub(super) async fn list(
    api: &Api,
    view: &View,
    position: LogPosition,
    search: &Search,
    after: Option<Place>,
) -> Result<Found, Failure> {
    let words = search.text.as_deref().map(Words::of);
    let mut window = Window {
        search,
        after,
        wanted: search.offset.saturating_add(search.limit).saturating_add(1),
        kept: Vec::new(),
        total: 0,
    };
    let (class, filters) = (&search.class, &search.filters);
    let mut read: Option<String> = None;
    loop {
        let graph = &api.engine.graph;
        let page = graph
            .scan(view, class, filters, read.as_deref(), CHUNK)
            .await?;
        read = page.versions.last().map(|last| last.id().to_owned());
        for version in page.versions {
            let has_words =
                |words: &Words| version.data.as_ref().is_some_and(|it| words.are_in(it));
            if words.as_ref().is_none_or(has_words) {
                window.take(version);
            }
        }
        if !page.more || read.is_none() {
            return window.page(position);
        }
    }
}

impl Window<'_> {
    fn take(&mut self, version: Version) {
        self.total += 1;
        let order = self.search.order.as_ref();
        if order.is_none() && self.kept.len() >= self.wanted {
            return;
        }
        let place = version.place(order);
        if !place.is_after(self.after.as_ref(), order) {
            return;
        }
        self.kept.push((place, version));
        if self.kept.len() >= self.wanted.saturating_mul(2).max(4 * CHUNK) {
            self.cut();
        }
    }

    /// Leaves the first, in order.
    fn cut(&mut self) {
        let order = self.search.order.as_ref();
        self.kept
            .sort_by(|one, other| one.0.compare(&other.0, order));
        self.kept.truncate(self.wanted);
    }

    fn page(mut self, position: LogPosition) -> Result<Found, Failure> {
        self.cut();
        let has_more = self.kept.len() == self.wanted;
        self.kept.truncate(self.wanted - 1);
        let last = self.kept.last().filter(|_| has_more);
        let cursor = last.map(|(place, _)| Cursor {
            position,
            after: Some(place.clone()),
            documents: None,
        });
        Ok(Found {
            cursor: cursor.map(|cursor| cursor.to_text()).transpose()?,
            total: self.total,
            items: self
                .kept
                .into_iter()
                .skip(self.search.offset)
                .map(|(_, version)| Item::Version(version))
                .collect(),
        })
    }
}
