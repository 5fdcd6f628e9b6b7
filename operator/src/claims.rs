//! The objects that declare each thing: an index that the watch of a kind keeps, so that no pass
//! looks at all objects.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
    sync::{Mutex, PoisonError},
};

use futures::channel::mpsc;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{
    core::DeserializeGuard,
    runtime::{reflector::ObjectRef, watcher::Event},
};

use crate::kind::Kind;

/// Namespace and name of an object.
type Key = (String, String);

/// An object that declares a thing. Objects are ordered by age.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Claimant {
    created: Option<Time>,
    namespace: String,
    name: String,
    is_deleting: bool,
}

impl Claimant {
    fn of<K: Kind>(object: &K) -> Self {
        let meta = object.meta();
        let (namespace, name) = key(meta.namespace.as_ref(), meta.name.as_ref());
        Self {
            created: meta.creation_timestamp.clone(),
            namespace,
            name,
            is_deleting: meta.deletion_timestamp.is_some(),
        }
    }

    fn is(&self, other: &Self) -> bool {
        (&self.namespace, &self.name) == (&other.namespace, &other.name)
    }
}

impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What an object declares, as the index knows it.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    claim: String,
    claimant: Claimant,
}

#[derive(Debug, Default)]
struct Index {
    claimants: HashMap<String, BTreeSet<Claimant>>,
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
        for claim in changed {
            let claimants = index.claimants.get(&claim).into_iter().flatten();
            for heir in claimants.filter(|claimant| !claimant.is_deleting).take(1) {
                let reference = ObjectRef::new(&heir.name).within(&heir.namespace);
                // The receiver ends with the operator.
                let _ = self.heirs.unbounded_send(reference);
            }
        }
    }

    fn is_foreign(&self, object: &DeserializeGuard<K>) -> bool {
        let object = object.0.as_ref();
        object.is_ok_and(|object| object.instance() != self.instance.as_deref())
    }

    /// The older object that declares the same thing as `object`.
    pub(crate) fn rival(&self, object: &K) -> Option<String> {
        let own = Claimant::of(object);
        self.find(object, |other| {
            (&other.created, &other.namespace, &other.name)
                < (&own.created, &own.namespace, &own.name)
        })
    }

    /// Another object that declares the same thing as `object` and is not being deleted.
    pub(crate) fn heir(&self, object: &K) -> Option<String> {
        self.find(object, |other| !other.is_deleting)
    }

    fn find(&self, object: &K, fits: impl Fn(&Claimant) -> bool) -> Option<String> {
        let own = Claimant::of(object);
        let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let claimants = index.claimants.get(&object.claim())?;
        let mut others = claimants.iter().filter(|other| !other.is(&own));
        let found = others.find(|other| fits(other))?;
        Some(format!("{} {found}", K::KIND))
    }
}

impl Index {
    /// Puts an object in; returns the claims whose holder changed.
    fn put<K: Kind>(&mut self, object: &DeserializeGuard<K>) -> Vec<String> {
        let key = key_of(object);
        if let Some(listed) = &mut self.listed {
            listed.insert(key.clone());
        }
        let Ok(object) = &object.0 else {
            return Vec::new();
        };
        let entry = Entry {
            claim: object.claim(),
            claimant: Claimant::of(object),
        };
        if self.objects.get(&key) == Some(&entry) {
            return Vec::new();
        }
        let mut changed = self.remove(&key);
        let claimants = self.claimants.entry(entry.claim.clone()).or_default();
        claimants.insert(entry.claimant.clone());
        // The holder of its old claim is told; the object itself is reconciled anyway.
        changed.retain(|claim| *claim != entry.claim || entry.claimant.is_deleting);
        self.objects.insert(key, entry);
        changed
    }

    /// Removes an object; returns its claim, which may have another holder now.
    fn remove(&mut self, key: &Key) -> Vec<String> {
        let Some(entry) = self.objects.remove(key) else {
            return Vec::new();
        };
        if let Some(claimants) = self.claimants.get_mut(&entry.claim) {
            claimants.remove(&entry.claimant);
            if claimants.is_empty() {
                self.claimants.remove(&entry.claim);
            }
        }
        vec![entry.claim]
    }

    /// Removes the objects that a complete list does not have.
    fn keep_listed(&mut self) -> Vec<String> {
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
