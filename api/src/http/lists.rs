//! Lists and single reads of instances: of now from the documents, of a position from the graph.

mod order;
mod past;
mod steady;

use axum::http::StatusCode;
use serde::Serialize;
use spice_core::{
    error::{ErrorCode, StoreError},
    id::InstanceRef,
    json::Json,
    name::ClassName,
    ontology::Class,
    port::{
        documents::{Document, Search, UNKNOWN_CURSOR},
        graph::{Entity, Version},
    },
    query::{Conditions, Filter, Order},
};

use self::order::{Cursor, Listed as _};
use crate::http::{
    answer::{self, Answer},
    call::Call,
    failure::Failure,
    parameters::{known, path, position},
    read::Reading,
    render::{Frame, InstanceDocument},
    token::{self, Scope},
    wait::Needs,
};

#[derive(Serialize)]
struct InstancePage<'a> {
    class_id: &'a ClassName,
    total: u64,
    limit: usize,
    offset: usize,
    search: Option<&'a str>,
    instances: Vec<InstanceDocument<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// `{status, data}`
#[derive(Serialize)]
struct OneInstance<'a> {
    status: &'static str,
    data: InstanceDocument<'a>,
}

/// `{status, class_id, count}`
#[derive(Serialize)]
struct InstanceCount<'a> {
    status: &'static str,
    class_id: &'a ClassName,
    count: u64,
}

/// What a list asks for, as far as it does not rest on the class.
struct Wish<'a> {
    text: Option<&'a str>,
    filter: Conditions,
    order: Option<&'a str>,
    limit: usize,
    offset: usize,
}

/// What a list found.
pub(crate) struct Found {
    pub(crate) items: Vec<Item>,
    pub(crate) total: u64,
    /// The place where the next page begins.
    cursor: Option<String>,
}

/// An instance as it was found: by the documents, or by the graph.
pub(crate) enum Item {
    Document(Document),
    Version(Version),
}

impl Item {
    /// Its id.
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Document(document) => document.id(),
            Self::Version(version) => version.id(),
        }
    }

    /// Its properties; none of what was deleted.
    pub(crate) fn data(&self) -> Option<&Json> {
        match self {
            Self::Document(document) => document.data(),
            Self::Version(version) => version.data(),
        }
    }
}

pub(crate) async fn list(call: Call) -> Answer {
    let class_name = call.get(&path::CLASS)?;
    let wish = wish(&call)?;
    let cursor = call.cursor()?;
    let given = wish.given(&call, cursor.as_ref())?;
    let reading = reading(&call, given.as_ref()).await?;
    let class = reading.class(&call.api, &class_name).await?;
    let scope = wish.scope(&call, &reading, &class);
    let place = cursor.map(|cursor| scope.open(cursor)).transpose()?;
    let search = wish.search(&class, place)?;
    let found = find(&call, &reading, search, given).await?;
    let frame = frame(&call, &reading);
    let instances = found.items.iter().filter_map(|item| match item {
        Item::Document(document) => frame.document(document, Some(&class)),
        Item::Version(version) => frame.version(version, Some(&class)),
    });
    answer::json(
        StatusCode::OK,
        &InstancePage {
            class_id: &class.id,
            total: found.total,
            limit: wish.limit,
            offset: wish.offset,
            search: wish.text,
            instances: instances.collect(),
            cursor: found.cursor.map(|place| scope.seal(&place)),
        },
    )
}

/// A page of what is there now, or was at a position.
pub(crate) async fn find(
    call: &Call,
    reading: &Reading,
    search: Search,
    given: Option<Cursor>,
) -> Result<Found, Failure> {
    match reading.as_of {
        Some(position) => {
            let after = given.and_then(|cursor| cursor.after);
            past::list(&call.api, &reading.view, position, &search, after).await
        }
        None if search.order.is_some() => steady::list(call, reading, search, given).await,
        None => by_id(call, reading, &search).await,
    }
}

/// What a list stands on: at a position, the one that the cursor tells.
async fn reading(call: &Call, given: Option<&Cursor>) -> Result<Reading, Failure> {
    let as_of = call.written(&known::AS_OF);
    let pinned = given.filter(|_| as_of.is_some()).map(|it| it.position);
    let reading = call.reading_pinned(Needs::DOCUMENTS, pinned).await?;
    let asked = as_of.and_then(position);
    if pinned.is_some() && (reading.as_of != pinned || asked.is_some_and(|it| pinned != Some(it))) {
        return Err(not_a_cursor(call));
    }
    Ok(reading)
}

/// A list of now in order of the id, which never moves: the documents' own cursor does.
async fn by_id(call: &Call, reading: &Reading, search: &Search) -> Result<Found, Failure> {
    let documents = &call.api.engine.documents;
    let page = documents.search(&reading.view, search).await;
    let page = page.map_err(|error| of_search(error, call.written(&known::CURSOR)))?;
    Ok(Found {
        items: page.documents.into_iter().map(Item::Document).collect(),
        total: page.total,
        cursor: page.cursor,
    })
}

