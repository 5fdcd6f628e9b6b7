//! The objects that declare each thing: an index that the watch of a kind keeps, so that no pass
//! looks at all objects.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use futures::channel::mpsc;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    core::DeserializeGuard,
    runtime::{reflector::ObjectRef, watcher::Event},
};

use crate::{client::Thing, kind::Kind};

/// Namespace and name of an object.
type Key = (String, String);

/// A thing in a database. Two objects with a common one declare the same thing.
type Identity = (String, Thing);

/// An object that declares a thing. Objects are ordered by age.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Claimant {
    created: Option<Time>,
    namespace: String,
    name: String,
    uid: String,
    is_deleting: bool,
}

/// An object that gets claims of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claimed {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) things: Vec<Thing>,
}

impl Claimant {
    fn of<K: Kind>(object: &K) -> Self {
        let meta = object.meta();
        let (namespace, name) = key(meta.namespace.as_ref(), meta.name.as_ref());
        Self {
            created: meta.creation_timestamp.clone(),
            namespace,
            name,
            uid: meta.uid.clone().unwrap_or_default(),
            is_deleting: meta.deletion_timestamp.is_some(),
        }
    }

    fn is(&self, other: &Self) -> bool {
        (&self.namespace, &self.name) == (&other.namespace, &other.name)
    }
}

/// What an object declares, as the index knows it.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    claims: Vec<Identity>,
    claimant: Claimant,
}

#[derive(Debug, Default)]
struct Index {
    claimants: HashMap<Identity, BTreeSet<Claimant>>,
    objects: HashMap<Key, Entry>,
    /// The objects of a list that is being read.
    listed: Option<HashSet<Key>>,
}

/// The index of one kind.
pub(crate) struct Claims<K: Kind> {
    index: Mutex<Index>,
    /// The name of this installation: objects of other ones declare nothing here.
    instance: Option<String>,
    /// Receives the objects that hold a claim since another object gave it up.
    heirs: mpsc::UnboundedSender<ObjectRef<DeserializeGuard<K>>>,
}

impl<K: Kind> Claims<K> {
    /// An empty index, and the objects that get a claim from another object.
    pub(crate) fn new(
        instance: Option<String>,
    ) -> (
        Self,
        mpsc::UnboundedReceiver<ObjectRef<DeserializeGuard<K>>>,
    ) {
        let (heirs, receiver) = mpsc::unbounded();
        let index = Mutex::default();
        let claims = Self {
            index,
            instance,
            heirs,
        };
        (claims, receiver)
    }

    /// Follows the watch. An object that cannot be read declares what it declared before.
    pub(crate) fn follow(&self, event: &Event<DeserializeGuard<K>>) {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = match event {
            Event::Init => {
                index.listed = Some(HashSet::new());
                Vec::new()
            }
            Event::Apply(object) | Event::InitApply(object) if self.is_foreign(object) => {
                index.remove(&key_of(object))
            }
            Event::Apply(object) | Event::InitApply(object) => index.put(object),
            Event::Delete(object) => index.remove(&key_of(object)),
            Event::InitDone => index.keep_listed(),
        };
        let heirs: BTreeSet<&Claimant> = changed
            .iter()
            .filter_map(|claim| {
                index
                    .claimants
                    .get(claim)?
                    .iter()
                    .find(|it| !it.is_deleting)
            })
            .collect();
        for heir in heirs {
            let reference = ObjectRef::new(&heir.name).within(&heir.namespace);
            // The receiver ends with the operator.
            let _ = self.heirs.unbounded_send(reference);
        }
    }

    fn is_foreign(&self, object: &DeserializeGuard<K>) -> bool {
        let object = object.0.as_ref();
        object.is_ok_and(|object| object.instance() != self.instance.as_deref())
    }

    /// The other objects that declare things of `object` and are not being deleted: for each thing,
    /// the oldest one.
    pub(crate) fn heirs(&self, object: &K) -> Vec<Claimed> {
        let own = Claimant::of(object);
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let mut heirs: BTreeMap<&Claimant, Vec<Thing>> = BTreeMap::new();
        for identity in identities(object) {
            let claimants = index.claimants.get(&identity).into_iter().flatten();
            let mut others = claimants.filter(|other| !other.is(&own) && !other.is_deleting);
            if let Some(heir) = others.next() {
                heirs.entry(heir).or_default().push(identity.1);
            }
        }
        let claimed = |(heir, things): (&Claimant, Vec<Thing>)| Claimed {
            namespace: heir.namespace.clone(),
            name: heir.name.clone(),
            uid: heir.uid.clone(),
            things,
        };
        heirs.into_iter().map(claimed).collect()
    }

    /// Whether an object exists, once the first list is complete.
    pub(crate) fn has(&self, namespace: &str, name: &str, uid: &str) -> bool {
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = index.objects.get(&(namespace.to_owned(), name.to_owned()));
        entry.is_some_and(|entry| entry.claimant.uid == uid)
    }
}

impl Index {
    /// Puts an object in; returns the claims whose holder changed.
    fn put<K: Kind>(&mut self, object: &DeserializeGuard<K>) -> Vec<Identity> {
        let key = key_of(object);
        if let Some(listed) = &mut self.listed {
            listed.insert(key.clone());
        }
        let Ok(object) = &object.0 else {
            return Vec::new();
        };
        let entry = Entry {
            claims: identities(object),
            claimant: Claimant::of(object),
        };
        if self.objects.get(&key) == Some(&entry) {
            return Vec::new();
        }
        let mut changed = self.remove(&key);
        for claim in &entry.claims {
            let claimants = self.claimants.entry(claim.clone()).or_default();
            claimants.insert(entry.claimant.clone());
        }
        // Others are told about what the object gives up; the object itself is reconciled anyway.
        changed.retain(|claim| entry.claimant.is_deleting || !entry.claims.contains(claim));
        self.objects.insert(key, entry);
        changed
    }

    /// Removes an object; returns its claims, which may have other holders now.
    fn remove(&mut self, key: &Key) -> Vec<Identity> {
        let Some(entry) = self.objects.remove(key) else {
            return Vec::new();
        };
        for claim in &entry.claims {
            if let Some(claimants) = self.claimants.get_mut(claim) {
                claimants.remove(&entry.claimant);
                if claimants.is_empty() {
                    self.claimants.remove(claim);
                }
            }
        }
        entry.claims
    }

    /// Removes the objects that a complete list does not have.
    fn keep_listed(&mut self) -> Vec<Identity> {
        let Some(listed) = self.listed.take() else {
            return Vec::new();
        };
        let known = self.objects.keys();
        let gone: Vec<Key> = known
            .filter(|key| !listed.contains(*key))
            .cloned()
            .collect();
        gone.iter().flat_map(|key| self.remove(key)).collect()
    }
}

fn identities<K: Kind>(object: &K) -> Vec<Identity> {
    let place = object.place();
    let things = object.things().into_iter();
    things.map(|thing| (place.clone(), thing)).collect()
}

fn key(namespace: Option<&String>, name: Option<&String>) -> Key {
    (
        namespace.cloned().unwrap_or_default(),
        name.cloned().unwrap_or_default(),
    )
}

fn key_of<K: Kind>(object: &DeserializeGuard<K>) -> Key {
    let meta = match &object.0 {
        Ok(object) => object.meta(),
        Err(invalid) => &invalid.metadata,
    };
    key(meta.namespace.as_ref(), meta.name.as_ref())
}

#[cfg(test)]
mod tests;
