//! Checks declared classes with the core's own reader of definitions, before anything is applied:
//! the schema of a declaration does not contain these rules.

use spice_core::{json::Json, ontology::Class};
use spice_crds::Exact;
use spice_operator::declared::{AnyResource, Breach};

/// The rules that declared classes break. Rules about other classes are checked when the classes
/// are applied.
pub(super) fn check(resource: &AnyResource) -> Vec<Breach> {
    let definitions = resource.class_definitions();
    let definitions = definitions.iter().enumerate();
    definitions
        .filter_map(|(index, definition)| check_class(index, definition))
        .collect()
}

fn check_class(index: usize, definition: &Exact) -> Option<Breach> {
    let breach = |field: &str, problem: String| {
        let dot = if field.is_empty() { "" } else { "." };
        let field = format!("spec.classes[{index}]{dot}{field}");
        Some(Breach { field, problem })
    };
    match Json::of(definition).map(|definition| Class::create(&definition)) {
        Ok(Ok(_)) => None,
        Ok(Err(refusal)) => {
            let field = refusal.detail.get("field").and_then(|field| field.as_str());
            breach(field.unwrap_or_default(), refusal.message.clone())
        }
        Err(error) => breach("", error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use spice_core::value::PropertyType;
    use spice_crds::schema::PROPERTY_TYPES;

    #[test]
    fn the_schema_has_the_types_of_the_core() {
        let core: Vec<&str> = PropertyType::names().collect();
        assert_eq!(core, PROPERTY_TYPES);
    }
}
