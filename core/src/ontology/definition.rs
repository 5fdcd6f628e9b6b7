//! Parses a class: `OntologyCreate` of contract §3, and a patch of it.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    class::Class,
    limits,
    property::{Member, Property},
    relationship::Relationship,
    shape::{Field, Object, Shape, refuse},
    text::Text,
};
use crate::{
    error::{ErrorCode, Refusal},
    json::{Json, entries, object},
    name::ClassName,
};

/// The fields that a definition (`OntologyCreate`) may have.
pub const DEFINITION: [&str; 8] = [
    "id",
    "label",
    "description",
    "parent_class",
    "abstract",
    "properties",
    "relationships",
    "metadata",
];

/// The maximum length of an id that is derived from a label.
const DERIVED: usize = 50;

impl Class {
    /// Parses `OntologyCreate` (contract §3); derives the id from the label if there is none.
    pub fn create(definition: &Json) -> Result<Self, Refusal> {
        let whole = Object::read("", definition, &DEFINITION)?;
        if let Err((rule, sentence)) = limits::check_definition(definition) {
            return Err(refuse("", rule, &Value::Null, &sentence));
        }
        let label = Text::read_label(&whole.need("label")?)?;
        let (id, definition) = match whole.get("id") {
            Some(field) => (field.name()?, definition.clone()),
            None => derive_id(&label, definition)?,
        };
        let mut class = Self {
            parent: read_parent(&id, whole.get("parent_class").as_ref())?,
            description: Text::read_optional(&whole, "description")?,
            is_abstract: whole.flag("abstract")?,
            allows_additional: read_metadata(whole.get("metadata").as_ref())?,
            ..Self::name_only(id, definition, label)
        };
        read_members(&mut class, &whole)?;
        Ok(class)
    }

    /// Parses what [`Class::create`] accepted and the log kept. What today's rules would refuse is
    /// read as far as possible.
    pub fn parse_stored(id: ClassName, definition: &Json) -> Result<Self, Refusal> {
        match Self::create(definition) {
            Ok(class) if class.id == id => Ok(class),
            _ => parse_leniently(id, definition),
        }
    }

    /// This class after `patch`: given fields replace the old ones (lists as a whole), other fields
    /// stay, `null` removes a field. The id cannot change.
    pub fn patch(&self, patch: &Json) -> Result<Self, Refusal> {
        let changes = Object::read("", patch, &DEFINITION)?;
        if let Some(field) = changes.get("id")
            && field.value.as_string().as_deref() != Some(self.id.as_str())
        {
            return Err(field.refuse("immutable", "cannot change"));
        }
        let mut fields = entries(&self.definition).unwrap_or_default();
        for (key, value) in entries(patch).unwrap_or_default() {
            let known = fields.iter_mut().find(|(name, _)| *name == key);
            match (known, value.is_null()) {
                (_, true) if key == "id" => {}
                (_, true) => fields.retain(|(name, _)| *name != key),
                (Some(field), false) => field.1 = value,
                (None, false) => fields.push((key, value)),
            }
        }
        Self::create(&of_fields(&fields)?)
    }

    /// A class with only a name.
    fn name_only(id: ClassName, definition: Json, label: Text) -> Self {
        Self {
            id,
            definition,
            label,
            description: None,
            parent: None,
            is_abstract: false,
            allows_additional: false,
            properties: Vec::new(),
            relationships: Vec::new(),
            keys: HashMap::new(),
        }
    }

    fn put(&mut self, member: Member) {
        match member {
            Member::Property(property) => self.properties.push(property),
            Member::Relationship(relationship) => self.relationships.push(relationship),
        }
    }
}

fn read_parent(id: &ClassName, field: Option<&Field<'_>>) -> Shape<Option<ClassName>> {
    let Some(field) = field else {
        return Ok(None);
    };
    let parent: ClassName = field.name()?;
    if parent == *id {
        return Err(field.refuse("parent_class", "is the class itself"));
    }
    Ok(Some(parent))
}

