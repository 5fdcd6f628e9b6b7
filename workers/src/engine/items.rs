//! The items of one call to a sink: what the events of the call become there.

use spice_core::{
    error::StoreError,
    port::{StoreResult, sink::Applied},
};

/// The items of a call, and the event that each of them is from.
pub(crate) struct Items<T> {
    list: Vec<T>,
    /// For each item, the index of its event.
    events: Vec<usize>,
    result: Applied,
}

impl<T> Items<T> {
    pub(crate) fn with_capacity(events: usize) -> Self {
        Self {
            list: Vec::with_capacity(events),
            events: Vec::with_capacity(events),
            result: Applied::default(),
        }
    }

    /// Adds items of an event, its own item last. An event that is refused is left out; any other
    /// failure stops the call.
    pub(crate) fn add(
        &mut self,
        event: usize,
        items: StoreResult<impl IntoIterator<Item = T>>,
    ) -> StoreResult<()> {
        match items {
            Ok(items) => {
                self.list.extend(items);
                self.events.resize(self.list.len(), event);
            }
            Err(error @ StoreError::Rejected { .. }) => self.result.refused.push((event, error)),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The items without an answer of the sink.
    pub(crate) fn as_slice(&self) -> &[T] {
        &self.list
    }

    /// Takes the sink's answer for these items. An event is refused with any of its items, and
    /// stale with its own.
    pub(crate) fn settle(&mut self, applied: Applied) {
        let events = std::mem::take(&mut self.events);
        self.list.clear();
        self.result.live = applied.live;
        for (item, error) in applied.refused {
            let event = events[item];
            let refused = &mut self.result.refused;
            if refused.iter().all(|(known, _)| *known != event) {
                refused.push((event, error));
            }
        }
        let is_own = |item: &usize| events.get(item + 1) != events.get(*item);
        let stale = applied.stale.into_iter().filter(is_own);
        self.result.stale.extend(stale.map(|item| events[item]));
    }

    /// The result for the events of the call.
    pub(crate) fn finish(self) -> Applied {
        self.result
    }
}

#[cfg(test)]
mod tests {
    //! Which events a sink's answer for their items is about.
    use spice_core::port::Store;

    use super::*;

    fn refusal() -> StoreError {
        StoreError::Rejected {
            store: Store::Documents,
            reason: "no".to_owned(),
        }
    }

    #[test]
    fn events_are_refused_with_any_item_and_stale_with_their_last() {
        let mut items = Items::with_capacity(4);
        items.add(0, Ok(vec!["old", "own"])).unwrap();
        items.add(1, Ok(vec![])).unwrap();
        items.add(2, Err::<Vec<_>, _>(refusal())).unwrap();
        items.add(3, Ok(vec!["old", "own"])).unwrap();
        items.add(4, Ok(vec!["old", "own"])).unwrap();
        assert_eq!(items.as_slice().len(), 6);
        items.settle(Applied {
            live: true,
            refused: vec![(4, refusal()), (5, refusal())],
            stale: vec![0, 3],
        });
        assert!(items.as_slice().is_empty());
        items.add(5, Ok(vec!["own"])).unwrap();
        items.settle(Applied {
            live: true,
            refused: Vec::new(),
            stale: vec![0],
        });
        let applied = items.finish();
        assert!(applied.live);
        let refused: Vec<usize> = applied.refused.iter().map(|(event, _)| *event).collect();
        assert_eq!(refused, [2, 4]);
        assert_eq!(applied.stale, [3, 5]);
    }

    #[test]
    fn a_failure_that_is_no_refusal_stops_the_call() {
        let mut items = Items::<()>::with_capacity(1);
        let away = StoreError::Unavailable {
            store: Store::Log,
            reason: "away".to_owned(),
        };
        assert!(items.add(0, Err::<Vec<_>, _>(away)).is_err());
    }
}
