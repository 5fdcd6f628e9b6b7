//! A class for other tools: JSON-LD and OWL (Turtle).

use std::fmt::Write as _;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};
use spice_core::{
    name::DatabaseName,
    ontology::{Class, PropertyType, Text},
};

fn base(database: &DatabaseName) -> String {
    format!("urn:spice:{database}:")
}

/// The XML Schema type of a property's values.
fn datatype(property_type: PropertyType) -> &'static str {
    match property_type {
        PropertyType::Integer => "xsd:integer",
        PropertyType::Decimal | PropertyType::Number => "xsd:decimal",
        PropertyType::Boolean => "xsd:boolean",
        PropertyType::Date => "xsd:date",
        PropertyType::DateTime => "xsd:dateTime",
        PropertyType::Url | PropertyType::Image | PropertyType::File => "xsd:anyURI",
        _ => "xsd:string",
    }
}

/// The class as JSON-LD: its context and its definition.
pub(crate) fn json_ld(database: &DatabaseName, class: &Class) -> Value {
    let mut context = Map::new();
    context.insert("@vocab".into(), base(database).into());
    context.insert("owl".into(), "http://www.w3.org/2002/07/owl#".into());
    context.insert(
        "rdfs".into(),
        "http://www.w3.org/2000/01/rdf-schema#".into(),
    );
    context.insert("xsd".into(), "http://www.w3.org/2001/XMLSchema#".into());
    for property in class.properties() {
        let key = property.name.to_string();
        let term = json!({"@id": key.as_str(), "@type": datatype(property.property_type)});
        context.insert(key, term);
    }
    for relationship in class.relationships() {
        let key = relationship.predicate.to_string();
        context.insert(key.clone(), json!({"@id": key, "@type": "@id"}));
    }
    let mut node = json!({
        "@context": context,
        "@id": class.id.as_str(),
        "@type": "owl:Class",
        "rdfs:label": literal(class.labels()),
    });
    if let Some(description) = class.description() {
        node["rdfs:comment"] = literal(description);
    }
    if let Some(parent) = class.parent() {
        node["rdfs:subClassOf"] = json!({"@id": parent.as_str()});
    }
    node["definition"] = json!({"@type": "@json", "@value": class.definition.to_value()});
    node
}

fn literal(text: &Text) -> Value {
    match text {
        Text::Plain(text) => text.as_str().into(),
        Text::Languages(languages) => languages
            .iter()
            .map(|(language, text)| json!({"@language": language, "@value": text}))
            .collect(),
    }
}

/// The class as OWL, in Turtle.
pub(crate) fn owl(database: &DatabaseName, class: &Class) -> Response {
    let mut text = String::from(
        "@prefix owl: <http://www.w3.org/2002/07/owl#> .\n@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .\n",
    );
    let base = base(database);
    let iri = |name: &str| format!("<{base}{name}>");
    let subject = iri(class.id.as_str());
    let _ = write!(text, "\n{subject} a owl:Class");
    write_texts(&mut text, class.labels(), class.description());
    if let Some(parent) = class.parent() {
        let _ = write!(text, " ;\n  rdfs:subClassOf {}", iri(parent.as_str()));
    }
    text.push_str(" .\n");
    for property in class.properties() {
        let _ = write!(
            text,
            "\n{} a owl:DatatypeProperty",
            iri(property.name.as_str())
        );
        write_texts(&mut text, &property.label, property.description.as_ref());
        let range = datatype(property.property_type);
        let _ = writeln!(
            text,
            " ;\n  rdfs:domain {subject} ;\n  rdfs:range {range} ."
        );
    }
    for relationship in class.relationships() {
        let _ = write!(
            text,
            "\n{} a owl:ObjectProperty",
            iri(relationship.predicate.as_str())
        );
        write_texts(
            &mut text,
            &relationship.label,
            relationship.description.as_ref(),
        );
        let range = iri(relationship.target.as_str());
        let _ = writeln!(
            text,
            " ;\n  rdfs:domain {subject} ;\n  rdfs:range {range} ."
        );
    }
    let kind = [(header::CONTENT_TYPE, "text/turtle; charset=utf-8")];
    (StatusCode::OK, kind, text).into_response()
}

fn write_texts(text: &mut String, label: &Text, comment: Option<&Text>) {
    write_text(text, "rdfs:label", label);
    if let Some(comment) = comment {
        write_text(text, "rdfs:comment", comment);
    }
}

fn write_text(text: &mut String, predicate: &str, value: &Text) {
    let (plain, languages) = match value {
        Text::Plain(plain) => (Some(plain), [].as_slice()),
        Text::Languages(languages) => (None, languages.as_slice()),
    };
    if let Some(plain) = plain {
        let _ = write!(text, " ;\n  {predicate} {}", quote(plain));
    }
    for (language, translated) in languages {
        let tag = language.replace('_', "-");
        let _ = write!(text, " ;\n  {predicate} {}@{tag}", quote(translated));
    }
}

/// A Turtle string: the escapes of JSON are Turtle's too.
fn quote(text: &str) -> String {
    Value::from(text).to_string()
}
