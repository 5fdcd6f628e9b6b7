//! A small RDF graph in two formats.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

/// The namespaces of terms.
const PREFIXES: [(&str, &str); 4] = [
    ("owl", "http://www.w3.org/2002/07/owl#"),
    ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
    ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
];

/// The object of a predicate.
#[derive(Debug, Clone)]
pub(super) enum Object {
    Iri(String),
    /// A term of one of the namespaces.
    Term(&'static str),
    /// A text, and its language.
    Text(String, Option<String>),
    Count(u32),
    /// IRIs in order.
    List(Vec<String>),
    Node(Node),
}

/// The subject of triples.
#[derive(Debug, Clone)]
pub(super) struct Node {
    iri: Option<String>,
    kind: &'static str,
    fields: Vec<(&'static str, Vec<Object>)>,
}

impl Node {
    pub(super) fn named(iri: String, kind: &'static str) -> Self {
        Self {
            iri: Some(iri),
            ..Self::blank(kind)
        }
    }

    pub(super) fn blank(kind: &'static str) -> Self {
        Self {
            iri: None,
            kind,
            fields: Vec::new(),
        }
    }

    pub(super) fn put(&mut self, predicate: &'static str, object: Object) {
        match self
            .fields
            .iter_mut()
            .find(|(known, _)| *known == predicate)
        {
            Some((_, objects)) => objects.push(object),
            None => self.fields.push((predicate, vec![object])),
        }
    }
}

/// A parent of a class, with the members that it declares first.
pub(super) struct Parent {
    pub(super) iri: String,
    pub(super) members: Vec<Node>,
}

/// A class, its members and those of its parents, the nearest first, as JSON-LD.
pub(super) fn json_ld(class: &Node, members: &[Node], parents: &[Parent]) -> Value {
    let prefixes: Map<String, Value> = PREFIXES
        .iter()
        .map(|(prefix, namespace)| ((*prefix).to_owned(), (*namespace).into()))
        .collect();
    let mut whole = Map::new();
    whole.insert("@context".into(), prefixes.into());
    whole.extend(fields_of(class));
    put_members(&mut whole, members);
    let above = parents.iter().rev().fold(None, |above, parent| {
        let mut fields = Map::new();
        fields.insert("@id".into(), parent.iri.as_str().into());
        put_members(&mut fields, &parent.members);
        if let Some(above) = above {
            fields.insert("rdfs:subClassOf".into(), json!([above]));
        }
        Some(Value::from(fields))
    });
    let known = whole
        .get_mut("rdfs:subClassOf")
        .and_then(Value::as_array_mut);
    if let (Some(above), Some(known)) = (above, known)
        && let Some(parent) = known.iter_mut().find(|it| it["@id"] == above["@id"])
    {
        *parent = above;
    }
    Value::Object(whole)
}

fn put_members(fields: &mut Map<String, Value>, members: &[Node]) {
    if !members.is_empty() {
        let members: Vec<Value> = members.iter().map(|it| fields_of(it).into()).collect();
        fields.insert("@reverse".into(), json!({"rdfs:domain": members}));
    }
}

fn fields_of(node: &Node) -> Map<String, Value> {
    let mut fields = Map::new();
    if let Some(iri) = &node.iri {
        fields.insert("@id".into(), iri.as_str().into());
    }
    fields.insert("@type".into(), node.kind.into());
    for (predicate, objects) in &node.fields {
        let objects: Vec<Value> = objects.iter().map(value_of).collect();
        fields.insert((*predicate).into(), objects.into());
    }
    fields
}

fn value_of(object: &Object) -> Value {
    match object {
        Object::Iri(iri) => json!({"@id": iri}),
        Object::Term(term) => json!({"@id": term}),
        Object::Text(text, None) => json!({"@value": text}),
        Object::Text(text, Some(language)) => json!({"@value": text, "@language": language}),
        Object::Count(count) => {
            json!({"@value": count.to_string(), "@type": "xsd:nonNegativeInteger"})
        }
        Object::List(iris) => {
            let iris: Vec<Value> = iris.iter().map(|iri| json!({"@id": iri})).collect();
            json!({"@list": iris})
        }
        Object::Node(node) => fields_of(node).into(),
    }
}

/// A class, its members and those of its parents, the nearest first, in Turtle.
pub(super) fn turtle(
    class_iri: &str,
    class: &Node,
    members: &[Node],
    parents: &[Parent],
) -> String {
    let mut text = String::new();
    for (prefix, namespace) in PREFIXES {
        let _ = writeln!(text, "@prefix {prefix}: <{namespace}> .");
    }
    let mut further = Vec::new();
    write_statement(&mut text, class, None, &mut further);
    for member in members {
        write_statement(&mut text, member, Some(class_iri), &mut further);
    }
    for parent in parents {
        for member in &parent.members {
            write_statement(&mut text, member, Some(&parent.iri), &mut further);
        }
    }
    for pair in parents.windows(2) {
        let _ = writeln!(
            text,
            "\n<{}> rdfs:subClassOf <{}> .",
            pair[0].iri, pair[1].iri
        );
    }
    for node in further {
        write_statement(&mut text, node, None, &mut Vec::new());
    }
    text
}

/// A named node; named nodes that it refers to are written later.
fn write_statement<'a>(
    text: &mut String,
    node: &'a Node,
    domain: Option<&str>,
    further: &mut Vec<&'a Node>,
) {
    let iri = node.iri.as_deref().unwrap_or_default();
    let _ = write!(text, "\n<{iri}> a {}", node.kind);
    if let Some(domain) = domain {
        let _ = write!(text, " ;\n  rdfs:domain <{domain}>");
    }
    write_fields(text, node, further);
    text.push_str(" .\n");
}

fn write_fields<'a>(text: &mut String, node: &'a Node, further: &mut Vec<&'a Node>) {
    for (predicate, objects) in &node.fields {
        for object in objects {
            let _ = write!(text, " ;\n  {predicate} ");
            write_object(text, object, further);
        }
    }
}

fn write_object<'a>(text: &mut String, object: &'a Object, further: &mut Vec<&'a Node>) {
    let _ = match object {
        Object::Iri(iri) => write!(text, "<{iri}>"),
        Object::Term(term) => write!(text, "{term}"),
        Object::Text(written, None) => write!(text, "{}", quote(written)),
        Object::Text(written, Some(language)) => write!(text, "{}@{language}", quote(written)),
        Object::Count(count) => write!(text, "\"{count}\"^^xsd:nonNegativeInteger"),
        Object::List(iris) => {
            let iris: Vec<String> = iris.iter().map(|iri| format!("<{iri}>")).collect();
            write!(text, "( {} )", iris.join(" "))
        }
        Object::Node(node) => {
            if let Some(iri) = &node.iri {
                further.push(node);
                write!(text, "<{iri}>")
            } else {
                let _ = write!(text, "[ a {}", node.kind);
                write_fields(text, node, further);
                write!(text, " ]")
            }
        }
    };
}

/// A Turtle string; JSON escapes are valid in Turtle.
fn quote(text: &str) -> String {
    Value::from(text).to_string()
}
