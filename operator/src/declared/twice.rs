//! Refuses duplicate declarations in one run: the same object twice, or two objects for the same
//! thing.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    declaration::{AnyResource, Declared, Flaw},
    names::{Databases, Place, database_of, databases, place_of},
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
        let AnyResource::Ontology(class) = &declared.resource else {
            continue;
        };
        let place = place_of(class, &databases);
        if let Some(parent) = &class.spec.parent_class {
            let parent = Place {
                class: parent.clone(),
                ..place.clone()
            };
            parents.insert(place.clone(), parent);
        }
        sources.insert(place, &declared.source);
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
        let place = declared.source.clone();
        if let Some(first) = objects.get(&identity) {
            let problem = format!("{kind} {name} is already declared in {first}");
            flaws.push(Flaw { place, problem });
            continue;
        }
        objects.insert(identity.clone(), &declared.source);
        let thing = thing(&declared.resource, &databases);
        if let Some(((kind, _, name), first)) = things.get(&thing) {
            let problem = format!("{thing} is already declared by {kind} {name} in {first}");
            flaws.push(Flaw { place, problem });
            continue;
        }
        things.insert(thing, (identity, &declared.source));
    }
}

/// The thing that a resource declares, by its names in the api.
fn thing(resource: &AnyResource, databases: &Databases) -> String {
    fn of<K: Kind>(resource: &K, databases: &Databases) -> String {
        let (noun, name) = (K::NOUN, resource.external_id());
        match database_of(resource, databases) {
            None => format!("{noun} {name}"),
            Some(database) => format!("{noun} {name} of database {database}"),
        }
    }
    match resource {
        AnyResource::Database(database) => of(&**database, databases),
        AnyResource::Branch(branch) => of(&**branch, databases),
        AnyResource::Ontology(ontology) => {
            let branch = ontology.spec.branch_name();
            format!("{}, branch {branch}", of(&**ontology, databases))
        }
    }
}
