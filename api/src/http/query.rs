//! The earlier system's query: instances of one class, by conditions on properties by label or id.
//! It is the same as a list in another form.

use std::{collections::HashMap, sync::Arc};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use spice_core::{
    json::Json,
    name::PropertyName,
    ontology::{Class, Schema},
    port::{documents::Search, graph::State},
    query::{Filter, INSTANCE_ID, Order, find_property},
};

use crate::{
    http::{
        answer::{self, Answer},
        bodies::given,
        call::Call,
        failure::Failure,
        lists::explain,
        parameters::{
            Parameter, Whole,
            known::{INSTANCE_OFFSET, LIMIT},
        },
    },
    objects::objects,
    read::wait::Needs,
};

/// Keys that every result has; no property has such a name.
const ALWAYS: [&str; 2] = ["@id", "@type"];

/// `{class_label|class_id, filters?, select?, limit?, offset?, order_by?, order_direction?}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryBody {
    /// The class, by label. Without `select`, values have the labels of their properties as keys.
    #[serde(default)]
    class_label: Option<String>,
    /// The class, by id, instead of `class_label`. Values have ids as keys.
    #[serde(default)]
    class_id: Option<String>,
    /// All of them must match.
    #[serde(default, deserialize_with = "objects")]
    filters: Vec<QueryFilter>,
    /// The properties to return, by label or id, under the given names; by default all.
    #[serde(default)]
    select: Option<Vec<String>>,
    /// Default 100.
    #[serde(default)]
    #[schemars(range(min = LIMIT.kind.least, max = LIMIT.kind.most))]
    limit: Option<u64>,
    #[serde(default)]
    #[schemars(range(max = INSTANCE_OFFSET.kind.most))]
    offset: Option<u64>,
    /// A property, by label or id; by default the id of the instance.
    #[serde(default)]
    order_by: Option<String>,
    #[serde(default)]
    order_direction: Option<Direction>,
}

/// One condition.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct QueryFilter {
    /// A property, by label or id.
    field: String,
    operator: OperatorWord,
    /// The operand: a list for `in` and `not_in`, none for `is_null` and `is_not_null`.
    #[serde(default, deserialize_with = "given")]
    value: Option<Json>,
}

/// The operator of a condition, serialized as in a list's `filter`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
enum OperatorWord {
    Eq,
    /// Not equal; instances without a value do not match.
    Ne,
    Gt,
    #[serde(rename(serialize = "gte"))]
    Ge,
    Lt,
    #[serde(rename(serialize = "lte"))]
    Le,
    /// `%` stands for any text, `_` for one character.
    Like,
    In,
    /// Equal to none of these; instances without a value do not match.
    NotIn,
    /// Has no value.
    IsNull,
    IsNotNull,
}

/// Ascending or descending.
#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Asc,
    Desc,
}

/// `{results, total, query}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct QueryAnswer<'a> {
    /// Each with `@id` (`Class/id`, as in references), `@type`, and its values.
    #[schemars(with = "Vec<Map<String, Value>>")]
    results: Vec<IndexMap<String, Json>>,
    /// The total number on all pages.
    total: u64,
    limit: usize,
    offset: usize,
    /// The query as it was sent.
    #[schemars(with = "Map<String, Value>")]
    query: &'a Json,
}

/// The parts of an instance in an answer.
enum Shown {
    /// These properties, under these names.
    Selected(Vec<(String, PropertyName)>),
    /// All properties, under these names instead of ids.
    All(HashMap<String, String>),
}

pub(crate) async fn query(mut call: Call) -> Answer {
    call.database()?;
    call.branch()?;
    let (body, written): (QueryBody, Json) = call.json_as_written().await?;
    let (limit, offset) = check_window(&call, &body)?;
    let reading = call.reading(Needs::DOCUMENTS).await?;
    let schema = reading.schema().await?;
    let class = find_class(&call, &schema, &body)?;
    let search = Search {
        class: class.id.clone(),
        text: None,
        filters: read_filters(&call, class, &body.filters)?,
        order: read_order(&call, class, &body)?,
        cursor: None,
        offset,
        limit,
    };
    let shown = choose(&call, class, &body)?;
    let found = reading.list(search, None).await;
    let found = found.map_err(|error| explain(error, &call))?;
    let results = found.items.iter().map(|item| render(class, &shown, item));
    answer::ok(&QueryAnswer {
        results: results.collect::<Result<_, _>>()?,
        total: found.total,
        limit,
        offset,
        query: &written,
    })
}

fn check_window(call: &Call, body: &QueryBody) -> Result<(usize, usize), Failure> {
    let within = |parameter: &Parameter<Whole>, given: Option<u64>| {
        let number = parameter.kind.bounded(parameter.name, given);
        number.map_err(|message| call.refuse(parameter.name, "range", given, message))
    };
    Ok((
        within(&LIMIT, body.limit)?,
        within(&INSTANCE_OFFSET, body.offset)?,
    ))
}

