//! Labels of all classes of a branch: exported, and set in the same shape.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use axum::http::{HeaderValue, StatusCode, header::CONTENT_DISPOSITION};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use spice_core::{
    command::Action,
    decide::Receipt,
    error::ErrorCode,
    event::ClassEvent,
    id::{CommandId, LogPosition, Sequence},
    json::Json,
    name::{BranchName, ClassName, DatabaseName},
    ontology::{Class, LabelKeys, Labels, Schema},
};

use crate::{
    http::{
        answer::{self, Answer},
        bodies::class::{CLASS_PATTERN, Text},
        call::Call,
        failure::Failure,
        submit::mark_replay,
    },
    read::{reading::Reading, wait::Needs},
};

/// The labels of all classes of a branch.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Mappings<'a> {
    database: &'a DatabaseName,
    branch: &'a BranchName,
    classes: Vec<ClassLabels>,
}

/// The commands that set labels, one per class.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LabelsSet {
    commands: Vec<ClassCommand>,
    count: usize,
}

/// A command that sets the labels of a class.
#[derive(Serialize, JsonSchema)]
struct ClassCommand {
    class_id: ClassName,
    command_id: CommandId,
    sequence: Option<Sequence>,
    position: LogPosition,
    status: &'static str,
}

/// The labels of a class, and the sequence at which they were read.
#[derive(Serialize, JsonSchema)]
struct ClassLabels {
    #[serde(flatten)]
    labels: Labels,
    event_sequence: Option<Sequence>,
    /// The id for each label, by language.
    #[schemars(with = "BTreeMap<String, LabelKeys>")]
    keys: IndexMap<String, LabelKeys>,
}

/// `{classes:[{class_id, label?, properties?, relationships?, event_sequence?}]}`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportBody {
    classes: Vec<Imported>,
    /// As in an export; ignored.
    #[serde(default, rename = "database")]
    _database: Option<String>,
    /// As in an export; ignored.
    #[serde(default, rename = "branch")]
    _branch: Option<String>,
}

/// The labels of one class.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ImportedClass")]
struct Imported {
    #[schemars(regex(pattern = CLASS_PATTERN), length(min = 1, max = 100))]
    class_id: ClassName,
    #[serde(default)]
    #[schemars(with = "Option<Text>")]
    label: Option<Json>,
    /// By name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Text>")]
    properties: IndexMap<String, Json>,
    /// By predicate.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Text>")]
    relationships: IndexMap<String, Json>,
    /// The sequence that was read; by default the current one.
    #[serde(default)]
    event_sequence: Option<Sequence>,
    /// As in an export; ignored.
    #[serde(default, rename = "keys")]
    #[schemars(with = "Option<Map<String, Value>>")]
    _keys: Option<Json>,
}

/// The labels to set, and the sequence that the client has read.
type Wanted = (Labels, Option<Sequence>);

impl From<Imported> for Wanted {
    fn from(imported: Imported) -> Self {
        let labels = Labels {
            class_id: imported.class_id,
            label: imported.label,
            properties: imported.properties,
            relationships: imported.relationships,
        };
        (labels, imported.event_sequence)
    }
}

/// One class whose labels change.
struct Change {
    class: ClassName,
    patch: Json,
    expected: Sequence,
}

/// The export under its earlier name: a file to download.
pub(crate) async fn download_mappings(call: Call) -> Answer {
    let database = call.database()?;
    let mut response = export_mappings(call).await?;
    let name = format!("attachment; filename={database}_mappings.json");
    if let Ok(name) = HeaderValue::from_str(&name) {
        response.headers_mut().insert(CONTENT_DISPOSITION, name);
    }
    Ok(response)
}

pub(crate) async fn export_mappings(call: Call) -> Answer {
    let reading = call.reading(Needs::NOTHING).await?;
    let schema = reading.schema().await?;
    let sequences = list_sequences(&reading).await?;
    let classes = schema.iter_declared().map(|class| ClassLabels {
        labels: class.own_labels(),
        event_sequence: sequences.get(&class.id).copied(),
        keys: class.label_keys(),
    });
    let data = Mappings {
        database: &reading.snapshot.stream.database,
        branch: &reading.branch,
        classes: classes.collect(),
    };
    answer::success("the labels", data)
}

