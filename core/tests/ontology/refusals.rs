//! Classes that are refused, by field and rule.

use serde_json::{Value, json};
use spice_core::error::ErrorCode;

use crate::support::refusal;

#[test]
fn a_wrong_shape_is_refused_by_field_and_rule() {
    let property = |property: Value| json!({"label": "T", "properties": [property]});
    let relationship = |it: Value| json!({"label": "T", "relationships": [it]});
    let of = |constraints: Value| {
        property(json!({"name": "a", "type": "string", "constraints": constraints}))
    };
    for (definition, field, rule) in [
        (json!([]), "", "type"),
        (json!("x"), "", "type"),
        (json!({}), "label", "required"),
        (json!({"label": null}), "label", "required"),
        (json!({"label": ""}), "label", "required"),
        (json!({"label": " "}), "label", "required"),
        (json!({"label": {}}), "label", "required"),
        (json!({"label": 5}), "label", "type"),
        (json!({"label": {"en": 5}}), "label", "type"),
        (json!({"label": "x".repeat(201)}), "label", "maxLength"),
        (json!({"label": "T", "id": 5}), "id", "type"),
        (
            json!({"label": "T", "description": 5}),
            "description",
            "type",
        ),
        (json!({"label": "T", "abstract": "yes"}), "abstract", "type"),
        (
            json!({"label": "T", "parent_class": "T"}),
            "parent_class",
            "parent_class",
        ),
        (json!({"label": "T", "colour": 1}), "colour", "unknown"),
        (json!({"label": "T", "metadata": []}), "metadata", "type"),
        (
            json!({"label": "T", "metadata": {"additional_properties": 1}}),
            "metadata.additional_properties",
            "type",
        ),
        (
            json!({"label": "T", "properties": {}}),
            "properties",
            "type",
        ),
        (
            json!({"label": "T", "properties": [5]}),
            "properties[0]",
            "type",
        ),
        (
            property(json!({"type": "string"})),
            "properties[0].name",
            "required",
        ),
        (
            property(json!({"name": "a"})),
            "properties[0].type",
            "required",
        ),
        (
            property(json!({"name": "a", "type": 5})),
            "properties[0].type",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "strin"})),
            "properties[0].type",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "xsd:xsd:string"})),
            "properties[0].type",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "string", "requried": true})),
            "properties[0].requried",
            "unknown",
        ),
        (
            property(json!({"name": "a", "type": "string", "required": 1})),
            "properties[0].required",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "string", "label": ""})),
            "properties[0].label",
            "required",
        ),
        (
            property(json!({"name": "a", "type": "string", "cardinality": "1:n"})),
            "properties[0].cardinality",
            "constraint",
        ),
        (
            property(json!({"name": "a", "type": "string", "items": "string"})),
            "properties[0].items",
            "constraint",
        ),
        (
            property(json!({"name": "a", "type": "array", "items": {"type": "x"}})),
            "properties[0].items.type",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "array", "items": "link"})),
            "properties[0].items",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "array", "items": {"type": "link"}})),
            "properties[0].items.linkTarget",
            "required",
        ),
        (
            property(json!({"name": "a", "type": "enum"})),
            "properties[0].type",
            "enum",
        ),
        (
            property(json!({"name": "a", "type": "number", "primaryKey": true})),
            "properties[0].primaryKey",
            "primary_key",
        ),
        (
            property(json!({"name": "a", "type": "link", "linkTarget": "B", "primary_key": true})),
            "properties[0].primary_key",
            "primary_key",
        ),
        (
            property(
                json!({"name": "a", "type": "string", "primaryKey": true, "primary_key": false}),
            ),
            "properties[0].primary_key",
            "duplicate",
        ),
        (
            property(json!({"name": "a", "type": "link"})),
            "properties[0].linkTarget",
            "required",
        ),
        (
            property(json!({"name": "a", "type": "link", "target": "B", "linkTarget": "C"})),
            "properties[0].target",
            "duplicate",
        ),
        (
            property(json!({"name": "a", "type": "link", "target": "B", "cardinality": "2:n"})),
            "properties[0].cardinality",
            "cardinality",
        ),
        (
            property(json!({"name": "a", "type": "link", "target": "B", "integrity": "loose"})),
            "properties[0].integrity",
            "integrity",
        ),
        (
            property(
                json!({"name": "a", "type": "link", "target": "B", "cardinality": "n:1", "constraints": {"minItems": 1}}),
            ),
            "properties[0].constraints.minItems",
            "unknown",
        ),
        (
            property(
                json!({"name": "a", "type": "link", "target": "B", "constraints": {"min": 1}}),
            ),
            "properties[0].constraints.min",
            "constraint",
        ),
        (
            property(json!({"name": "a", "type": "integer", "default": "5"})),
            "properties[0].default",
            "default",
        ),
        (
            property(
                json!({"name": "a", "type": "integer", "default": 5, "constraints": {"max": 4}}),
            ),
            "properties[0].default",
            "default",
        ),
        (
            property(json!({"name": "a", "type": "link", "target": "B", "default": ["C/1"]})),
            "properties[0].default",
            "default",
        ),
        (
            relationship(json!({"target": "B"})),
            "relationships[0].predicate",
            "required",
        ),
        (
            relationship(json!({"predicate": "b"})),
            "relationships[0].target",
            "required",
        ),
        (
            relationship(json!({"predicate": "b", "target": "B", "type": "x"})),
            "relationships[0].type",
            "unknown",
        ),
        (of(json!([])), "properties[0].constraints", "type"),
        (
            of(json!({"minimum": 1})),
            "properties[0].constraints.minimum",
            "unknown",
        ),
        (
            of(json!({"min": 1})),
            "properties[0].constraints.min",
            "constraint",
        ),
        (
            of(json!({"minItems": 1})),
            "properties[0].constraints.minItems",
            "constraint",
        ),
        (
            of(json!({"minLength": -1})),
            "properties[0].constraints.minLength",
            "type",
        ),
        (
            of(json!({"minLength": 1.5})),
            "properties[0].constraints.minLength",
            "type",
        ),
        (
            of(json!({"minLength": 2, "maxLength": 1})),
            "properties[0].constraints.minLength",
            "constraint",
        ),
        (
            of(json!({"pattern": "("})),
            "properties[0].constraints.pattern",
            "pattern",
        ),
        (
            of(json!({"pattern": "(?=a)"})),
            "properties[0].constraints.pattern",
            "pattern",
        ),
        (
            of(json!({"pattern": "(a{1000}){1000}"})),
            "properties[0].constraints.pattern",
            "pattern",
        ),
        (
            of(json!({"pattern": 5})),
            "properties[0].constraints.pattern",
            "type",
        ),
        (
            of(json!({"format": "colour"})),
            "properties[0].constraints.format",
            "format",
        ),
        (
            of(json!({"enum": []})),
            "properties[0].constraints.enum",
            "required",
        ),
        (
            of(json!({"enum": "a"})),
            "properties[0].constraints.enum",
            "type",
        ),
        (
            of(json!({"enum": ["a", 5]})),
            "properties[0].constraints.enum[1]",
            "type",
        ),
        (
            of(json!({"unique": "yes"})),
            "properties[0].constraints.unique",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "integer", "constraints": {"min": 5, "max": 4}})),
            "properties[0].constraints.min",
            "constraint",
        ),
        (
            property(json!({"name": "a", "type": "decimal", "constraints": {"min": "5"}})),
            "properties[0].constraints.min",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "date", "constraints": {"min": "2026"}})),
            "properties[0].constraints.min",
            "type",
        ),
        (
            property(json!({"name": "a", "type": "integer", "constraints": {"pattern": "a"}})),
            "properties[0].constraints.pattern",
            "constraint",
        ),
        (
            property(
                json!({"name": "a", "type": "array", "constraints": {"minItems": 3, "maxItems": 2}}),
            ),
            "properties[0].constraints.minItems",
            "constraint",
        ),
    ] {
        let refusal = refusal(&definition);
        assert_eq!(
            refusal.code,
            ErrorCode::InvalidRequest,
            "{definition}: {refusal}"
        );
        assert_eq!(refusal.detail["field"], field, "{definition}: {refusal}");
        assert_eq!(refusal.detail["rule"], rule, "{definition}: {refusal}");
        assert!(refusal.message.starts_with(field), "{refusal}");
    }
}
