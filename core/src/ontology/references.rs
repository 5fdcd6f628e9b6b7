//! The order of classes by their references: if instances are created in this order, the strict targets
//! of most of them exist before.

use std::{collections::HashSet, sync::Arc};

use super::{Class, Schema};
use crate::name::ClassName;

/// A class that is being visited, and the classes that come before it; the last one is next.
struct Visit<'a> {
    class: &'a Arc<Class>,
    targets: Vec<ClassName>,
}

impl Schema {
    /// The classes, targets of strict relationships before the classes that refer to them, unless they
    /// form a cycle; otherwise by id.
    pub fn in_reference_order(&self) -> Vec<&Arc<Class>> {
        let mut seen: HashSet<ClassName> = HashSet::new();
        let mut ordered = Vec::new();
        for class in self.iter() {
            let mut visits = Vec::new();
            self.visit(&class.id, &mut seen, &mut visits);
            while let Some(last) = visits.last_mut() {
                if let Some(target) = last.targets.pop() {
                    self.visit(&target, &mut seen, &mut visits);
                } else {
                    ordered.push(last.class);
                    visits.pop();
                }
            }
        }
        ordered
    }

    fn visit<'a>(
        &'a self,
        class: &ClassName,
        seen: &mut HashSet<ClassName>,
        visits: &mut Vec<Visit<'a>>,
    ) {
        let Some(class) = self.get(class).filter(|_| seen.insert(class.clone())) else {
            return;
        };
        let strict = class.relationships().iter().filter(|it| it.strict);
        // Instances of the target's subclasses are targets too.
        let mut targets: Vec<ClassName> = strict
            .flat_map(|it| [self.kinds(&it.target), vec![it.target.clone()]].concat())
            .collect();
        targets.reverse();
        visits.push(Visit { class, targets });
    }
}
