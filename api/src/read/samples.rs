//! The values that occur in a property, from a bounded sample of a class.

use std::collections::HashSet;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use spice_core::{
    error::{ErrorCode, Refusal, StoreError},
    json::{Json, Properties},
    name::{BranchName, ClassName, PropertyName},
    ontology::Class,
};

use super::{reading::Reading, scan::read_state};

/// The maximum number of instances in a sample.
const SAMPLE: usize = 1_000;
/// The number of instances per read.
const CHUNK: usize = 100;
/// Longer values are counted, not listed.
const LENGTH: usize = 1_000;
/// The maximum number of properties in an answer; a class that allows additional ones may have
/// more.
const PROPERTIES: usize = 1_000;

/// The values that occur in a sample of a class.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SampleValues")]
pub(crate) struct SampledClass {
    class_id: ClassName,
    branch: BranchName,
    /// The number of instances in the sample: the first ones by id.
    sampled: usize,
    /// Whether the sample contains all instances.
    complete: bool,
    /// The maximum size of the sample.
    sample_limit: usize,
    /// The number of additional properties in the sample that are not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    properties_left_out: Option<usize>,
    properties: Vec<PropertyValues>,
}

/// The most frequent values of a property.
#[derive(Serialize, JsonSchema)]
struct PropertyValues {
    property: PropertyName,
    #[serde(rename = "type")]
    property_type: &'static str,
    /// Instances of the sample without a value.
    null_count: usize,
    /// Different values in the sample.
    distinct_count: usize,
    /// Instances whose value is too long for the list.
    long_count: usize,
    values: Vec<Occurring>,
}

/// A value, with its count in the sample.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OccurringValue")]
struct Occurring {
    value: Json,
    count: usize,
}

/// The counts of one property.
#[derive(Default)]
struct Tally {
    values: IndexMap<Box<str>, Occurring>,
    present: usize,
    long: usize,
}

impl Reading {
    /// The values of the properties of a class, or of one of them, in a sample; the `limit` most
    /// frequent of each.
    pub(crate) async fn sample(
        &self,
        class: &Class,
        property: Option<&str>,
        limit: usize,
    ) -> Result<SampledClass, Refusal> {
        let (properties, is_open) = match property {
            None => (
                class.names().cloned().collect(),
                class.allows_additional_properties(),
            ),
            Some(name) => (vec![resolve(class, name)?], false),
        };
        let mut tallies = Tallies {
            known: properties
                .into_iter()
                .map(|name| (name, Tally::default()))
                .collect(),
            is_open,
            left_out: HashSet::new(),
        };
        let (sampled, complete) = self.tally(class, &mut tallies).await?;
        let left_out = tallies.left_out.len();
        let properties = tallies.known.into_iter();
        let properties = properties.map(|(name, tally)| tally.finish(class, name, sampled, limit));
        Ok(SampledClass {
            class_id: class.id.clone(),
            branch: self.branch.clone(),
            sampled,
            complete,
            sample_limit: SAMPLE,
            properties_left_out: (left_out > 0).then_some(left_out),
            properties: properties.collect(),
        })
    }

    /// Counts the first instances; returns their number, and whether these are all.
    async fn tally(
        &self,
        class: &Class,
        tallies: &mut Tallies,
    ) -> Result<(usize, bool), StoreError> {
        let mut scan = self.scan(&class.id);
        let mut sampled = 0;
        while sampled < SAMPLE
            && let Some(versions) = scan.next(CHUNK.min(SAMPLE - sampled)).await?
        {
            for data in versions
                .iter()
                .filter_map(|version| version.state.data.as_ref())
            {
                tallies.take(&read_state(data)?);
            }
            sampled += versions.len();
        }
        Ok((sampled, scan.is_over()))
    }
}

fn resolve(class: &Class, name: &str) -> Result<PropertyName, Refusal> {
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
            Refusal::new(ErrorCode::InvalidQuery, message)
                .with("field", "property")
                .with("class_id", class.id.as_str())
                .with("properties", known)
        })
}

/// The counts of each property.
struct Tallies {
    known: IndexMap<PropertyName, Tally>,
    /// Whether undeclared properties are counted too.
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
        } else if let Some(known) = self.values.get_mut(value.as_str()) {
            known.count += 1;
        } else {
            let (value, count) = (value.clone(), 1);
            self.values
                .insert(value.as_str().into(), Occurring { value, count });
        }
    }

    /// The most frequent values; equal counts in the order of first occurrence.
    fn finish(
        mut self,
        class: &Class,
        property: PropertyName,
        sampled: usize,
        limit: usize,
    ) -> PropertyValues {
        let distinct_count = self.values.len();
        let by_count =
            |_: &_, one: &Occurring, _: &_, other: &Occurring| other.count.cmp(&one.count);
        self.values.sort_by(by_count);
        let kind = class.property_type(&property);
        PropertyValues {
            property_type: kind.map_or("json", |kind| kind.as_str()),
            property,
            null_count: sampled - self.present,
            distinct_count,
            long_count: self.long,
            values: self.values.into_values().take(limit).collect(),
        }
    }
}
