//! Watches: the objects of a kind in a store, and the streams of their changes.

use std::{
    collections::{HashMap, HashSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
};

use futures::{Stream, TryStreamExt};
use kube::{
    Resource,
    api::Api,
    core::DeserializeGuard,
    runtime::{
        WatchStreamExt, predicates,
        reflector::{self, ObjectRef, Store},
        utils::{Predicate, PredicateConfig},
        watcher::{self, Event},
    },
};
use tokio::sync;

use crate::{
    backoff::WatchBackoff,
    kind::{Kind, Object},
    observe::is_ready,
};

/// An object of a watch. One that cannot be read does not affect the others.
pub(crate) type Guarded<K> = DeserializeGuard<K>;

/// The objects per page of a list.
const PAGE: u32 = 100;

/// A store, and whether its first list is complete.
///
/// `Store::wait_until_ready` keeps the waker of only one waiter: if several passes wait, one
/// continues and the others wait forever. Any number of passes can wait here.
pub(crate) struct Listed<K: Object> {
    store: Store<Guarded<K>>,
    complete: sync::watch::Receiver<bool>,
}

impl<K: Object> Clone for Listed<K> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            complete: self.complete.clone(),
        }
    }
}

impl<K: Object> Listed<K> {
    /// The store, which may still be filling.
    pub(crate) fn store(&self) -> Store<Guarded<K>> {
        self.store.clone()
    }

    /// The store, once its first list is complete; none if the watch ended before.
    pub(crate) async fn complete(&self) -> Option<&Store<Guarded<K>>> {
        let mut complete = self.complete.clone();
        complete.wait_for(|complete| *complete).await.ok()?;
        Some(&self.store)
    }
}

fn events<K: Object>(
    api: Api<Guarded<K>>,
) -> impl Stream<Item = Result<Event<Guarded<K>>, watcher::Error>> + Send {
    watcher::watcher(api, watcher::Config::default().page_size(PAGE))
        .backoff(WatchBackoff::default())
}

/// A watch of a kind that other kinds depend on: its objects, when something changes that matters
/// to the objects that refer to them. Other changes, above all of the status, trigger nothing.
pub(crate) fn watch_dependency<K: Kind>(
    api: Api<Guarded<K>>,
) -> impl Stream<Item = Result<Guarded<K>, watcher::Error>> + Send + 'static {
    let mut known = HashMap::new();
    events(api).try_filter_map(move |event| {
        let relevant = relevant(&mut known, event);
        async move { Ok(relevant) }
    })
}

/// The object of an event, if something changed that matters to others.
fn relevant<K: Kind>(
    known: &mut HashMap<ObjectRef<Guarded<K>>, u64>,
    event: Event<Guarded<K>>,
) -> Option<Guarded<K>> {
    match event {
        Event::Apply(object) | Event::InitApply(object) => {
            let digest = digest(&object);
            let before = known.insert(ObjectRef::from_obj(&object), digest);
            (before != Some(digest)).then_some(object)
        }
        Event::Delete(object) => {
            known.remove(&ObjectRef::from_obj(&object));
            Some(object)
        }
        Event::Init | Event::InitDone => None,
    }
}

/// What matters to others: which object it is, what it declares, and whether that is in force.
fn digest<K: Kind>(object: &Guarded<K>) -> u64 {
    let meta = object.meta();
    let ready = object.0.as_ref().ok().and_then(Kind::status).map(is_ready);
    let mut hasher = DefaultHasher::new();
    (&meta.uid, meta.generation, ready).hash(&mut hasher);
    hasher.finish()
}

/// A watch of a kind: its store, and the objects with changes other than in their status. `follow`
/// sees every event, and `forget` the uid of every object that is gone.
pub(crate) fn watch<K: Object>(
    api: Api<Guarded<K>>,
    mut follow: impl FnMut(&Event<Guarded<K>>) + Send + 'static,
    forget: impl Fn(&str) + Send + 'static,
) -> (
    Listed<K>,
    impl Stream<Item = Result<Guarded<K>, watcher::Error>> + Send + 'static,
) {
    let (store, writer) = reflector::store();
    let (listed, complete) = sync::watch::channel(false);
    let mut uids = Uids::default();
    let changes = predicates::generation
        .combine(predicates::annotations)
        .combine(predicates::finalizers);
    let stream = events(api)
        .modify(|object| object.meta_mut().managed_fields = None)
        .inspect_ok(move |event| {
            follow(event);
            uids.follow(event).iter().for_each(|uid| forget(uid));
        })
        .reflect(writer)
        .inspect_ok(move |event| {
            if matches!(event, Event::InitDone) {
                listed.send_replace(true);
            }
        })
        .applied_objects()
        .predicate_filter(changes, PredicateConfig::default());
    (Listed { store, complete }, stream)
}

/// The objects of a kind by uid. A list after an interruption says nothing about objects that
/// vanished meanwhile: they are those that it does not have.
#[derive(Debug, Default)]
struct Uids {
    known: HashSet<String>,
    listed: Option<HashSet<String>>,
}

impl Uids {
    /// Follows the watch. Returns the objects that are gone.
    fn follow<K: Object>(&mut self, event: &Event<Guarded<K>>) -> Vec<String> {
        let uid = |object: &Guarded<K>| object.meta().uid.clone().unwrap_or_default();
        match event {
            Event::Init => self.listed = Some(HashSet::new()),
            Event::InitApply(object) => {
                self.listed.get_or_insert_default().insert(uid(object));
            }
            Event::InitDone => {
                let listed = self.listed.take().unwrap_or_default();
                let before = std::mem::replace(&mut self.known, listed);
                return before.difference(&self.known).cloned().collect();
            }
            Event::Apply(object) => {
                self.known.insert(uid(object));
            }
            Event::Delete(object) => {
                let uid = uid(object);
                self.known.remove(&uid);
                return vec![uid];
            }
        }
        Vec::new()
    }
}

/// The objects that `select` names, out of a store.
pub(crate) fn dependents<K: Object>(
    store: &Store<Guarded<K>>,
    select: impl Fn(&K) -> bool,
) -> Vec<ObjectRef<Guarded<K>>> {
    store
        .state()
        .into_iter()
        .filter(|object| object.0.as_ref().is_ok_and(&select))
        .map(|object| ObjectRef::from_obj(&*object))
        .collect()
}

#[cfg(test)]
mod tests;
