//! Lists and single reads of instances: of now from the documents, of a position from the graph.

use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use spice_core::{
    error::{ErrorCode, StoreError},
    id::InstanceRef,
    json::{Json, Properties},
    name::{ClassName, InstanceId},
    ontology::Class,
    port::{
        documents::{Document, Search},
        graph::{Entity, Version},
    },
    query::{Filter, Order},
};

use crate::http::{
    answer::{self, Answer},
    call::Call,
    failure::Failure,
    read::Reading,
    render::{Frame, InstanceDocument},
    wait::Needs,
};

const LIMIT: u64 = 1_000;
const USUAL_LIMIT: u64 = 100;
/// How many versions are read at once from the graph.
const CHUNK: usize = 1_000;

#[derive(Serialize)]
struct InstancePage<'a> {
    class_id: &'a ClassName,
    total: u64,
    limit: usize,
    offset: usize,
    search: Option<&'a str>,
    instances: Vec<InstanceDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<&'a str>,
}

/// `{status, data}`
#[derive(Serialize)]
struct OneInstance<'a> {
    status: &'static str,
    data: InstanceDocument<'a>,
}

/// What a list asks for, as far as it does not rest on the class.
struct Wish<'a> {
    text: Option<&'a str>,
    filter: Map<String, Value>,
    order: Option<&'a str>,
    cursor: Option<&'a str>,
    limit: usize,
    offset: usize,
}

pub(crate) async fn list(call: Call) -> Answer {
    let class_name = call.segment(5)?;
    let wish = wish(&call)?;
    let reading = call.reading(Needs::DOCUMENTS).await?;
    let class = reading.class(&call.api, &class_name).await?;
    let filters = Filter::parse_all(&class, &wish.filter)?;
    let order = wish
        .order
        .map(|text| Order::parse(&class, text))
        .transpose()?;
    let search = Search {
        class: class.id.clone(),
        text: wish.text.map(str::to_owned),
        filters,
        order,
        cursor: wish.cursor.map(str::to_owned),
        offset: wish.offset,
        limit: wish.limit,
    };
    if reading.as_of.is_some() {
        return list_at(&call, &reading, &class, &wish, search).await;
    }
    let page = call
        .api
        .engine
        .documents
        .search(&reading.view, &search)
        .await
        .map_err(|error| of_search(error, &search))?;
    let frame = frame(&call, &reading);
    let shown = |document: &'_ Document| document.data.is_some();
    let instances = page
        .documents
        .iter()
        .filter(|document| shown(document))
        .filter_map(|document| frame.document(document, Some(&class)))
        .collect();
    answer_page(&class, &wish, page.total, instances, page.cursor.as_deref())
}

/// The one thing in a search that only a store can tell to be wrong is the cursor, its own.
fn of_search(error: StoreError, search: &Search) -> Failure {
    match (&error, &search.cursor) {
        (StoreError::Rejected { .. }, Some(cursor)) => {
            let message = format!("cursor must be one that a page gave out, not {cursor:?}");
            invalid("cursor", &message).with("value", cursor.as_str())
        }
        _ => error.into(),
    }
}

fn answer_page(
    class: &Class,
    wish: &Wish<'_>,
    total: u64,
    instances: Vec<InstanceDocument<'_>>,
    cursor: Option<&str>,
) -> Answer {
    answer::json(
        StatusCode::OK,
        &InstancePage {
            class_id: &class.id,
            total,
            limit: wish.limit,
            offset: wish.offset,
            search: wish.text,
            instances,
            cursor,
        },
    )
}

fn wish(call: &Call) -> Result<Wish<'_>, Failure> {
    let limit = call.bounded("limit", USUAL_LIMIT, 1..=LIMIT)?;
    let offset = call.bounded("offset", 0, 0..=u64::MAX)?;
    let filter = match call.parameter("filter") {
        None => Map::new(),
        Some(text) => serde_json::from_str(text).map_err(|error| {
            Failure::new(
                ErrorCode::InvalidQuery,
                format!("filter is a JSON object: {error}"),
            )
            .with("field", "filter")
        })?,
    };
    let cursor = call.parameter("cursor");
    if cursor.is_some() && offset > 0 {
        return Err(invalid("cursor", "cursor and offset do not go together"));
    }
    Ok(Wish {
        text: call
            .parameter("search")
            .filter(|text| !text.trim().is_empty()),
        filter,
        order: call.parameter("order_by"),
        cursor,
        limit,
        offset,
    })
}

