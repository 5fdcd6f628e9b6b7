//! Values that occur: what a property looks like, from a bounded sample of a class.

use std::collections::HashSet;

use axum::http::StatusCode;
use indexmap::IndexMap;
use serde::Serialize;
use spice_core::{
    error::ErrorCode,
    json::{Json, Properties},
    name::{BranchName, ClassName, PropertyName},
    ontology::Class,
    port::graph::Entity,
};

use crate::http::{
    Api,
    answer::{self, Answer},
    call::Call,
    failure::Failure,
    parameters::{known, path},
    read::Reading,
    wait::Needs,
};

/// Instances of a sample, at most.
const SAMPLE: usize = 1_000;
/// How many are read at once.
const CHUNK: usize = 100;
/// Longer values are counted, not listed.
const LENGTH: usize = 1_000;
/// Properties that an answer lists; a class that allows additional ones may have more.
const PROPERTIES: usize = 1_000;

#[derive(Serialize)]
struct SampledClass {
    class_id: ClassName,
    branch: BranchName,
    /// How many instances were looked at: the first ones by id.
    sampled: usize,
    /// Whether these are all there are.
    complete: bool,
    /// How many are looked at most.
    sample_limit: usize,
    /// How many additional properties the sample has besides those listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    properties_left_out: Option<usize>,
    properties: Vec<PropertyValues>,
}

#[derive(Serialize)]
struct PropertyValues {
    property: PropertyName,
    #[serde(rename = "type")]
    property_type: &'static str,
    /// Instances of the sample without a value.
    null_count: usize,
    /// Different values in the sample.
    distinct_count: usize,
    /// Instances whose value is too long to be listed.
    long_count: usize,
    values: Vec<Occurring>,
}

#[derive(Serialize)]
struct Occurring {
    value: Json,
    count: usize,
}

/// What was counted of one property.
#[derive(Default)]
struct Tally {
    values: IndexMap<Box<str>, usize>,
    present: usize,
    long: usize,
}

pub(crate) async fn sample_values(call: Call) -> Answer {
    let class_name = call.get(&path::CLASS)?;
    let limit = call.get(&known::SAMPLE_LIMIT)?;
    let reading = call.reading(Needs::GRAPH).await?;
    let class = reading.class(&call.api, &class_name).await?;
    let (properties, is_open) = match call.get(&known::PROPERTY)? {
        None => (
            class.names().cloned().collect(),
            class.allows_additional_properties(),
        ),
        Some(name) => (vec![property(&class, name)?], false),
    };
    let mut tallies = Tallies {
        known: properties
            .into_iter()
            .map(|name| (name, Tally::default()))
            .collect(),
        is_open,
        left_out: HashSet::new(),
    };
    let (sampled, complete) = look(&call.api, &reading, &class, &mut tallies).await?;
    let left_out = tallies.left_out.len();
    let properties = tallies
        .known
        .into_iter()
        .map(|(name, tally)| tally.finish(&class, name, sampled, limit))
        .collect::<Result<_, Failure>>()?;
    answer::json(
        StatusCode::OK,
        &SampledClass {
            class_id: class.id.clone(),
            branch: reading.branch.clone(),
            sampled,
            complete,
            sample_limit: SAMPLE,
            properties_left_out: (left_out > 0).then_some(left_out),
            properties,
        },
    )
}

fn property(class: &Class, name: &str) -> Result<PropertyName, Failure> {
    let additional = || {
        let name = name.parse().ok();
        name.filter(|_| class.allows_additional_properties())
    };
    class
        .resolve(name)
        .cloned()
        .or_else(additional)
        .ok_or_else(|| {
            let known: Vec<&str> = class.names().map(PropertyName::as_str).collect();
            let message = format!(
                "{} has no property {name:?}; it has {}",
                class.id,
                known.join(", ")
            );
            Failure::new(ErrorCode::InvalidQuery, message)
                .with("field", "property")
                .with("class_id", class.id.as_str())
                .with("properties", known)
        })
}

/// Looks at the first instances; how many, and whether these are all.
async fn look(
    api: &Api,
    reading: &Reading,
    class: &Class,
    tallies: &mut Tallies,
) -> Result<(usize, bool), Failure> {
    let graph = &api.engine.graph;
    let mut sampled = 0;
    let mut after: Option<String> = None;
    loop {
        let limit = CHUNK.min(SAMPLE - sampled);
        let page = graph
            .scan(&reading.view, &class.id, &[], after.as_deref(), limit)
            .await?;
        for version in &page.versions {
            if let (Entity::Instance(at), Some(data)) = (&version.entity, &version.data) {
                after = Some(at.id.as_str().to_owned());
                tallies.take(&data.read()?);
            }
        }
        sampled += page.versions.len();
        if !page.more || page.versions.is_empty() || sampled == SAMPLE {
            return Ok((sampled, !page.more));
        }
    }
}

/// What was counted of each property.
struct Tallies {
    known: IndexMap<PropertyName, Tally>,
    /// Whether properties that are met are counted, too.
    is_open: bool,
    left_out: HashSet<PropertyName>,
}

impl Tallies {
    fn take(&mut self, properties: &Properties) {
        if self.is_open {
            for name in properties.keys() {
                if self.known.len() < PROPERTIES {
                    self.known.entry(name.clone()).or_default();
                } else if !self.known.contains_key(name) {
                    self.left_out.insert(name.clone());
                }
            }
        }
        for (name, tally) in &mut self.known {
            tally.take(properties.get(name));
        }
    }
}

impl Tally {
    fn take(&mut self, value: Option<&Json>) {
        let Some(value) = value.filter(|value| !value.is_null()) else {
            return;
        };
        self.present += 1;
        if value.as_str().len() > LENGTH {
            self.long += 1;
        } else if let Some(count) = self.values.get_mut(value.as_str()) {
            *count += 1;
        } else {
            self.values.insert(value.as_str().into(), 1);
        }
    }

    /// The values that occur most, those that were met first before others.
    fn finish(
        mut self,
        class: &Class,
        property: PropertyName,
        sampled: usize,
        limit: usize,
    ) -> Result<PropertyValues, Failure> {
        let distinct_count = self.values.len();
        self.values.sort_by(|_, one, _, other| other.cmp(one));
        let values = self
            .values
            .iter()
            .take(limit)
            .map(|(value, count)| {
                Ok(Occurring {
                    value: Json::parse(value)?,
                    count: *count,
                })
            })
            .collect::<Result<_, serde_json::Error>>()?;
        let kind = class.property_type(&property);
        Ok(PropertyValues {
            property_type: kind.map_or("json", |kind| kind.as_str()),
            property,
            null_count: sampled - self.present,
            distinct_count,
            long_count: self.long,
            values,
        })
    }
}
