//! Loads the demo's CSV files: each cell is written by the type of its property.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, bail};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use spice_client::{Client, OnError, Write};
use spice_crds::yaml;

const LOAD: &str = include_str!("../../../manifests/demo/data/load.yaml");
const FILES: &[(&str, &str)] = &[
    (
        "data/countries.csv",
        include_str!("../../../manifests/demo/data/countries.csv"),
    ),
    (
        "data/states.csv",
        include_str!("../../../manifests/demo/data/states.csv"),
    ),
    (
        "data/airports.csv",
        include_str!("../../../manifests/demo/data/airports.csv"),
    ),
    (
        "data/routes.csv",
        include_str!("../../../manifests/demo/data/routes.csv"),
    ),
];

/// How long the effect of a command may take to show.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Instances that one call carries.
const ROWS: usize = 1_000;

#[derive(Deserialize)]
struct Plan {
    database: String,
    loads: Vec<Load>,
}

#[derive(Deserialize)]
struct Load {
    file: String,
    class: String,
    map: HashMap<String, Column>,
}

/// What a column of a file is.
#[derive(Deserialize)]
#[serde(untagged)]
enum Column {
    Property(String),
    Reference { predicate: String, target: String },
}

/// Loads every file of the plan; tells how many instances of each class there are now.
pub(super) async fn load(client: &Client, ontology: &str) -> anyhow::Result<Vec<(String, usize)>> {
    let plan: Plan = documents(LOAD)?
        .into_iter()
        .next()
        .context("the demo has no plan")?;
    let types = property_types(ontology)?;
    let mut loaded = Vec::new();
    for load in &plan.loads {
        let rows = read(load, &types)?;
        let write = Write::on("main").wait(PATIENCE);
        for chunk in rows.chunks(ROWS) {
            let chunk = serde_json::to_string(chunk)?;
            client
                .bulk_create_with(&plan.database, &load.class, &chunk, OnError::Abort, &write)
                .await?;
        }
        loaded.push((load.class.clone(), rows.len()));
    }
    Ok(loaded)
}

/// The documents of a YAML text of the demo.
fn documents<T: DeserializeOwned>(text: &str) -> anyhow::Result<Vec<T>> {
    let roots = yaml::read(text).into_iter().filter_map(|it| it.root);
    let read = roots.map(|root| Ok(serde_json::from_str(&root.to_exact().to_json()?)?));
    read.collect()
}

/// The type of each property, by (class, property), as the YAML declares it.
fn property_types(ontology: &str) -> anyhow::Result<HashMap<(String, String), String>> {
    let mut types = HashMap::new();
    for resource in documents::<Value>(ontology)? {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for property in resource["spec"]["properties"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let key = (text(&resource["spec"]["class"]), text(&property["name"]));
            types.insert(key, text(&property["type"]));
        }
    }
    Ok(types)
}

fn read(load: &Load, types: &HashMap<(String, String), String>) -> anyhow::Result<Vec<Value>> {
    let Some((_, text)) = FILES.iter().find(|(name, _)| *name == load.file) else {
        bail!("{} is not part of the demo", load.file);
    };
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head = reader.headers()?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record?;
        let mut row = Map::new();
        for (name, cell) in head.iter().zip(&record) {
            let Some(column) = load.map.get(name).filter(|_| !cell.is_empty()) else {
                continue;
            };
            let (key, value) = match column {
                Column::Reference { predicate, target } => {
                    (predicate, Value::String(format!("{target}/{cell}")))
                }
                Column::Property(property) => {
                    let kind = types.get(&(load.class.clone(), property.clone()));
                    (
                        property,
                        convert(cell, kind.map_or("string", String::as_str))?,
                    )
                }
            };
            row.insert(key.clone(), value);
        }
        rows.push(Value::Object(row));
    }
    Ok(rows)
}

fn convert(cell: &str, kind: &str) -> anyhow::Result<Value> {
    let is_plain = matches!(
        kind,
        "integer" | "decimal" | "number" | "float" | "double" | "boolean"
    );
    if !is_plain {
        return Ok(cell.into());
    }
    serde_json::from_str(cell).with_context(|| format!("{cell:?} is no {kind}"))
}
