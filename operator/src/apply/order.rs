//! The order in which declarations are applied: parents before their children, and targets of
//! relationships before the classes that refer to them, where that is possible.

use std::collections::BTreeMap;

use spice_crds::{Exact, Ontology};

use crate::declared::{AnyResource, Databases, Declared, Place, place_of};

/// The declared classes that a class needs.
struct Needs {
    parent: Option<Place>,
    targets: Vec<Place>,
}

/// The position of each class in the order. Classes that refer to each other keep the given order.
pub(super) fn turns(declared: &[Declared], databases: &Databases) -> BTreeMap<Place, usize> {
    let mut needs: BTreeMap<Place, Needs> = BTreeMap::new();
    let mut waiting: Vec<Place> = Vec::new();
    for declared in declared {
        if let AnyResource::Ontology(class) = &declared.resource {
            let place = place_of(class, databases);
            needs.insert(place.clone(), needs_of(class, databases));
            waiting.push(place);
        }
    }
    let mut turns = BTreeMap::new();
    while !waiting.is_empty() {
        let met = |place: &Place| turns.contains_key(place) || !needs.contains_key(place);
        let has_parent = |place: &Place| {
            let parent = needs.get(place).and_then(|needs| needs.parent.as_ref());
            parent.is_none_or(met)
        };
        let has_all = |place: &Place| {
            let mut targets = needs
                .get(place)
                .into_iter()
                .flat_map(|needs| &needs.targets);
            has_parent(place) && targets.all(|target| target == place || met(target))
        };
        let next = waiting
            .iter()
            .position(has_all)
            .or_else(|| waiting.iter().position(has_parent))
            .unwrap_or_default();
        let turn = turns.len();
        turns.insert(waiting.remove(next), turn);
    }
    turns
}

fn needs_of(class: &Ontology, databases: &Databases) -> Needs {
    let own = place_of(class, databases);
    let other = |class: &str| Place {
        class: class.to_owned(),
        ..own.clone()
    };
    let relationships = class.spec.relationships.iter();
    let mut targets: Vec<Place> = relationships.map(|it| other(&it.target)).collect();
    for property in &class.spec.properties {
        let items = property.items.as_ref();
        let of_items = ["target", "linkTarget"]
            .into_iter()
            .filter_map(|key| items?.get(key).and_then(Exact::as_str));
        let own = [&property.target, &property.link_target];
        let own = own.into_iter().flatten().map(String::as_str);
        targets.extend(own.chain(of_items).map(other));
    }
    Needs {
        parent: class.spec.parent_class.as_deref().map(other),
        targets,
    }
}
