//! A list at a position, from the graph, which keeps every version. The cost depends on the size of
//! the class; memory holds only the places up to the page's end, and the page.

use spice_core::{
    error::{Refusal, StoreError},
    id::LogPosition,
    lineage::View,
    port::{
        Store,
        documents::Search,
        graph::{Entity, Graph, State, Version},
    },
    query::words::{Sought, are_in},
};

use super::{
    found::Found,
    order::{Cursor, Place},
};
use crate::read::scan::Scan;

/// The number of versions per graph read.
const CHUNK: usize = 1_000;

/// The first instances after a place, in order.
struct Window<'a> {
    search: &'a Search,
    after: Option<Place>,
    /// The requested number, plus one to see whether more follow.
    wanted: usize,
    kept: Vec<(Place, Entity)>,
    total: u64,
}

/// A page of a view at a position, after a place.
pub(super) async fn list(
    graph: &dyn Graph,
    view: &View,
    position: LogPosition,
    search: &Search,
    after: Option<Place>,
) -> Result<Found, Refusal> {
    let words = search.text.as_deref().map(Sought::all);
    let mut window = Window {
        search,
        after,
        wanted: search.offset.saturating_add(search.limit).saturating_add(1),
        kept: Vec::new(),
        total: 0,
    };
    let (class, filters) = (&search.class, &search.filters);
    let mut scan = Scan::new(graph, view, class, filters);
    while let Some(versions) = scan.next(CHUNK).await? {
        for version in versions {
            let data = version.state.data.as_ref();
            let has_words = |words: &Vec<Sought>| data.is_some_and(|it| are_in(words, it.as_str()));
            if words.as_ref().is_none_or(has_words) {
                window.take(version);
            }
        }
    }
    window.page(graph, view, position).await
}

impl Window<'_> {
    fn take(&mut self, version: Version) {
        self.total += 1;
        let order = self.search.order.as_ref();
        if order.is_none() && self.kept.len() >= self.wanted {
            return;
        }
        let place = Place::of(&version.state, order);
        if !place.is_after(self.after.as_ref(), order) {
            return;
        }
        self.kept.push((place, version.state.entity));
        if self.kept.len() >= self.wanted.saturating_mul(2).max(4 * CHUNK) {
            self.cut();
        }
    }

    /// Keeps the first ones, in order.
    fn cut(&mut self) {
        let order = self.search.order.as_ref();
        self.kept
            .sort_by(|one, other| one.0.compare(&other.0, order));
        self.kept.truncate(self.wanted);
    }

    async fn page(
        mut self,
        graph: &dyn Graph,
        view: &View,
        position: LogPosition,
    ) -> Result<Found, Refusal> {
        self.cut();
        let has_more = self.kept.len() == self.wanted;
        self.kept.truncate(self.wanted - 1);
        let last = self.kept.last().filter(|_| has_more);
        let cursor = last.map(|(place, _)| Cursor {
            position,
            after: Some(place.clone()),
            documents: None,
        });
        let kept = self.kept.into_iter().skip(self.search.offset);
        let entities: Vec<Entity> = kept.map(|(_, entity)| entity).collect();
        let versions = graph.get(view, &entities).await?;
        let items: Option<Vec<State>> = versions
            .into_iter()
            .map(|version| version.map(|it| it.state))
            .collect();
        Ok(Found {
            cursor: cursor.map(|cursor| cursor.to_text()).transpose()?,
            total: self.total,
            items: items.ok_or_else(|| {
                // A version disappears during a read only if the graph is rebuilt.
                StoreError::unavailable(Store::Graph, "it was emptied during the read")
            })?,
        })
    }
}
