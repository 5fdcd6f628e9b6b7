//! Objects that are settled. As long as the log of their database does not move, the api would
//! answer "nothing to change", so it is not asked: one read of the database serves all of its
//! objects.

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use spice_crds::annotation;
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use crate::{
    client::{Api, ApiError, Known},
    gather::Surroundings,
    kind::Kind,
};

/// What was known about a database, and when.
type Read = Arc<AsyncMutex<Option<(Instant, Known)>>>;

/// An object after a pass that settled it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    /// Of everything that the pass decided by, apart from the log.
    digest: u64,
    database: String,
    known: Known,
}

/// The settled objects by uid, and the last reads of databases by name.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    settled: Mutex<HashMap<String, Mark>>,
    databases: Mutex<HashMap<String, Read>>,
}

impl Idle {
    /// Whether nothing can have changed since the object was settled. A read of the database is used
    /// for at most `max_age`.
    pub(crate) async fn is_settled<K: Kind, A: Api>(
        &self,
        api: &A,
        resource: &K,
        around: &Surroundings,
        max_age: Duration,
    ) -> bool {
        let mark = {
            let settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
            settled.get(uid(resource)).cloned()
        };
        let Some(mark) = mark.filter(|mark| mark.digest == digest(resource, around)) else {
            return false;
        };
        let known = self.read(api, &mark.database, max_age).await;
        known.is_ok_and(|known| still_holds(&mark.known, &known))
    }

    /// Remembers that a pass found nothing to do at this state of the database.
    pub(crate) fn settle<K: Kind>(
        &self,
        resource: &K,
        around: &Surroundings,
        (database, known): (String, Known),
    ) {
        let mark = Mark {
            digest: digest(resource, around),
            database,
            known,
        };
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        settled.insert(uid(resource).to_owned(), mark);
    }

    /// Forgets an object that is gone.
    pub(crate) fn forget(&self, uid: &str) {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(gone) = settled.remove(uid) else {
            return;
        };
        if settled.values().any(|mark| mark.database == gone.database) {
            return;
        }
        let mut databases = self
            .databases
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        databases.remove(&gone.database);
    }

    /// What the api knows about a database. Passes that ask at the same time share an answer.
    async fn read<A: Api>(
        &self,
        api: &A,
        database: &str,
        max_age: Duration,
    ) -> Result<Known, ApiError> {
        let read = {
            let mut databases = self
                .databases
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            Arc::clone(databases.entry(database.to_owned()).or_default())
        };
        let mut read = read.lock().await;
        if let Some((at, known)) = &*read
            && at.elapsed() < max_age
        {
            return Ok(*known);
        }
        let asked = Instant::now();
        let known = api.database(database).await?;
        *read = Some((asked, known));
        Ok(known)
    }
}

fn uid<K: Kind>(resource: &K) -> &str {
    resource.meta().uid.as_deref().unwrap_or_default()
}

/// Whether what was settled before is so now: the log has not moved, and the projections show at
/// least as much of it.
fn still_holds(before: &Known, now: &Known) -> bool {
    let log = |known: &Known| (known.exists, known.generation, known.position);
    now.exists && log(now) == log(before) && now.projected >= before.projected
}

/// A digest of the object and of what is known about it.
fn digest<K: Kind>(resource: &K, around: &Surroundings) -> u64 {
    let mut digest = DefaultHasher::new();
    let meta = resource.meta();
    meta.generation.hash(&mut digest);
    meta.deletion_timestamp.is_some().hash(&mut digest);
    for key in [
        annotation::APPROVE,
        annotation::RECONCILE_AT,
        annotation::RECREATE,
    ] {
        resource.annotation(key).hash(&mut digest);
    }
    around.database.hash(&mut digest);
    // Somebody else may have written the status.
    let status = serde_json::to_string(&resource.status());
    status.unwrap_or_default().hash(&mut digest);
    digest.finish()
}

#[cfg(test)]
mod tests;