/// Reads as much of a definition as possible.
fn parse_leniently(id: ClassName, definition: &Json) -> Shape<Class> {
    let fields = entries(definition).ok_or_else(|| {
        let message = format!("the class {id} in the log is not an object");
        Refusal::new(ErrorCode::Internal, message)
    })?;
    let field = |key: &str| {
        fields.iter().find_map(|(name, value)| {
            let path = key.to_owned();
            (name == key).then_some(Field { path, value })
        })
    };
    let text = |key: &str| field(key).and_then(|field| Text::read(&field).ok());
    let label = text("label").unwrap_or_else(|| Text::Plain(id.as_str().to_owned()));
    let mut class = Class {
        description: text("description"),
        parent: field("parent_class").and_then(|field| field.name().ok()),
        is_abstract: field("abstract").is_some_and(|field| field.boolean().unwrap_or_default()),
        allows_additional: read_metadata(field("metadata").as_ref()).unwrap_or_default(),
        ..Class::name_only(id, definition.clone(), label)
    };
    let list = |key: &str| {
        field(key)
            .and_then(|field| field.list().ok())
            .unwrap_or_default()
    };
    for value in list("properties") {
        match Member::read("", &value) {
            Ok(member) => class.put(member),
            Err(_) => class.properties.extend(Property::read_leniently(&value)),
        }
    }
    for value in list("relationships") {
        class.relationships.extend(Relationship::read("", &value));
    }
    class.index();
    Ok(class)
}

fn of_fields(fields: &[(String, Json)]) -> Shape<Json> {
    object(fields.iter().map(|(key, value)| (key.as_str(), value)))
        .map_err(|error| Refusal::new(ErrorCode::Internal, error.to_string()))
}

fn read_metadata(field: Option<&Field<'_>>) -> Shape<bool> {
    let Some(field) = field else {
        return Ok(false);
    };
    let Some(fields) = entries(field.value) else {
        return Err(field.refuse("type", "must be an object"));
    };
    let additional = fields
        .iter()
        .find(|(key, value)| key == "additional_properties" && !value.is_null());
    additional.map_or(Ok(false), |(key, value)| {
        let path = format!("{}.{key}", field.path);
        Field { path, value }.boolean()
    })
}

/// The id derived from a label, and the definition with it in front.
fn derive_id(label: &Text, definition: &Json) -> Shape<(ClassName, Json)> {
    let derived = label
        .for_id()
        .into_iter()
        .find_map(|text| camel_case(text).parse().ok());
    let Some(id) = derived else {
        let label = label.to_json().to_shown();
        return Err(refuse(
            "id",
            "required",
            &label,
            "is missing, and cannot be derived from the label, which has no letters A-Z",
        ));
    };
    let written = Json::from(Value::from(ClassName::as_str(&id)));
    let mut fields = vec![("id".to_owned(), written)];
    let rest = entries(definition).unwrap_or_default();
    fields.extend(rest.into_iter().filter(|(key, _)| key != "id"));
    let definition = of_fields(&fields)?;
    Ok((id, definition))
}

/// `order item` → `OrderItem`, `3PL order` → `Class3PLOrder`.
fn camel_case(label: &str) -> String {
    let words = label.split(|c: char| !c.is_ascii_alphanumeric());
    let mut id = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        if id.is_empty() && word.starts_with(|c: char| c.is_ascii_digit()) {
            id.push_str("Class");
        }
        let (first, rest) = word.split_at(1);
        id.push_str(&first.to_ascii_uppercase());
        id.push_str(rest);
    }
    id.truncate(DERIVED);
    id
}

fn read_members(class: &mut Class, whole: &Object) -> Shape<()> {
    for (list, read) in [
        (
            "properties",
            Member::read as fn(&str, &Json) -> Shape<Member>,
        ),
        ("relationships", |path, value| {
            Relationship::read(path, value).map(Member::Relationship)
        }),
    ] {
        let Some(field) = whole.get(list) else {
            continue;
        };
        for (index, value) in field.list()?.iter().enumerate() {
            let path = format!("{list}[{index}]");
            let member = read(&path, value)?;
            refuse_taken(class, &path, &member)?;
            class.put(member);
            class.index();
        }
    }
    Ok(())
}

/// A name or a label must identify one property.
fn refuse_taken(class: &Class, path: &str, member: &Member) -> Shape<()> {
    let (name, label) = match member {
        Member::Property(property) => (&property.name, &property.label),
        Member::Relationship(relationship) => (&relationship.predicate, &relationship.label),
    };
    for text in std::iter::once(name.as_str()).chain(label.all()) {
        if let Some(other) = class.resolve(text) {
            let sentence = format!("{text:?} is already a name or a label of {other}");
            return Err(refuse(path, "duplicate", &Value::from(text), &sentence));
        }
    }
    Ok(())
}
