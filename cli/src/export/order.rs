//! Orders the classes of an export, so that the strict targets of most rows exist when an import
//! reads them.

use std::collections::HashSet;

use spice_core::{name::ClassName, ontology::Schema};

/// A class that is being visited, and the classes that come before it; the last one is next.
struct Visit {
    class: ClassName,
    targets: Vec<ClassName>,
}

/// The classes of a branch: targets of strict relationships before the classes that refer to them,
/// unless they form a cycle; otherwise in the order of the schema.
pub(super) fn order(schema: &Schema) -> Vec<String> {
    let mut seen: HashSet<ClassName> = HashSet::new();
    let mut ordered = Vec::new();
    for class in schema.iter() {
        let mut visits = Vec::new();
        visit(schema, &class.id, &mut seen, &mut visits);
        while let Some(last) = visits.last_mut() {
            if let Some(target) = last.targets.pop() {
                visit(schema, &target, &mut seen, &mut visits);
            } else {
                ordered.push(last.class.to_string());
                visits.pop();
            }
        }
    }
    ordered
}

fn visit(
    schema: &Schema,
    class: &ClassName,
    seen: &mut HashSet<ClassName>,
    visits: &mut Vec<Visit>,
) {
    let Some(class) = schema.get(class).filter(|_| seen.insert(class.clone())) else {
        return;
    };
    let strict = class.relationships().iter().filter(|it| it.strict);
    // Instances of the target's subclasses are targets too.
    let mut targets: Vec<ClassName> = strict
        .flat_map(|it| [schema.kinds(&it.target), vec![it.target.clone()]].concat())
        .collect();
    targets.reverse();
    visits.push(Visit {
        class: class.id.clone(),
        targets,
    });
}
