//! Lists and single instances: parses the request and renders the page.

use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    id::InstanceRef,
    name::ClassName,
    ontology::Class,
    port::documents::Search,
    query::{Conditions, Filter, Order},
};

use crate::{
    http::{
        answer::{self, Answer, Success},
        call::Call,
        failure::Failure,
        parameters::{known, path, position},
        render::InstanceDocument,
        token::{self, Scope},
    },
    read::{
        list::{Cursor, Unlisted},
        reading::Reading,
        wait::Needs,
    },
};

/// A page of instances.
#[derive(Serialize, JsonSchema)]
pub(crate) struct InstancePage<'a> {
    class_id: &'a ClassName,
    total: u64,
    limit: usize,
    offset: usize,
    search: Option<&'a str>,
    instances: Vec<InstanceDocument<'a>>,
    /// The start of the next page, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

/// `{status, data}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct OneInstance<'a> {
    status: Success,
    data: InstanceDocument<'a>,
}

/// `{status, class_id, count}`
#[derive(Serialize, JsonSchema)]
pub(crate) struct InstanceCount<'a> {
    status: Success,
    class_id: &'a ClassName,
    count: u64,
}

/// The parameters of a list that do not need the class.
struct Asked<'a> {
    text: Option<&'a str>,
    filter: Conditions,
    order: Option<&'a str>,
    limit: usize,
    offset: usize,
}

pub(crate) async fn list(call: Call) -> Answer {
    let class_name = call.get(&path::CLASS)?;
    let asked = read_query(&call)?;
    let cursor = call.cursor()?;
    let given = asked.given(&call, cursor.as_ref())?;
    let reading = read_at(&call, given.as_ref()).await?;
    let class = reading.class(&class_name).await?;
    let scope = asked.scope(&call, &reading, &class);
    let place = cursor.map(|cursor| scope.open(cursor)).transpose()?;
    let search = asked.search(&class, place)?;
    let found = reading.list(search, given).await;
    let found = found.map_err(|error| explain(error, &call))?;
    let frame = call.frame(&reading);
    let items = found.items.iter();
    let instances = items.filter_map(|item| frame.instance(item, Some(&class)));
    answer::ok(&InstancePage {
        class_id: &class.id,
        total: found.total,
        limit: asked.limit,
        offset: asked.offset,
        search: asked.text,
        instances: instances.collect(),
        cursor: found.cursor.map(|place| scope.seal(&place)),
    })
}

/// The reading of a list, at the position of its cursor.
async fn read_at(call: &Call, given: Option<&Cursor>) -> Result<Reading, Failure> {
    if let Some(given) = given {
        // Another process may have issued the cursor.
        let (writer, database) = (&call.api.engine.writer, call.database()?);
        writer.snapshot_reaching(&database, given.position).await?;
    }
    let as_of = call.written(&known::AS_OF);
    let pinned = given.filter(|_| as_of.is_some()).map(|it| it.position);
    let reading = call.reading_pinned(Needs::DOCUMENTS, pinned).await?;
    let asked = as_of.and_then(position);
    if pinned.is_some() && (reading.as_of != pinned || asked.is_some_and(|it| pinned != Some(it))) {
        return Err(refuse_cursor(call));
    }
    Ok(reading)
}

/// The failure of a list. An unknown cursor is named.
pub(crate) fn explain(error: Unlisted, call: &Call) -> Failure {
    match error {
        Unlisted::UnknownCursor => refuse_cursor(call),
        Unlisted::Refused(refusal) => refusal.into(),
    }
}

fn refuse_cursor(call: &Call) -> Failure {
    token::refuse(call.written(&known::CURSOR).unwrap_or_default())
}

impl Asked<'_> {
    /// The place of the cursor, if it is ours and not the documents' own.
    fn given(
        &self,
        call: &Call,
        cursor: Option<&token::Cursor<'_>>,
    ) -> Result<Option<Cursor>, Failure> {
        let is_ours = self.order.is_some() || call.written(&known::AS_OF).is_some();
        let cursor = cursor.filter(|_| is_ours);
        let given = cursor.map(|it| Cursor::parse(&it.place).ok_or_else(|| refuse_cursor(call)));
        given.transpose()
    }

    /// The properties that identify the pages of one list.
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

fn read_query(call: &Call) -> Result<Asked<'_>, Failure> {
    let text = call.get(&known::SEARCH)?;
    let asked = Asked {
        text: text.filter(|text| !text.trim().is_empty()),
        order: call.get(&known::ORDER_BY)?,
        limit: call.get(&known::LIMIT)?,
        offset: call.get(&known::INSTANCE_OFFSET)?,
        filter: call.get(&known::FILTER)?,
    };
    if call.written(&known::CURSOR).is_some() && asked.offset > 0 {
        let message = "cursor and offset cannot be combined";
        return Err(Failure::invalid_query("cursor", message));
    }
    Ok(asked)
}

/// The number of instances of a class.
pub(crate) async fn count(call: Call) -> Answer {
    let class_name = call.get(&path::CLASS)?;
    let reading = call.reading(Needs::DOCUMENTS).await?;
    let class = reading.class(&class_name).await?;
    let count = reading.count(&class.id).await;
    let count = InstanceCount {
        status: Success::Success,
        class_id: &class.id,
        count: count.map_err(|error| explain(error, &call))?,
    };
    answer::ok(&count)
}

pub(crate) async fn get(call: Call) -> Answer {
    let class_name = call.get(&path::CLASS)?;
    let id = call.get(&path::INSTANCE)?;
    let reading = call.reading(Needs::DOCUMENTS).await?;
    let class = reading.class(&class_name).await?;
    let instance = InstanceRef {
        class: class.id.clone(),
        id,
    };
    let found = reading.instance(&instance).await?;
    let frame = call.frame(&reading);
    let data = found.as_ref();
    let data = data.and_then(|item| frame.instance(item, Some(&class)));
    answer::ok(&OneInstance {
        status: Success::Success,
        data: data.ok_or_else(|| instance_not_found(&instance))?,
    })
}

/// The instance does not exist.
pub(crate) fn instance_not_found(instance: &InstanceRef) -> Failure {
    Failure::not_found(format!("there is no instance {instance}"))
        .with("class_id", instance.class.as_str())
        .with("instance_id", instance.id.as_str())
}
