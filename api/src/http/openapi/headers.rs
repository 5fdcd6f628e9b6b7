//! The headers of answers.

use serde_json::{Value, json};

/// The headers of an answer.
pub(super) fn of_answer(is_command: bool) -> Value {
    let mut headers = json!({"X-Request-Id": reference("RequestId")});
    if is_command {
        headers["Preference-Applied"] = reference("PreferenceApplied");
        headers["Idempotent-Replayed"] = reference("IdempotentReplayed");
    }
    headers
}

pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}

/// The headers that answers refer to.
pub(super) fn known() -> Value {
    let text =
        |description: &str| json!({"description": description, "schema": {"type": "string"}});
    json!({
        "RequestId": text("The id of the request: from the client, or generated."),
        "PreferenceApplied": text("`wait`, if the client asked to wait."),
        "IdempotentReplayed": text(
            "`true` if the same `Idempotency-Key` was used before and this is the first answer again."
        ),
        "RetryAfter": text("Seconds to wait before the next try."),
    })
}