pub(crate) async fn import_mappings(mut call: Call) -> Answer {
    call.database()?;
    call.branch()?;
    let body: ImportBody = call.json().await?;
    let wanted = body.classes.into_iter().map(Wanted::from).collect();
    set(&call, wanted, "labels are set, one command a class").await
}

/// Without a label, everything is called by its id.
pub(crate) async fn delete_mappings(call: Call) -> Answer {
    let reading = call.reading(Needs::NOTHING).await?;
    let now = reading.schema().await?;
    let ids: Vec<&ClassName> = now.iter_declared().map(|class| &class.id).collect();
    let before = recall(&call, &ids).await?;
    // A repeated request concerns the classes at the time of the first one.
    let then = schema_before(&call, &before).await?;
    let mut wanted = Vec::with_capacity(ids.len());
    for (class, receipt) in now.iter_declared().zip(before) {
        let class = match &then {
            None => class,
            Some(then) => match then.get_declared(&class.id) {
                None => continue,
                Some(known) if receipt.is_some() => known,
                Some(_) => class,
            },
        };
        wanted.push((name_by_ids(class), None));
    }
    let message = "labels are the ids again, one command a class";
    set(&call, wanted, message).await
}

/// The labels of a class without any set labels.
fn name_by_ids(class: &Class) -> Labels {
    let text = |id: &str| Json::from(Value::from(id));
    let mut labels = class.own_labels();
    labels.label = Some(text(class.id.as_str()));
    let properties = labels.properties.iter_mut();
    for (id, label) in properties.chain(&mut labels.relationships) {
        *label = text(id);
    }
    labels
}

async fn set(call: &Call, wanted: Vec<Wanted>, message: &str) -> Answer {
    let database = call.database()?;
    let branch = call.branch()?;
    let mut commands: Vec<ClassCommand> = Vec::new();
    let (mut completed, mut replayed) = (true, true);
    for change in plan(call, wanted).await? {
        let action = Action::UpdateClass {
            branch: branch.clone(),
            class: change.class.clone(),
            patch: change.patch,
            expected_seq: change.expected,
        };
        let part = change.class.as_str();
        let submitted = call.submit_part(database.clone(), action, part).await;
        let submitted = match submitted {
            Ok(submitted) => submitted,
            Err(failure) => return Err(failure.with("done", serde_json::to_value(commands)?)),
        };
        completed &= submitted.is_completed();
        replayed &= submitted.is_replay;
        commands.push(ClassCommand {
            class_id: change.class,
            command_id: submitted.receipt.command_id,
            sequence: submitted.receipt.sequence,
            position: submitted.receipt.position,
            status: submitted.state.as_str(),
        });
    }
    let (status, word) = if completed {
        (StatusCode::OK, "success")
    } else {
        (StatusCode::ACCEPTED, "accepted")
    };
    let is_replay = replayed && !commands.is_empty();
    let data = LabelsSet {
        count: commands.len(),
        commands,
    };
    let mut answer = answer::api(status, word, message, data)?;
    if is_replay {
        mark_replay(&mut answer);
    }
    Ok(answer)
}

/// The changes to make; all are checked before anything is written. A repeated request has its
/// original changes, and those that it did not reach.
async fn plan(call: &Call, wanted: Vec<Wanted>) -> Result<Vec<Change>, Failure> {
    let database = call.database()?;
    if call.receipt_before(&database).await?.is_some() {
        // Its commands have ids from parts of the key.
        let message = "this Idempotency-Key was used for another request; use a new one";
        return Err(Failure::new(ErrorCode::EventIdReused, message));
    }
    let ids: Vec<&ClassName> = wanted.iter().map(|(labels, _)| &labels.class_id).collect();
    let before = recall(call, &ids).await?;
    let done = before.iter().rposition(Option::is_some);
    let then = schema_before(call, &before).await?;
    let reading = call.reading(Needs::NOTHING).await?;
    let schema = reading.schema().await?;
    let sequences = list_sequences(&reading).await?;
    let mut changes = Vec::new();
    for (index, ((labels, read), receipt)) in wanted.into_iter().zip(before).enumerate() {
        if let Some(receipt) = receipt {
            changes.push(change_again(call, &labels, read, &receipt).await?);
            continue;
        }
        // If a later class was written, or it had these labels then, there was nothing to do.
        let was_unchanged = done.is_some_and(|done| index < done)
            || (then.as_ref()).is_some_and(|then| had_labels(call, then, &labels));
        if was_unchanged {
            continue;
        }
        let class = schema.get_declared(&labels.class_id);
        let (class, known) = class
            .zip(sequences.get(&labels.class_id))
            .ok_or_else(|| refuse_class(&labels.class_id))?;
        if let Some(patch) = relabel(call, class, &labels)? {
            changes.push(Change {
                class: labels.class_id,
                patch,
                expected: read.unwrap_or(*known),
            });
        }
    }
    Ok(changes)
}

