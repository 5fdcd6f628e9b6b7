//! A dry run: checks a row against its class, without rules that involve other instances
//! (references, unique values).

use serde_json::{Value, json};
use spice_client::RowError;
use spice_core::{command::RawData, id::CommandId, name::InstanceId, ontology::Class};
use uuid::Uuid;

use crate::{batch::Batch, shape::Shape};

/// The rows of a batch that their class refuses, as the api would answer.
pub(crate) fn check<S: Shape>(shape: &S, batch: &Batch<S::Raw>) -> Vec<RowError> {
    let Some(class) = batch.class().and_then(|name| shape.class(name)) else {
        return Vec::new();
    };
    let rows = batch
        .rows_to_send()
        .zip(1..)
        .filter_map(|((index, _), number)| {
            let data: RawData = serde_json::from_slice(batch.data(index)).unwrap_or_default();
            check_row(class, batch.id(index), &data, batch.is_whole(), number)
        });
    rows.collect()
}

/// Why the class refuses a row, as the api would answer. `number` counts the rows of the request
/// from 1; with `is_whole` no defaults are applied.
fn check_row(
    class: &Class,
    id: Option<&InstanceId>,
    data: &RawData,
    is_whole: bool,
    number: usize,
) -> Option<RowError> {
    let command = CommandId(Uuid::nil());
    let instance = if is_whole {
        class.new_whole_instance(id, data, command, number - 1)
    } else {
        class.new_instance(id, data, command, number - 1)
    };
    let refusal = instance.err()?;
    let mut detail = refusal.to_detail();
    detail["row"] = json!(number);
    detail["message"] = Value::from(refusal.message);
    serde_json::from_value(detail).ok()
}
