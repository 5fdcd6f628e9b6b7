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
        "RequestId": text("The id of the request: the client's, or ours."),
        "PreferenceApplied": text("`wait`, when the client preferred to wait."),
        "IdempotentReplayed": text(
            "`true`, when the same `Idempotency-Key` came before and this is the first answer again."
        ),
        "RetryAfter": text("After how many seconds to try again."),
    })
}