/// A list at a position: from the graph, which keeps every version.
async fn list_at(
    call: &Call,
    reading: &Reading,
    class: &Class,
    wish: &Wish<'_>,
    search: Search,
) -> Answer {
    if search.order.is_some() && search.cursor.is_some() {
        return Err(invalid(
            "cursor",
            "an ordered list at a position is paged by offset",
        ));
    }
    let mut matching = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let graph = &call.api.engine.graph;
        let page = graph
            .scan(
                &reading.view,
                &class.id,
                &search.filters,
                after.as_deref(),
                CHUNK,
            )
            .await?;
        after = page
            .versions
            .last()
            .and_then(|version| id_of(version).map(str::to_owned));
        let words = search.text.as_deref();
        matching.extend(
            page.versions
                .into_iter()
                .filter(|version| has_words(class, version, words)),
        );
        if !page.more || after.is_none() {
            break;
        }
    }
    let total = matching.len() as u64;
    if let Some(order) = &search.order {
        sort(&mut matching, order);
    }
    if let Some(cursor) = &search.cursor {
        matching.retain(|version| id_of(version).is_some_and(|id| id > cursor.as_str()));
    }
    let more = matching.len() > search.offset.saturating_add(search.limit);
    let page: Vec<&Version> = matching
        .iter()
        .skip(search.offset)
        .take(search.limit)
        .collect();
    let cursor = page.last().filter(|_| more && search.order.is_none());
    let cursor = cursor.and_then(|version| id_of(version));
    let frame = frame(call, reading);
    let instances = page
        .iter()
        .filter_map(|version| frame.version(version, Some(class)))
        .collect();
    answer_page(class, wish, total, instances, cursor)
}

fn sort(versions: &mut [Version], order: &Order) {
    let value = |version: &Version| {
        if order.property.as_str() == spice_core::query::INSTANCE_ID {
            return id_of(version).map(|id| Json::from(Value::from(id)));
        }
        let properties: Properties = version.data.as_ref()?.read().ok()?;
        properties.get(&order.property).cloned()
    };
    versions.sort_by_cached_key(|version| Ordered {
        order: order.clone(),
        value: value(version),
    });
}

/// A value in the order that was asked for; the sort is stable, so equals stay in order of id.
struct Ordered {
    order: Order,
    value: Option<Json>,
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order
            .compare(self.value.as_ref(), other.value.as_ref())
    }
}

/// Whether every word is in a text property, as [`Search::text`] means it.
fn has_words(class: &Class, version: &Version, words: Option<&str>) -> bool {
    let Some(words) = words else {
        return true;
    };
    let Some(properties) = version
        .data
        .as_ref()
        .and_then(|data| data.read::<Properties>().ok())
    else {
        return false;
    };
    let mut known = Vec::new();
    for property in class.text_properties() {
        if let Some(text) = properties.get(property).and_then(Json::as_string) {
            known.extend(split(&text));
        }
    }
    words.split_whitespace().all(|word| {
        let prefix = word.ends_with('*');
        let parts = split(word);
        let last = parts.len().saturating_sub(1);
        parts.iter().enumerate().all(|(index, part)| {
            known.iter().any(|word| {
                if prefix && index == last {
                    word.starts_with(part.as_str())
                } else {
                    word == part
                }
            })
        })
    })
}

fn split(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

pub(crate) async fn get(call: Call) -> Answer {
    let class_name = call.segment(5)?;
    let id: InstanceId = call.name(7)?;
    let reading = call.reading(Needs::DOCUMENTS).await?;
    let class = reading.class(&call.api, &class_name).await?;
    let instance = InstanceRef {
        class: class.id.clone(),
        id,
    };
    let frame = frame(&call, &reading);
    let missing = || {
        Failure::not_found(format!("there is no instance {instance}"))
            .with("class_id", instance.class.as_str())
            .with("instance_id", instance.id.as_str())
    };
    if reading.as_of.is_some() {
        let entity = [Entity::Instance(instance.clone())];
        let versions = call.api.engine.graph.get(&reading.view, &entity).await?;
        let version = versions.into_iter().flatten().next();
        let data = version
            .as_ref()
            .and_then(|version| frame.version(version, Some(&class)));
        return one(data.ok_or_else(missing)?);
    }
    let documents = call
        .api
        .engine
        .documents
        .get(&reading.view, std::slice::from_ref(&instance))
        .await?;
    let document = documents.into_iter().flatten().next();
    let data = document
        .as_ref()
        .and_then(|document| frame.document(document, Some(&class)));
    one(data.ok_or_else(missing)?)
}

fn one(data: InstanceDocument<'_>) -> Answer {
    answer::json(
        StatusCode::OK,
        &OneInstance {
            status: "success",
            data,
        },
    )
}

fn frame<'a>(call: &'a Call, reading: &'a Reading) -> Frame<'a> {
    Frame {
        database: &reading.snapshot.stream.database,
        branch: &reading.branch,
        language: call.language(),
    }
}

fn id_of(version: &Version) -> Option<&str> {
    match &version.entity {
        Entity::Instance(instance) => Some(instance.id.as_str()),
        Entity::Class(_) => None,
    }
}

fn invalid(field: &str, message: &str) -> Failure {
    Failure::new(ErrorCode::InvalidQuery, message).with("field", field)
}