/// The first answer to this request for each of these classes.
async fn recall(call: &Call, classes: &[&ClassName]) -> Result<Vec<Option<Receipt>>, Failure> {
    let database = call.database()?;
    let mut receipts = Vec::with_capacity(classes.len());
    for class in classes {
        receipts.push(call.receipt_of_part(&database, class.as_str()).await?);
    }
    Ok(receipts)
}

/// The classes at the time of the first request; none if this is the first one.
async fn schema_before(
    call: &Call,
    receipts: &[Option<Receipt>],
) -> Result<Option<Arc<Schema>>, Failure> {
    let first = receipts.iter().flatten().map(|it| it.position.0).min();
    let Some(before) = first.and_then(|first| first.checked_sub(1)) else {
        return Ok(None);
    };
    let (database, branch) = (call.database()?, call.branch()?);
    let writer = &call.api.engine.writer;
    let schema = writer.schema_at(&database, &branch, LogPosition(before));
    Ok(Some(schema.await?))
}

/// Whether a class could have these labels at the time of the first request. Labels that it could
/// not have are left for the current class to refuse.
fn had_labels(call: &Call, then: &Schema, labels: &Labels) -> bool {
    let class = then.get_declared(&labels.class_id);
    let patch = class.map(|class| relabel(call, class, labels));
    matches!(patch, Some(Ok(None)))
}

/// A change that was made before, rebuilt from the class as it was left then, because setting the
/// same labels gives the same patch. The writer decides whether it is the same command.
async fn change_again(
    call: &Call,
    labels: &Labels,
    read: Option<Sequence>,
    receipt: &Receipt,
) -> Result<Change, Failure> {
    let (reads, position) = (&call.api.reads, receipt.position.next());
    let event = reads.event(&receipt.stream, position).await?;
    let event: ClassEvent = event.data.read()?;
    let class = event.class.unwrap_or_else(Json::null);
    let class = Class::parse_stored(event.class_id, &class)?;
    let written = receipt.sequence.unwrap_or_default();
    let before = Sequence(written.0.saturating_sub(1));
    Ok(Change {
        patch: class.label_patch(labels)?,
        class: class.id,
        expected: read.unwrap_or(before),
    })
}

/// The sequence of each class.
async fn list_sequences(reading: &Reading) -> Result<HashMap<ClassName, Sequence>, Failure> {
    let records = reading.class_records().await?.into_iter();
    records
        .map(|record| Ok((record.id()?, record.event_sequence)))
        .collect()
}

/// The patch that sets the labels; none if they are already set.
fn relabel(call: &Call, class: &Class, labels: &Labels) -> Result<Option<Json>, Failure> {
    let of_class = |failure: Failure| failure.with("class_id", class.id.as_str());
    let patch = class.label_patch(labels);
    let patch = patch.map_err(|refusal| of_class(refusal.into()))?;
    let patched = class.patch(&patch);
    let patched =
        patched.map_err(|refusal| of_class(Failure::of_refusal(call.surface, refusal)))?;
    Ok((patched.own_labels() != class.own_labels()).then_some(patch))
}

fn refuse_class(class: &ClassName) -> Failure {
    let message = format!("there is no class {class} on this branch");
    Failure::new(ErrorCode::NotFound, message).with("class_id", class.as_str())
}
