//! A dry run: checks a row against its class, without rules that involve other instances
//! (references, unique values).

use serde_json::{Value, json};
use spice_client::RowError;
use spice_core::{command::RawData, id::CommandId};
use uuid::Uuid;

use crate::{batch::Batch, shape::Shape};

/// The rows of a batch that their class refuses, as the api would answer.
pub(crate) fn check(shape: &dyn Shape, batch: &Batch) -> Vec<RowError> {
    let Some(class) = batch.class.as_ref().and_then(|name| shape.class(name)) else {
        return Vec::new();
    };
    let command = CommandId(Uuid::nil());
    let rows = batch.rows_to_send().enumerate();
    let refused = rows.filter_map(|(sent, (index, _))| {
        let data: RawData = serde_json::from_slice(batch.data(index)).unwrap_or_default();
        let instance = if batch.is_whole {
            class.new_whole_instance(batch.id(index), &data, command, sent)
        } else {
            class.new_instance(batch.id(index), &data, command, sent)
        };
        let refusal = instance.err()?;
        let mut detail = refusal.to_detail();
        detail["row"] = json!(sent + 1);
        detail["message"] = Value::from(refusal.message);
        serde_json::from_value(detail).ok()
    });
    refused.collect()
}
