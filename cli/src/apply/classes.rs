//! Checks declared classes with the core's own reader of definitions, before anything is applied:
//! the schema of a declaration does not contain these rules.

use spice_core::{json::Json, ontology::Class};
use spice_operator::declared::{AnyResource, Breach};

/// The rules that a declared class breaks. Rules about other classes are checked when the class is
/// applied.
pub(super) fn check(resource: &AnyResource) -> Vec<Breach> {
    let Some(definition) = resource.class_definition() else {
        return Vec::new();
    };
    let breach = |field: &str, problem: String| {
        let field = format!("spec.{field}");
        vec![Breach { field, problem }]
    };
    match Json::of(&definition).map(|definition| Class::create(&definition)) {
        Ok(Ok(_)) => Vec::new(),
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
