//! Exports a class for other tools: JSON-LD and OWL (Turtle), two forms of one graph.
//!
//! A property belongs to the class that declares it first, so properties with the same name in two
//! classes are different: `urn:spice:{database}:{class}/{property}`.

mod node;

use std::sync::Arc;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use spice_core::{
    name::{ClassName, DatabaseName, PropertyName},
    ontology::{Class, Property, PropertyType, Relationship, Schema, Text},
};

use self::node::{Node, Object, Parent};

/// A class and its members, as a graph.
pub(crate) struct Export<'a> {
    database: &'a DatabaseName,
    schema: &'a Schema,
    class: &'a Class,
}

impl<'a> Export<'a> {
    /// The export of a class with its own and inherited members.
    pub(crate) fn of(database: &'a DatabaseName, schema: &'a Schema, class: &'a Class) -> Self {
        let declared = schema.get_declared(&class.id);
        Self {
            database,
            schema,
            class: declared.map_or(class, AsRef::as_ref),
        }
    }

    /// In Turtle.
    pub(crate) fn owl(&self) -> Response {
        let (class, members) = self.nodes();
        let subject = self.iri(&self.class.id);
        let kind = [(header::CONTENT_TYPE, "text/turtle; charset=utf-8")];
        (
            StatusCode::OK,
            kind,
            node::turtle(&subject, &class, &members, &self.parents()),
        )
            .into_response()
    }

    /// In JSON-LD.
    pub(crate) fn json_ld(&self) -> Value {
        let (class, members) = self.nodes();
        node::json_ld(&class, &members, &self.parents())
    }

    /// The parents, nearest first, each with the members that it declares first.
    fn parents(&self) -> Vec<Parent> {
        let ancestors = self.schema.ancestors(&self.class.id).into_iter();
        ancestors
            .map(|class| Parent {
                iri: self.iri(&class.id),
                members: Self { class, ..*self }.nodes().1,
            })
            .collect()
    }

    fn iri(&self, class: &ClassName) -> String {
        format!("urn:spice:{}:{class}", self.database)
    }

    /// The IRI of a member, by the ancestor nearest to the root that declares it.
    fn member(&self, class: &ClassName, name: &PropertyName) -> (String, bool) {
        let declares = |parent: &&Arc<Class>| parent.property_type(name).is_some();
        let first = self.schema.ancestors(class).into_iter().rfind(declares);
        let first = first.map_or(class, |parent| &parent.id);
        (format!("{}/{name}", self.iri(first)), first != class)
    }

    /// The class, with the members that it declares first.
    fn nodes(&self) -> (Node, Vec<Node>) {
        let own = self.class;
        let mut class = Node::named(self.iri(&own.id), "owl:Class");
        class.put_texts(own.labels(), own.description());
        if let Some(parent) = own.parent() {
            class.put("rdfs:subClassOf", Object::Iri(self.iri(parent)));
        }
        let mut members = Vec::new();
        for property in own.properties() {
            members.extend(self.property(property, &mut class));
        }
        for relationship in own.relationships() {
            members.extend(self.relationship(relationship, &mut class));
        }
        let key = own.primary_key();
        let key: Vec<String> = key.map(|it| self.member(&own.id, &it.name).0).collect();
        if !key.is_empty() {
            class.put("owl:hasKey", Object::List(key));
        }
        (class, members)
    }

    fn property(&self, own: &Property, class: &mut Node) -> Option<Node> {
        let (iri, is_inherited) = self.member(&self.class.id, &own.name);
        let range = Object::Term(range(own));
        if is_inherited {
            class.restrict(&iri, "owl:allValuesFrom", range.clone());
        }
        if own.property_type != PropertyType::Array {
            class.restrict(&iri, "owl:maxCardinality", Object::Count(1));
        }
        if own.required {
            class.restrict(&iri, "owl:minCardinality", Object::Count(1));
        }
        if is_inherited {
            return None;
        }
        let mut node = Node::named(iri, "owl:DatatypeProperty");
        node.put_texts(&own.label, own.description.as_ref());
        node.put("rdfs:range", range);
        Some(node)
    }

    fn relationship(&self, own: &Relationship, class: &mut Node) -> Option<Node> {
        let (iri, is_inherited) = self.member(&self.class.id, &own.predicate);
        let range = Object::Iri(self.iri(&own.target));
        if is_inherited {
            class.restrict(&iri, "owl:allValuesFrom", range.clone());
        }
        if !own.cardinality.is_list() {
            class.restrict(&iri, "owl:maxCardinality", Object::Count(1));
        }
        if own.required {
            class.restrict(&iri, "owl:minCardinality", Object::Count(1));
        }
        if is_inherited {
            return None;
        }
        let mut node = Node::named(iri, "owl:ObjectProperty");
        node.put_texts(&own.label, own.description.as_ref());
        node.put("rdfs:range", range);
        if let Some(inverse) = &own.inverse_predicate {
            let (iri, _) = self.member(&own.target, inverse);
            let mut back = Node::named(iri, "owl:ObjectProperty");
            if let Some(label) = &own.inverse_label {
                back.put_text("rdfs:label", label);
            }
            node.put("owl:inverseOf", Object::Node(back));
        }
        Some(node)
    }
}

/// The type of a property's values, or of the items of its lists.
fn range(property: &Property) -> &'static str {
    let written = property.type_name.trim_start_matches("xsd:");
    let kind = match property.property_type {
        PropertyType::Array => property.item_type().unwrap_or(PropertyType::Json),
        other => other,
    };
    match (kind, written) {
        (_, "float") => "xsd:float",
        (_, "double") => "xsd:double",
        (PropertyType::Integer, _) => "xsd:integer",
        (PropertyType::Decimal | PropertyType::Number, _) => "xsd:decimal",
        (PropertyType::Boolean, _) => "xsd:boolean",
        (PropertyType::Date, _) => "xsd:date",
        (PropertyType::DateTime, _) => "xsd:dateTime",
        (PropertyType::Url, _) => "xsd:anyURI",
        (PropertyType::Enum, _) => "rdfs:Literal",
        (
            PropertyType::Money
            | PropertyType::Json
            | PropertyType::Object
            | PropertyType::Array
            | PropertyType::Coordinate
            | PropertyType::Address
            | PropertyType::Image
            | PropertyType::File,
            _,
        ) => "rdf:JSON",
        _ => "xsd:string",
    }
}

impl Node {
    fn put_texts(&mut self, label: &Text, comment: Option<&Text>) {
        self.put_text("rdfs:label", label);
        if let Some(comment) = comment {
            self.put_text("rdfs:comment", comment);
        }
    }

    fn put_text(&mut self, predicate: &'static str, text: &Text) {
        for (language, text) in text.by_language() {
            let tag = language.replace('_', "-");
            let tag = is_language_tag(&tag).then_some(tag);
            self.put(predicate, Object::Text(text.to_owned(), tag));
        }
    }

    fn restrict(&mut self, property: &str, rule: &'static str, value: Object) {
        let mut restriction = Node::blank("owl:Restriction");
        restriction.put("owl:onProperty", Object::Iri(property.to_owned()));
        restriction.put(rule, value);
        self.put("rdfs:subClassOf", Object::Node(restriction));
    }
}

/// Whether a key of a label is a valid language tag; otherwise the label is written without one.
fn is_language_tag(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let fits = |part: &str| (1..=8).contains(&part.len());
    let first = parts.next().unwrap_or_default();
    fits(first)
        && first.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| fits(part) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