fn find_class<'schema>(
    call: &Call,
    schema: &'schema Schema,
    body: &QueryBody,
) -> Result<&'schema Arc<Class>, Failure> {
    let find = |field: &str, name: &String| {
        schema.resolve(name).ok_or_else(|| {
            let known: Vec<&str> = schema.iter_declared().map(|it| it.id.as_str()).collect();
            let message = format!("there is no class {name:?} on this branch");
            Failure::invalid_query(field, message)
                .with("value", name.as_str())
                .with("classes", known)
        })
    };
    match (&body.class_label, &body.class_id) {
        (None, None) => {
            let message =
                "class_label is missing: a query names its class by class_label or class_id";
            Err(call.refuse("class_label", "required", Value::Null, message))
        }
        (Some(label), None) => find("class_label", label),
        (None, Some(id)) => find("class_id", id),
        (Some(label), Some(id)) => {
            let class = find("class_id", id)?;
            if find("class_label", label)?.id == class.id {
                return Ok(class);
            }
            let message = format!("class_label {label:?} and class_id {id:?} are two classes");
            Err(Failure::invalid_query("class_label", message))
        }
    }
}

fn read_filters(call: &Call, class: &Class, given: &[QueryFilter]) -> Result<Vec<Filter>, Failure> {
    let mut filters = Vec::with_capacity(given.len());
    for (index, filter) in given.iter().enumerate() {
        let condition = read_condition(call, index, filter)?;
        filters.extend(Filter::parse(class, &filter.field, &condition)?);
    }
    Ok(filters)
}

/// A condition in the form of a list's `filter`.
fn read_condition(call: &Call, index: usize, filter: &QueryFilter) -> Result<Json, Failure> {
    let wrong = |rule: &str, value: Value, message: &str| {
        let field = format!("filters[{index}].value");
        let message = format!("{field} {message}");
        Err(call.refuse(&field, rule, value, message))
    };
    let value = filter.value.as_ref().filter(|value| !value.is_null());
    match (filter.operator, value) {
        (OperatorWord::IsNull | OperatorWord::IsNotNull, Some(value)) => {
            let message = "must be left out: is_null and is_not_null take no value";
            wrong("exclusive", value.to_shown(), message)
        }
        (OperatorWord::IsNull, None) => Ok(json!({"exists": false}).into()),
        (OperatorWord::IsNotNull, None) => Ok(json!({"exists": true}).into()),
        (_, None) => {
            let message = "is missing; to find instances without a value, use is_null";
            wrong("required", Value::Null, message)
        }
        (operator, Some(value)) => Ok(Json::of(&IndexMap::from([(operator, value)]))?),
    }
}

fn read_order(call: &Call, class: &Class, body: &QueryBody) -> Result<Option<Order>, Failure> {
    let descending = body.order_direction == Some(Direction::Desc);
    match body.order_by.as_deref() {
        Some("") => {
            let message = "order_by must be a property, by label or id";
            Err(call.refuse("order_by", "minLength", "", message))
        }
        Some(key) => Ok(Some(Order::by(class, key, descending)?)),
        None if descending => Ok(Some(Order::by(class, INSTANCE_ID, true)?)),
        None => Ok(None),
    }
}

fn choose(call: &Call, class: &Class, body: &QueryBody) -> Result<Shown, Failure> {
    if let Some(select) = &body.select {
        let mut selected = Vec::with_capacity(select.len());
        for key in select.iter().filter(|key| !ALWAYS.contains(&key.as_str())) {
            let (property, _) = find_property(class, key)?;
            selected.push((key.clone(), property));
        }
        return Ok(Shown::Selected(selected));
    }
    let names = match body.class_id {
        Some(_) => HashMap::new(),
        None => list_labels(class, call.language()),
    };
    Ok(Shown::All(names))
}

/// The labels, in a language, that only one property has.
fn list_labels(class: &Class, language: Option<&str>) -> HashMap<String, String> {
    let properties = class.properties().iter();
    let properties = properties.map(|it| (it.name.as_str(), it.label.get(language)));
    let relationships = class.relationships().iter();
    let relationships = relationships.map(|it| (it.predicate.as_str(), it.label.get(language)));
    let all: Vec<(&str, &str)> = properties.chain(relationships).collect();
    let is_clear = |name: &str, label: &str| {
        let mut others = all.iter().filter(|(other, _)| *other != name);
        !label.starts_with('@') && others.all(|(other, theirs)| *other != label && *theirs != label)
    };
    all.iter()
        .filter(|(name, label)| is_clear(name, label))
        .map(|(name, label)| ((*name).to_owned(), (*label).to_owned()))
        .collect()
}

fn render(class: &Class, shown: &Shown, item: &State) -> Result<IndexMap<String, Json>, Failure> {
    let data = item.data.as_ref().map(Json::read::<IndexMap<String, Json>>);
    let mut data = data.transpose()?.unwrap_or_default();
    let [id, kind] = ALWAYS.map(str::to_owned);
    let mut row = IndexMap::with_capacity(data.len() + 2);
    row.insert(id, Json::of(&format!("{}/{}", class.id, item.entity.id()))?);
    row.insert(kind, Json::of(class.id.as_str())?);
    match shown {
        Shown::All(names) => {
            row.extend(data.drain(..).map(|(property, value)| {
                let name = names.get(&property).cloned();
                (name.unwrap_or(property), value)
            }));
        }
        Shown::Selected(selected) => {
            for (name, property) in selected {
                let value = match property.as_str() {
                    INSTANCE_ID => Json::of(item.entity.id())?,
                    property => data.get(property).cloned().unwrap_or_else(Json::null),
                };
                row.insert(name.clone(), value);
            }
        }
    }
    Ok(row)
}
