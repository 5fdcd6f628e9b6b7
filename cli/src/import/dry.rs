//! A dry run: what a class says of a row, without what others hold (references, unique values).

use serde_json::{Value, json};
use spice_client::RowError;
use spice_core::{command::RawData, id::CommandId, name::InstanceId, ontology::Class};
use uuid::Uuid;

/// Why the class refuses a row, as the api would say it. `number` counts the rows of the request
/// from 1; `is_whole`: what the row leaves out stays out.
pub(super) fn check_row(
    class: &Class,
    id: Option<&InstanceId>,
    data: &RawData,
    is_whole: bool,
    number: usize,
) -> Option<RowError> {
    let command = CommandId(Uuid::nil());
    let made = if is_whole {
        class.new_whole_instance(id, data, command, number - 1)
    } else {
        class.new_instance(id, data, command, number - 1)
    };
    let refusal = made.err()?;
    let mut detail = refusal.to_detail();
    detail["row"] = json!(number);
    detail["message"] = Value::from(refusal.message);
    serde_json::from_value(detail).ok()
}
