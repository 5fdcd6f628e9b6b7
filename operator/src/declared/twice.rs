//! Refuses duplicate declarations in one run: the same object twice, or two objects for the same
//! thing.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    declaration::{AnyResource, Declared, Flaw},
    names::{Databases, Place, database_of, databases, places_of},
};
use crate::kind::Kind;

/// Kind, namespace and name of an object.
type Identity = (&'static str, String, String);

/// Records a problem for each cycle of parent classes.
pub(super) fn refuse_circles(all: &[Declared], flaws: &mut Vec<Flaw>) {
    let databases = databases(all);
    let mut parents: BTreeMap<Place, Place> = BTreeMap::new();
    let mut sources: BTreeMap<Place, &str> = BTreeMap::new();
    for declared in all {
        let AnyResource::Ontology(ontology) = &declared.resource else {
            continue;
        };
        for (place, parent) in places_of(ontology, &databases) {
            if let Some(parent) = parent {
                parents.insert(place.clone(), parent);
            }
            sources.insert(place, &declared.source);
        }
    }
    let mut seen: BTreeSet<&Place> = BTreeSet::new();
    for (start, source) in &sources {
        let mut way = vec![start];
        while let Some(parent) = way.last().and_then(|last| parents.get(*last)) {
            if parent == start && way.iter().all(|place| !seen.contains(place)) {
                let names: Vec<&str> = way.iter().map(|place| place.class.as_str()).collect();
                flaws.push(Flaw {
                    place: (*source).to_owned(),
                    problem: format!(
                        "class {} of database {}, branch {} would be its own ancestor: {} → {}",
                        start.class,
                        start.database,
                        start.branch,
                        names.join(" → "),
                        start.class
                    ),
                });
                seen.extend(&way);
            }
            if way.contains(&parent) {
                break;
            }
            way.push(parent);
        }
    }
}

/// Records a problem for each declaration of a thing that was declared before.
pub(super) fn refuse(all: &[Declared], flaws: &mut Vec<Flaw>) {
    let databases = databases(all);
    let mut objects: BTreeMap<Identity, &str> = BTreeMap::new();
    let mut things: BTreeMap<String, (Identity, &str)> = BTreeMap::new();
    for declared in all {
        let identity = declared.resource.identity();
        let (kind, _, name) = &identity;
        if let Some(first) = objects.get(&identity) {
            let place = declared.source.clone();
            let problem = format!("{kind} {name} is already declared in {first}");
            flaws.push(Flaw { place, problem });
            continue;
        }
        objects.insert(identity.clone(), &declared.source);
        for thing in things_of(&declared.resource, &databases) {
            let place = declared.source.clone();
            if let Some(((kind, _, name), first)) = things.get(&thing) {
                let problem = format!("{thing} is already declared by {kind} {name} in {first}");
                flaws.push(Flaw { place, problem });
                continue;
            }
            things.insert(thing, (identity.clone(), &declared.source));
        }
    }
}

/// The things that a resource declares, by their names in the api.
fn things_of(resource: &AnyResource, databases: &Databases) -> Vec<String> {
    match resource {
        AnyResource::Database(database) => vec![format!("database {}", database.external_id())],
        AnyResource::Branch(branch) => {
            let database = database_of(&**branch, databases).unwrap_or_default();
            vec![format!(
                "branch {} of database {database}",
                branch.external_id()
            )]
        }
        AnyResource::Ontology(ontology) => places_of(ontology, databases)
            .into_iter()
            .map(|(place, _)| {
                let Place {
                    database,
                    branch,
                    class,
                } = place;
                format!("class {class} of database {database}, branch {branch}")
            })
            .collect(),
    }
}