/// A store that does not know the cursor inside the client's: the client is told the one that it
/// sent.
fn of_search(error: StoreError, sent: Option<&str>) -> Failure {
    match (&error, sent) {
        (StoreError::Rejected { reason, .. }, Some(sent)) if reason == UNKNOWN_CURSOR => {
            token::refuse(sent)
        }
        _ => error.into(),
    }
}

fn not_a_cursor(call: &Call) -> Failure {
    token::refuse(call.written(&known::CURSOR).unwrap_or_default())
}

impl Wish<'_> {
    /// The place of the cursor, where it is ours and not the documents' own.
    fn given(
        &self,
        call: &Call,
        cursor: Option<&token::Cursor<'_>>,
    ) -> Result<Option<Cursor>, Failure> {
        let is_ours = self.order.is_some() || call.written(&known::AS_OF).is_some();
        match cursor.filter(|_| is_ours) {
            None => Ok(None),
            Some(cursor) => Cursor::parse(&cursor.place)
                .map(Some)
                .ok_or_else(|| not_a_cursor(call)),
        }
    }

    /// What makes the pages of a list belong together.
    fn scope(&self, call: &Call, reading: &Reading, class: &Class) -> Scope {
        let filters = self.filter.iter();
        let mut filters: Vec<(&str, &str)> = filters.map(|(key, it)| (key, it.as_str())).collect();
        filters.sort_unstable();
        let is_past = call.written(&known::AS_OF).is_some();
        let scope = reading
            .scope("instances")
            .with(class.id.as_str())
            .with_option(self.text)
            .with_option(self.order)
            .with_option(is_past.then_some("as_of"));
        filters
            .iter()
            .fold(scope, |scope, (key, it)| scope.with(key).with(it))
    }

    fn search(&self, class: &Class, place: Option<String>) -> Result<Search, Failure> {
        let order = self.order.map(|text| Order::parse(class, text));
        let order = order.transpose()?;
        let is_plain = order.is_none();
        Ok(Search {
            class: class.id.clone(),
            text: self.text.map(str::to_owned),
            filters: Filter::parse_all(class, &self.filter)?,
            order,
            cursor: place.filter(|_| is_plain),
            offset: self.offset,
            limit: self.limit,
        })
    }
}

fn wish(call: &Call) -> Result<Wish<'_>, Failure> {
    let limit = call.get(&known::LIMIT)?;
    let offset = call.get(&known::INSTANCE_OFFSET)?;
    let filter = call.get(&known::FILTER)?;
    if call.written(&known::CURSOR).is_some() && offset > 0 {
        return Err(invalid("cursor", "cursor and offset do not go together"));
    }
    Ok(Wish {
        text: call
            .get(&known::SEARCH)?
            .filter(|text| !text.trim().is_empty()),
        filter,
        order: call.get(&known::ORDER_BY)?,
        limit,
        offset,
    })
}

/// How many instances a class has.
pub(crate) async fn count(call: Call) -> Answer {
    let class_name = call.get(&path::CLASS)?;
    let reading = call.reading(Needs::DOCUMENTS).await?;
    let class = reading.class(&call.api, &class_name).await?;
    let search = Search {
        class: class.id.clone(),
        text: None,
        filters: Vec::new(),
        order: None,
        cursor: None,
        offset: 0,
        limit: 1,
    };
    let found = find(&call, &reading, search, None).await?;
    let count = InstanceCount {
        status: "success",
        class_id: &class.id,
        count: found.total,
    };
    answer::json(StatusCode::OK, &count)
}

pub(crate) async fn get(call: Call) -> Answer {
    let class_name = call.get(&path::CLASS)?;
    let id = call.get(&path::INSTANCE)?;
    let reading = call.reading(Needs::DOCUMENTS).await?;
    let class = reading.class(&call.api, &class_name).await?;
    let instance = InstanceRef {
        class: class.id.clone(),
        id,
    };
    let frame = frame(&call, &reading);
    let missing = || instance_not_found(&instance);
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

/// What is asked for is not there.
pub(crate) fn instance_not_found(instance: &InstanceRef) -> Failure {
    Failure::not_found(format!("there is no instance {instance}"))
        .with("class_id", instance.class.as_str())
        .with("instance_id", instance.id.as_str())
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

fn id_of(entity: &Entity) -> &str {
    match entity {
        Entity::Instance(instance) => instance.id.as_str(),
        Entity::Class(class) => class.as_str(),
    }
}

fn invalid(field: &str, message: &str) -> Failure {
    Failure::new(ErrorCode::InvalidQuery, message).with("field", field)
}
